"""From a table to an evaluation: images found, expressions that both know, and everything that looks wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.data.datasets import DATASETS
from emotion_core.errors import ResultsError
from emotion_core.importing.checks import check_chance, check_copied, check_order
from emotion_core.importing.columns import Columns
from emotion_core.importing.joining import join_names
from emotion_core.importing.outputs import Finding, ReadOutputs, read_labels, read_outputs
from emotion_core.importing.reading import as_numbers, as_text
from emotion_core.importing.truth import Truth
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.summaries import decide_between
from emotion_core.texts import listing, shorten

SHOWN = 3
"""Names of a kind that a message shows."""

_STRANGE = re.compile(r"[<>\x00-\x1f\x7f]|^\s*[=+@]")
"""What no name of an image needs, and what a page or a spreadsheet would take for more than a name."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Results that could become an evaluation.

    Attributes:
        truth: of the benchmark.
        predictions: a row an image that the network can answer, with the columns of ``predictions.parquet``.
        classes: the expressions that it decides between, in the order of ``EXPRESSIONS``.
        outputs: what it predicts: ``"expression"``, ``"affect"``, or both.
        findings: what was noticed, doubts first.
        matched: how many rows were found by ``full`` name, its ``end`` or its ``stem``.
        rows: of the file.
    """

    truth: Truth
    predictions: pd.DataFrame
    classes: tuple[str, ...]
    outputs: tuple[str, ...]
    findings: tuple[Finding, ...]
    matched: Mapping[str, int]
    rows: int

    @property
    def doubts(self) -> tuple[str, ...]:
        """What looks like a mistake."""
        return tuple(finding.text for finding in self.findings if finding.doubt)


def prepare(
    table: pd.DataFrame,
    columns: Columns,
    truth: Truth | None,
    *,
    own: str = "",
    min_share: float = 1.0,
    affect_range: tuple[float, float] = (-1.0, 1.0),
) -> Prepared:
    """Join results with the truth and check them.

    Args:
        table: as :func:`~emotion_core.importing.reading.read_results` gives it.
        columns: what its columns mean.
        truth: of the benchmark; ``None`` where the table's own ``truth`` makes a benchmark.
        own: name of that benchmark's dataset.
        min_share: of the images that the network can answer, so many have to have a prediction, in (0, 1].
        affect_range: of predicted valence and arousal, which becomes [-1, 1].

    Raises:
        ResultsError: something is missing or wrong that no confirmation mends.
    """
    if columns.unsure:
        raise ResultsError(" ".join(columns.unsure))
    if not 0 < min_share <= 1:
        raise ResultsError(f"The share of images with a prediction has to lie between 0 and 1, not {min_share:g}.")
    findings: list[Finding] = []
    names = [name.strip() for name in as_text(table[columns.image])]
    if "" in names:
        raise ResultsError(f"Row {names.index('') + 1:,} has an empty name in '{shorten(columns.image)}'.")
    if truth is None:
        truth = own_truth(table, columns, names, own)
        joined = join_names(names, truth.frame["sample_id"].astype(str))
    else:
        joined = join_names(names, truth.frame["sample_id"].astype(str), truth.split)
    found = pd.Series(joined.ids, index=table.index, dtype=object)
    if not found.notna().any():
        raise ResultsError(_nothing_found(table, columns, names, truth))
    findings += _strangers([name for name, one in zip(names, joined.ids, strict=True) if one is None], truth)
    answered = found.notna() & _answered(table, columns)
    rows = table[answered].assign(**{_ID: found[answered]})
    if not len(rows):
        raise ResultsError("Every row that names an image of the benchmark is empty.")
    rows = _once(rows, columns, findings)
    outputs = read_outputs(rows, columns, affect_range)
    findings += outputs.findings
    ids = rows[_ID].to_numpy(dtype=object)
    predictions, classes = _predictions(truth, ids, outputs)
    findings += _coverage(truth, predictions, classes, outputs, min_share)
    findings += _check(predictions, outputs, classes)
    if columns.truth and truth.dataset != own:
        findings += _same_truth(rows, columns, truth)
    says = {"expression": not np.isnan(outputs.probs).all(), "affect": not np.isnan(outputs.affect).all()}
    return Prepared(
        truth=truth,
        predictions=predictions,
        classes=classes,
        outputs=tuple(output for output, said in says.items() if said),
        findings=tuple(sorted(findings, key=lambda finding: not finding.doubt)),
        matched=joined.how,
        rows=len(table),
    )


_ID = "\0id"
"""A column that no file has."""


def own_truth(table: pd.DataFrame, columns: Columns, names: list[str], dataset: str) -> Truth:
    """The benchmark that a table with a column of true expressions makes of its own.

    Raises:
        ResultsError: it says nothing that is true, its name is taken, or a name or label is none.
    """
    if not columns.truth and not columns.true_affect:
        raise ResultsError("No column says what is true of the images. Map one to 'truth', or name a benchmark that there is.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", dataset):
        raise ResultsError(f"'{shorten(dataset)}' cannot name a benchmark: letters, digits, '.', '_' and '-' only.")
    if dataset in DATASETS:
        raise ResultsError(f"'{dataset}' is a dataset that there is already. Give the file's own benchmark another name.")
    ids = [name.replace("\\", "/").removeprefix("./") for name in names]
    for row, name in enumerate(ids, start=1):
        if _STRANGE.search(name) or len(name) > 1000:
            raise ResultsError(f"Row {row:,} names the image '{shorten(name, 40)}', which is no name of a file.")
    twice = pd.Series(ids)[pd.Series(ids).duplicated()]
    if len(twice):
        raise ResultsError(f"The image '{shorten(twice.iloc[0])}' stands in the file twice. Which row counts?")
    nothing = pd.Series(np.nan, index=table.index)
    labels = read_labels(table[columns.truth], columns.truth, columns.classes) if columns.truth else [None] * len(table)
    affect = {
        name: as_numbers(table[column], column) if (column := columns.true_affect.get(name)) else nothing for name in AFFECT
    }
    for name, values in affect.items():
        if (np.abs(np.asarray(values)) > 1).any():
            raise ResultsError(f"The true {name} of some images lies outside [-1, 1].")
    frame = pd.DataFrame(
        {"sample_id": ids, "expression": pd.Series(labels, dtype=object), **{k: np.asarray(v) for k, v in affect.items()}}
    )
    return Truth(dataset=dataset, split="test", frame=frame)


def _answered(table: pd.DataFrame, columns: Columns) -> pd.Series:
    """Rows in which the network predicts anything: where it found no face, all of its cells are empty."""
    said = [*columns.scores.values(), *([columns.label] if columns.label else []), *columns.affect.values()]
    cells = table[said]
    empty = cells.isna() | cells.isin(["", "nan", "NaN", "None", "null"])
    return ~empty.all(axis=1)


def _once(rows: pd.DataFrame, columns: Columns, findings: list[Finding]) -> pd.DataFrame:
    """Each image once; rows that say the same of it count as one.

    Raises:
        ResultsError: two rows say something else of the same image.
    """
    said = [_ID, *columns.scores.values(), *([columns.label] if columns.label else []), *columns.affect.values()]
    different = rows.drop_duplicates(subset=said)
    twice = different[different[_ID].duplicated()]
    if len(twice):
        image = twice[_ID].iloc[0]
        numbers = [f"{index + 1:,}" for index in different.index[different[_ID] == image][:SHOWN]]
        raise ResultsError(
            f"{twice[_ID].nunique():,} images have several rows that differ, such as '{shorten(str(image))}' (rows "
            f"{listing(numbers)}). Which one counts? Keep one row an image."
        )
    if len(different) < len(rows):
        findings.append(Finding(f"{len(rows) - len(different):,} rows repeat another one and count once."))
    return different


def _predictions(truth: Truth, ids: npt.NDArray[np.object_], outputs: ReadOutputs) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows of the images that can be answered, in the benchmark's order, and the expressions that are decided between."""
    answers = pd.DataFrame(outputs.probs, columns=[f"prob_{name}" for name in EXPRESSIONS], index=ids)
    for place, name in enumerate(AFFECT):
        answers[f"pred_{name}"] = outputs.affect[:, place]
    classes = truth.classes if not outputs.classes else tuple(name for name in truth.classes if name in outputs.classes)
    frame = truth.frame[truth.frame["sample_id"].isin(answers.index)]
    if outputs.classes:
        frame = frame[frame["expression"].isna() | frame["expression"].isin(classes)]
    if not len(frame):
        raise ResultsError("None of these images shows an expression that the network knows.")
    frame = frame.reset_index(drop=True)
    predictions = frame.join(answers.loc[frame["sample_id"]].reset_index(drop=True))
    # Single precision, as all evaluations are stored.
    probs = {f"prob_{name}": np.float32 for name in EXPRESSIONS}
    return decide_between(predictions, classes).astype(probs | {f"pred_{name}": np.float32 for name in AFFECT}), classes


