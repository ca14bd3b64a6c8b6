"""What the browser is told of an image that somebody judges."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
from PIL import Image

from emotion_core.inspection.table import probabilities
from emotion_core.texts import shorten, signed
from pages.errors.heat import OFF, PREDICTED, TRUE
from pages.shared.inspected import Inspected, Rows
from pages.shared.pictures import pictures_root, read_picture

LARGEST = 480
"""Longest side of a picture that is sent, px: what is shown of it on a fine screen."""

Picture = npt.NDArray[np.uint8]


def desk_items(inspected: Inspected, rows: Rows, heat: str, said: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Any]:
    """Pictures with all that is known about them, in the order of ``rows``.

    Args:
        inspected: where they come from.
        rows: their positions.
        heat: one of :data:`~pages.errors.heat.HEAT`.
        said: what reviewers say, by id; see :func:`said_lines`.
    """
    ids = inspected.ids(rows)
    root = pictures_root(inspected.dataset)
    heats = _heats(inspected, rows, heat) if heat != OFF else [[] for _ in ids]
    return [
        _item(inspected, row, sample_id, _sent(inspected.dataset, root, sample_id), shown)
        | {"heat": heat, "said": list(said.get(sample_id, ()))}
        for row, sample_id, shown in zip(rows.tolist(), ids, heats, strict=True)
    ]


def said_lines(history: pd.DataFrame, reviewer: str) -> dict[str, list[dict[str, Any]]]:
    """What was said about images, by id: a line each, and the number of the review where it is the reviewer's own and stands.

    Args:
        history: from :meth:`~emotion_core.results.reviews.ReviewStore.histories`.
        reviewer: who looks.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for row in history.to_dict("records"):
        what = f"{row['verdict']} → {row['expression']}" if row["expression"] else str(row["verdict"])
        gone = isinstance(row["withdrawn_by"], str)
        taken = f", withdrawn by {shorten(row['withdrawn_by'], 40)}" if gone else ""
        line = {
            "words": f"⚑ {what} · {shorten(row['reviewer'], 40)} · {row['at']:%Y-%m-%d %H:%M} UTC{taken}",
            "note": row["note"],
            "own": row["id"] if not gone and row["reviewer"] == reviewer else None,
        }
        found.setdefault(str(row["sample_id"]), []).append(line)
    return found


def _item(inspected: Inspected, row: int, sample_id: str, src: str | None, heats: list[dict[str, str]]) -> dict[str, Any]:
    image = inspected.table.iloc[row]
    true, suggested = image["expression"], image["suggested_0"]
    guesses = [name for name in (suggested, image["predicted_0"]) if isinstance(name, str) and name != true]
    return {
        "id": sample_id,
        "short": shorten(sample_id),
        "title": _title(inspected, image),
        "src": src,
        "alt": shorten(sample_id),
        "heats": heats,
        "true": true if isinstance(true, str) else None,
        "prefer": guesses[0] if guesses else None,
        "runs": [
            {"name": f"{'AB'[number]}: {shorten(name, 30)}", "probabilities": probs}
            for number, name in enumerate(inspected.names)
            if (probs := _probabilities(inspected, row, number))
        ],
        "lines": _affect(inspected, image),
        "facts": _facts(inspected, image),
    }


def _title(inspected: Inspected, image: pd.Series) -> list[tuple[str, str]]:
    true = image["expression"]
    words = [(f"True {true}" if isinstance(true, str) else "No true expression", "")]
    for number in range(len(inspected.names)):
        said, correct = image[f"predicted_{number}"], image[f"correct_{number}"]
        if isinstance(said, str):
            phrase = f"predicted{' by ' + 'AB'[number] if len(inspected.names) > 1 else ''} {said}"
            tone, sign = {1.0: ("good", "✓ "), 0.0: ("bad", "✗ ")}.get(correct, ("", ""))
            words.append((sign + phrase, tone))
    return words


def _probabilities(inspected: Inspected, row: int, number: int) -> list[float]:
    probs = probabilities(inspected.table.iloc[[row]], number)[0]
    return [round(float(value), 4) for value in probs.clip(0, 1)] if np.isfinite(probs).all() else []


def _affect(inspected: Inspected, image: pd.Series) -> list[str]:
    lines = []
    for number in range(len(inspected.names)):
        parts = []
        for axis in ("valence", "arousal"):
            values = [image[axis], image[f"{axis}_{number}"]]
            if any(pd.notna(value) for value in values):
                parts.append(f"{axis} {' → '.join('–' if pd.isna(value) else signed(value, 2) for value in values)}")
        if parts:
            lines.append(f"{'AB'[number] + ': ' if len(inspected.names) > 1 else ''}{', '.join(parts)}")
    return lines


def _facts(inspected: Inspected, image: pd.Series) -> list[str]:
    """What makes one doubt the image."""
    sample_id, suggested = str(image["sample_id"]), image["suggested_0"]
    facts = []
    if isinstance(suggested, str):
        facts.append(
            f"Confident learning suggests {suggested}: trust in the label is {image['trust_0']:.3f}, where 1 is usual for "
            f"{image['expression']}."
        )
    if sample_id in inspected.flags.conflicts:
        facts.append("The same pixels occur again with another label.")
    if sample_id in inspected.flags.leaked:
        facts.append("The same pixels also stand in the training split.")
    return facts


def _heats(inspected: Inspected, rows: Rows, heat: str) -> list[list[dict[str, str]]]:
    """Heat maps of every run over every picture, all from one pass a run."""
    with st.spinner("Getting ready …"):
        from pages.errors.overlays import overlaid, predictors_of, read_maps
    ids, root = inspected.ids(rows), pictures_root(inspected.dataset)
    found: list[list[dict[str, str]]] = [[] for _ in ids]
    for name, predictor in predictors_of(inspected.entries).items():
        number = inspected.names.index(name)
        who = f"{'AB'[number]}: " if len(inspected.names) > 1 else ""
        column = {PREDICTED: f"predicted_{number}", TRUE: "expression"}.get(heat)
        outputs = [heat] * len(ids) if column is None else inspected.table[column].astype(object).to_numpy()[rows].tolist()
        for place, maps in enumerate(read_maps(predictor, inspected.dataset, ids)):
            picture, output = read_picture(inspected.dataset, root, ids[place]), outputs[place]
            if maps is None or picture is None or output not in maps:
                found[place].append({"src": "", "words": f"{who}no heat map of {shorten(str(output))}", "alt": ""})
                continue
            alt = f"Heat map of {name} for {output} over {shorten(ids[place])}, dark is 0, pale yellow is 1"
            found[place].append({"src": _url(overlaid(picture, maps[output])), "words": f"{who}{output}, 0 to 1", "alt": alt})
    return found


@st.cache_data(show_spinner=False, max_entries=1_000)
def _sent(dataset: str, root: str, sample_id: str) -> str | None:
    pixels = read_picture(dataset, root, sample_id)
    return None if pixels is None else _url(pixels)


def _url(pixels: Picture) -> str:
    picture = Image.fromarray(pixels)
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
