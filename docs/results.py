"""Puts the figures of all runs into the README, beside reported ones, and into their cards: ``python docs/results.py``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from emotion_core.compare import Comparison, Difference, Entry, compare, load_store, reported_entries  # noqa: E402
from emotion_core.compare.seeds import repeated_trainings, seed_spread  # noqa: E402
from emotion_core.metrics.significance import holm  # noqa: E402
from emotion_core.results.card import write_card  # noqa: E402
from emotion_core.results.run import DEFAULT_RUN, Run, list_runs  # noqa: E402

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
JUDGED = ("accuracy", "ccc_valence", "ccc_arousal")
"""Measures for which a sentence says what cannot be told apart."""

VARIANTS = {
    "scratch": "from random weights, without FER+",
    "frozen": "backbone frozen, heads alone learn",
    "classifier": "expression alone",
    "regressor": "valence and arousal alone",
    "mixup": "with mixup (0.3)",
    "no-smoothing": "without label smoothing",
    "no-class-weights": "without class weights",
}
"""A run named ``RUN-WORD`` with one of these words is ``RUN`` with one thing changed, for the ablations."""


MIRRORED = " ⇆"
"""Behind runs whose outputs were averaged with those of the mirror image."""


def render(folder: Path) -> str:
    """The README's section on results: a table for each benchmark that runs were measured on.

    Args:
        folder: that holds the runs.
    """
    store = load_store(folder)
    parts = [
        "Measured rows have a 95 % bootstrap interval over images. The best measured value of a table is **bold**; *italic* "
        "ones cannot be told from it (paired tests, Holm's correction over all pairs of runs in the table). Rows of others are "
        "as they reported them, on the images that they name, without a test. No test image chose anything: epochs were chosen "
        f"on validation images, or are the last ones.{MIRRORED}: outputs are the mean of each picture and its mirror image "
        "(`evaluate --flip`), as Predict reads faces, and `predict --flip`.",
    ]
    for dataset, title in BENCHMARKS.items():
        entries = [entry for entry in store.entries if entry.dataset == dataset and entry.split == "test"]
        if entries:
            names = {entry.name for entry in entries}
            hidden = repeated_trainings(entries) | {name for name in names if _changed(name, names) is not None}
            whole = [entry for entry in entries if entry.name not in hidden]
            parts += ["", f"**{title}**, {_images(entries)}", "", *_table(whole, reported_entries(dataset))]
            parts += [*_seeds(entries), *_ablations(entries)]
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
    verdicts = [text for key in JUDGED if key in shown and (text := _verdict(comparison, key))]
    ranked = sorted(entries, key=lambda entry: -_value(entry, shown[0]))
    others = sorted(
        (entry for entry in reported if any(key in entry.measures for key in shown)), key=lambda entry: -_value(entry, shown[0])
    )
    return [
        f"| run | {' | '.join(SHOWN[key] for key in shown)} |",
        f"|---|{'---|' * len(shown)}",
        *(f"| {_name(entry)} | {' | '.join(_cell(comparison, entry, key) for key in shown)} |" for entry in ranked),
        *(
            f"| {entry.backbone}, reported by {entry.source} | {' | '.join(_plain(entry, key) for key in shown)} |"
            for entry in others
        ),
        *(["", " ".join(verdicts)] if verdicts else []),
    ]


def _name(entry: Entry) -> str:
    return f"`{entry.name}`{MIRRORED if entry.views == 2 else ''}"


def _verdict(comparison: Comparison, key: str) -> str:
    """Which runs cannot be told from the best in one measure."""
    tested = {name for found in comparison.differences if found.measure == key for name in (found.first, found.second)}
    marks = {name: mark for name, mark in comparison.marks.get(key, {}).items() if name in tested}
    best = next((name for name, mark in marks.items() if mark == "best"), None)
    if best is None:
        return ""
    equal = [f"`{name}`" for name, mark in marks.items() if mark == "like best"]
    rest = f"cannot be told from {', '.join(equal)}" if equal else "is told from all others in this table"
    return f"In {SHOWN[key]}, `{best}` is the best measured in this table and {rest}."


def _changed(name: str, names: set[str]) -> tuple[str, str] | None:
    """The run that an ablation starts from, and what it changes."""
    for word in VARIANTS:
        base = name.removesuffix(f"-{word}")
        if base != name and base in names:
            return base, word
    return None


def _seeds(entries: Sequence[Entry]) -> list[str]:
    """A line for every training that was done with several seeds."""
    spreads: dict[tuple[str, ...], list[str]] = {}
    for key in JUDGED:
        for spread in seed_spread(entries, key):
            names = tuple(sorted(spread.names, key=len))
            spreads.setdefault(names, []).append(f"{SHOWN[key]} {spread.mean:.3f} ± {spread.sd:.3f}")
    lines = [f"- `{names[0]}`, {len(names)} seeds: {', '.join(texts)}." for names, texts in sorted(spreads.items())]
    return ["", "The same training with other seeds (mean ± standard deviation):", "", *lines] if lines else []


def _ablations(entries: Sequence[Entry]) -> list[str]:
    """What one change makes of a run: paired differences from it."""
    by_name = {entry.name: entry for entry in entries}
    changed = {name: found for name in by_name if (found := _changed(name, set(by_name))) is not None}
    lines: list[str] = []
    # A classifier and a regressor that are one run together are its halves, not what became of it.
    whole = {name for name, entry in by_name.items() if entry.run is None or not entry.run.info.training.get("members")}
    for base in sorted({base for base, _ in changed.values()} & whole):
        words = {name: word for name, (other, word) in changed.items() if other == base}
        ranked = sorted(words, key=lambda name: list(VARIANTS).index(words[name]))
        shown = [key for key in SHOWN if key in by_name[base].measures]
        rows: dict[str, list[str]] = {name: [] for name in ranked}
        for key in shown:
            found = {name: _against(by_name[base], by_name[name], key) for name in ranked}
            known = [name for name in ranked if found[name] is not None]
            p_values = dict(zip(known, holm([found[name].p_value for name in known]), strict=True)) if known else {}
            for name in ranked:
                rows[name].append(_difference(found[name], p_values.get(name, 1.0)))
        lines += [
            "",
            f"One change to `{base}`, one training each: difference from it over the test images (**bold**: told from it after "
            "Holm's correction over the rows; another seed alone can move a run by what the lines above show):",
            "",
            f"| change | {' | '.join(SHOWN[key] for key in shown)} |",
            f"|---|{'---|' * len(shown)}",
            *(f"| {VARIANTS[words[name]]} | {' | '.join(rows[name])} |" for name in ranked),
        ]
    return lines


def _against(base: Entry, entry: Entry, key: str) -> Difference | None:
    if key not in entry.measures:
        return None
    return compare([base, entry], [key], baseline=base.name).against_baseline(entry.name, key)


def _difference(found: Difference | None, p_value: float) -> str:
    if found is None or found.value != found.value:
        return ""
    # Adding 0 makes a negative zero positive.
    value, low, high = (round(number, 3) + 0.0 for number in (found.value, found.low, found.high))
    text = f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"
    return f"**{text}**" if p_value < 0.05 else text


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
    for run in list_runs(ROOT / "checkpoints"):
        if isinstance(run, Run):
            write_card(run)
    readme = ROOT / "README.md"
    readme.write_text(replace(readme.read_text(encoding="utf-8"), render(ROOT / "checkpoints")), encoding="utf-8")