def _coverage(
    truth: Truth, predictions: pd.DataFrame, classes: tuple[str, ...], outputs: ReadOutputs, min_share: float
) -> list[Finding]:
    can = truth.frame
    if outputs.classes:
        can = can[can["expression"].isna() | can["expression"].isin(classes)]
    missing = can["sample_id"][~can["sample_id"].isin(predictions["sample_id"])].astype(str).tolist()
    share = 1 - len(missing) / len(can)
    if share < min_share:
        raise ResultsError(
            f"{len(missing):,} of the {len(can):,} images of {truth.key} that it could answer have no prediction, such as "
            f"{_some(missing)}. That is a share of {share:.3f}, and {min_share:g} is asked for (--min-share)."
        )
    found = []
    if missing:
        found.append(
            Finding(f"{len(missing):,} of {len(can):,} images have no prediction, such as {_some(missing)}; the others count.")
        )
    if len(can) < len(truth.frame):
        unknown = [name for name in truth.classes if name not in classes]
        found.append(
            Finding(
                f"It does not know {listing(unknown)}: {len(can):,} of the {len(truth.frame):,} images show an expression that "
                "it can name. Beside other runs it is compared on these, each run between the expressions that all know."
            )
        )
    more = [name for name in outputs.classes if name not in truth.classes]
    if more:
        found.append(
            Finding(f"{truth.dataset} has no {listing(more)}, so it decides between the other {len(classes)} expressions.")
        )
    return found


