"""Puts the measured figures of all runs into the README, beside what others reported: ``python docs/results.py``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from emotion_core.compare import Comparison, Entry, compare, load_store, reported_entries  # noqa: E402
from emotion_core.results.run import DEFAULT_RUN  # noqa: E402

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"

BENCHMARKS = {
    "affectnet-3999": "AffectNet's 3,999 images, split 42",
    "ferplus": "FER+",
    "fer2013-4": "FER-2013, four classes",
    "schematic": "Schematic faces",
}
SHOWN = {
    "accuracy": "accuracy",
    "f1_macro": "F1, macro",
    "ccc_valence": "CCC, valence",
    "ccc_arousal": "CCC, arousal",
    "rmse_valence": "RMSE, valence ↓",
    "rmse_arousal": "RMSE, arousal ↓",
}


def render(folder: Path) -> str:
    """The README's section on results: a table for each benchmark that runs were measured on.

    Args:
        folder: that holds the runs.
    """
    store = load_store(folder)
    parts = [
        "Measured rows have a 95 % bootstrap interval over images. The best value is **bold**; *italic* ones cannot be told "
        "from it (paired tests, Holm's correction over all pairs). Rows of others are as they reported them, on the images "
        "that they name, without a test. No test image chose anything: epochs were chosen on validation images.",
    ]
    for dataset, title in BENCHMARKS.items():
        entries = [entry for entry in store.entries if entry.dataset == dataset and entry.split == "test"]
        if entries:
            parts += ["", f"**{title}**, {_images(entries)}", "", *_table(entries, reported_entries(dataset))]
    parts += [
        "",
        f"`{DEFAULT_RUN}` is the run that Predict starts with. `python -m emotion_core evaluate RUN --dataset DATASET "
        "--data-root DIR --split test` measures a run, `python docs/results.py` writes these tables.",
    ]
    return "\n".join(parts)


def _images(entries: Sequence[Entry]) -> str:
    prints = sorted({f"{entry.images:,} test images (fingerprint `{entry.fingerprint}`)" for entry in entries})
    return " and ".join(prints)


def _table(entries: Sequence[Entry], reported: Sequence[Entry]) -> list[str]:
    """Rows of one benchmark, the best accuracy first, measured ones before reported ones."""
    shown = [key for key in SHOWN if any(key in entry.measures for entry in entries)]
    comparison = compare(entries, shown)
    ranked = sorted(entries, key=lambda entry: -_value(entry, shown[0]))
    others = sorted(
        (entry for entry in reported if any(key in entry.measures for key in shown)), key=lambda entry: -_value(entry, shown[0])
    )
    return [
        f"| run | {' | '.join(SHOWN[key] for key in shown)} |",
        f"|---|{'---|' * len(shown)}",
        *(f"| `{entry.name}` | {' | '.join(_cell(comparison, entry, key) for key in shown)} |" for entry in ranked),
        *(
            f"| {entry.backbone}, reported by {entry.source} | {' | '.join(_plain(entry, key) for key in shown)} |"
            for entry in others
        ),
    ]


def _value(entry: Entry, key: str) -> float:
    measure = entry.measures.get(key)
    return -1.0 if measure is None or measure.value != measure.value else measure.value


def _cell(comparison: Comparison, entry: Entry, key: str) -> str:
    measure = entry.measures.get(key)
    if measure is None or measure.low is None or measure.value != measure.value:
        return ""
    text = f"{measure.value:.3f} [{measure.low:.3f}, {measure.high:.3f}]"
    alone = len(comparison.entries) < 2
    mark = "" if alone else comparison.marks.get(key, {}).get(entry.name, "")
    return {"best": f"**{text}**", "like best": f"*{text}*"}.get(mark, text)


def _plain(entry: Entry, key: str) -> str:
    measure = entry.measures.get(key)
    return "" if measure is None or measure.value != measure.value else f"{measure.value:.3f}"


def replace(text: str, section: str) -> str:
    """The README with another section between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{section}\n{END}{after}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(replace(readme.read_text(encoding="utf-8"), render(ROOT / "checkpoints")), encoding="utf-8")