def _strangers(names: list[str], truth: Truth) -> list[Finding]:
    """Rows that name other images than those of the split."""
    if not names:
        return []
    elsewhere = truth.elsewhere()
    found = pd.Series(join_names(names, elsewhere).ids, dtype=object).dropna()
    splits = found.map(dict(elsewhere)).value_counts()
    text = f"{len(names):,} rows name no image of {truth.key}, such as {_some(names)}, and do not count."
    if len(splits):
        parts = [f"{count:,} in {split or 'no split'}" for split, count in splits.items()]
        text += f" Of these {listing(parts)}: images that networks may be trained on, which would flatter it."
    return [Finding(text)]


def _check(predictions: pd.DataFrame, outputs: ReadOutputs, classes: tuple[str, ...]) -> list[Finding]:
    known = predictions["expression"].notna().to_numpy()
    if not outputs.classes or not known.any():
        return []
    probs = predictions.loc[known, [f"prob_{name}" for name in EXPRESSIONS]].to_numpy(dtype=np.float64)
    preds = probs.argmax(axis=1)
    target = predictions["expression"][known].map(EXPRESSIONS.index).to_numpy(dtype=np.int64)
    order = [name for name in outputs.classes if name in classes]
    names_only = bool(np.isin(probs, (0.0, 1.0)).all())
    found = [*check_order(preds, target, order), *check_copied(preds, target, names_only)]
    return found or check_chance(preds, target)


def _same_truth(rows: pd.DataFrame, columns: Columns, truth: Truth) -> list[Finding]:
    """Whether the file's own labels are those of the benchmark."""
    try:
        said = pd.Series(read_labels(rows[columns.truth], columns.truth, columns.classes), index=rows[_ID], dtype=object)
    except ResultsError:
        return []
    known = truth.frame.set_index("sample_id")["expression"].reindex(said.index)
    other = (said != known) & said.notna() & known.notna()
    if not other.any():
        return []
    return [
        Finding(
            f"The column '{shorten(columns.truth)}' differs from the truth of {truth.key} for {other.sum():,} of {len(said):,} "
            f"images, such as '{shorten(str(other.idxmax()))}'. What counts is the benchmark's.",
            doubt=True,
        )
    ]


def _nothing_found(table: pd.DataFrame, columns: Columns, names: list[str], truth: Truth) -> str:
    """Says so, and which column has the names if another one does."""
    ids = truth.frame["sample_id"].astype(str).tolist()
    text = (
        f"No row names an image of {truth.key}: '{shorten(columns.image)}' holds {_some(names)}, and its images are called "
        f"{_some(ids)}."
    )
    for column in table.columns:
        if str(column) != columns.image:
            others = join_names([str(name) for name in as_text(table[column].head(1000))], ids, truth.split).ids
            share = sum(one is not None for one in others)
            if share > len(others) / 2:
                return f"{text} The column '{shorten(str(column))}' does: did you mean it?"
    return text


def _some(names: list[str]) -> str:
    return ", ".join(f"'{shorten(name, 40)}'" for name in names[:SHOWN])


def benchmark_of(prepared: Prepared) -> dict[str, object]:
    """What ``metrics.json`` says of the whole benchmark."""
    truth = prepared.truth
    return {"fingerprint": truth.fingerprint(), "images": len(truth.frame), "classes": list(truth.classes)}
