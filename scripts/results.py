"""Writes the figures of all runs into ``docs/results.md``, the README and the runs' cards: ``python scripts/results.py``."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = ROOT / "checkpoints"
sys.path.insert(0, str(ROOT))

from emotion_core.compare import (  # noqa: E402
    Comparison,
    Difference,
    Entry,
    compare,
    load_store,
    on_shared_images,
    reported_entries,
)  # fmt: skip
from emotion_core.compare.matrix import generalisation_matrix, matrix_legend  # noqa: E402
from emotion_core.compare.seeds import repeated_trainings, seed_spread  # noqa: E402
from emotion_core.errors import CheckpointError, ConfigError  # noqa: E402
from emotion_core.metrics.significance import holm  # noqa: E402
from emotion_core.metrics.table import METRICS  # noqa: E402
from emotion_core.results.card import write_card  # noqa: E402
from emotion_core.results.experiments import Experiment  # noqa: E402
from emotion_core.results.find import DEFAULT_RUN, list_experiments, list_runs  # noqa: E402
from emotion_core.results.run import Run  # noqa: E402

SHOWN = ("accuracy", "f1_macro", "ccc_valence", "ccc_arousal", "rmse_valence", "rmse_arousal")
JUDGED = ("accuracy", "ccc_valence", "ccc_arousal")
"""Measures for which a sentence says which runs are not significantly different."""

MIRRORED = " ⇆"
"""Behind runs that were measured with flip test-time augmentation."""

INTRODUCTION = (
    "Written by `python scripts/results.py`. Measured rows have a 95 % bootstrap interval over images. The best measured value "
    "of a table is **bold**; *italic* ones are not significantly different from it (paired tests, Holm's correction over all "
    "pairs of runs in the table). Rows of others are as they reported them, on the images that they name, without a test. No "
    "test image chose anything: epochs were chosen on validation images, or are the last ones. "
    f"{MIRRORED.strip()}: flip test-time augmentation, the mean over each picture and its mirror image (`evaluate "
    "--flip`), as Predict reads faces, and `predict --flip`. `python -m emotion_core evaluate RUN --dataset DATASET "
    "--data-root DIR --split test` measures a run."
)


def render(folder: Path, measures: Sequence[str] = SHOWN) -> str:
    """``docs/results.md``: a section for each experiment.

    Args:
        folder: that holds the runs.
        measures: keys of the columns; their words and directions are those of the table of measures.
    """
    everything = load_store(folder).entries
    entries = [entry for entry in everything if entry.split == "test" and entry.run is not None]
    lines = ["# Results", "", *textwrap.wrap(INTRODUCTION, 130), *_generalisation(everything)]
    experiments = {experiment.name: experiment for experiment in list_experiments(folder)}
    for name in [*experiments, ""]:
        mine = [entry for entry in entries if (entry.run.experiment if entry.run else "") == name]
        experiment = experiments.get(name)
        if experiment is not None:
            varies = f" What varies: {experiment.varies}." if experiment.varies else ""
            lines += ["", f"## {experiment.title}", "", f"`{name}`: {experiment.question}{varies}"]
        elif mine:
            lines += ["", "## Runs of no experiment"]
        ours = [entry for entry in entries if entry.name == DEFAULT_RUN and any(_is_imported(other) for other in mine)]
        lines += _evaluations(mine, experiment, measures, ours)
    return "\n".join(lines) + "\n"


def _generalisation(entries: Sequence[Entry]) -> list[str]:
    """Runs by datasets; nothing where no run was measured on two."""
    try:
        matrix = generalisation_matrix(entries)
    except (CheckpointError, ConfigError):
        return []
    cells = {name: [row[key].text if key in row else "" for key in matrix.evaluations] for name, row in matrix.rows.items()}
    worst = {name: "" if (cell := matrix.worst(name)) is None else cell.entry.evaluation for name in matrix.rows}
    return [
        "",
        "## How they generalise",
        "",
        *textwrap.wrap(
            f"{matrix_legend(matrix)} A row is what a network is worth, not one of its cells; "
            "`python -m emotion_core compare --matrix` prints it.",
            130,
        ),
        "",
        f"| run | {' | '.join(matrix.evaluations)} | worst on |",
        f"|---|{'---|' * (len(matrix.evaluations) + 1)}",
        *(f"| `{name}` | {' | '.join(texts)} | {worst[name]} |" for name, texts in cells.items()),
    ]


def _is_imported(entry: Entry) -> bool:
    return entry.run is not None and entry.run.info.role == "imported"


def _evaluations(
    entries: Sequence[Entry], experiment: Experiment | None, measures: Sequence[str], ours: Sequence[Entry]
) -> list[str]:
    """Tables of one experiment, that of its benchmark first; ``ours`` stand beside networks of others."""
    benchmark = "" if experiment is None else experiment.benchmark
    lines: list[str] = []
    for evaluation in sorted({entry.evaluation for entry in entries}, key=lambda key: (key != benchmark, key)):
        measured = [entry for entry in entries if entry.evaluation == evaluation]
        dataset = measured[0].dataset
        reported = reported_entries(dataset) if experiment is not None and experiment.reported else ()
        beside = [entry for entry in ours if entry.evaluation == evaluation]
        shown, words = on_shared_images([*_whole(measured), *beside])
        lines += ["", f"**{dataset}**, {_images(measured)}{f'. {words}' if words else ''}", ""]
        lines += _table(shown, reported, measures)
        lines += [*_seeds(measured), *_ablations(measured, measures)]
    return lines


def short_table(folder: Path) -> str:
    """The networks of the first experiment and the default one in Markdown, the most accurate first: how good, fast and large.

    Args:
        folder: that holds the runs.
    """
    experiment = list_experiments(folder)[0]
    entries = [
        entry
        for entry in load_store(folder).entries
        if entry.run is not None
        and (entry.run.experiment == experiment.name or entry.name == DEFAULT_RUN)
        and (entry.run.info.role, entry.evaluation) == ("network", experiment.benchmark)
    ]
    lines = [
        "| network | accuracy | CCC, valence / arousal | ms a face | size, MB |",
        "|---|---|---|---|---|",
    ]
    for entry in sorted(entries, key=lambda entry: -_value(entry, "accuracy")):
        ccc = " / ".join(_plain(entry, key) for key in ("ccc_valence", "ccc_arousal"))
        cost = [f"{entry.facts[key]:.1f}" if key in entry.facts else "" for key in ("ms_per_face", "size_mb")]
        default = ", the default" if entry.name == DEFAULT_RUN else ""
        lines.append(f"| {_name(entry)}{default} | {_cell(None, entry, 'accuracy')} | {ccc} | {' | '.join(cost)} |")
    return "\n".join(lines)


def _whole(entries: Sequence[Entry]) -> list[Entry]:
    """What stands in a table: no repetition with another seed, no ablation, and no half of a run that two make together."""
    hidden = repeated_trainings(entries) | _variants(entries).keys()
    members = {entry.name: entry.run.info.members for entry in entries if entry.run is not None}
    halves = {
        entry.name for entry in entries if entry.run is not None and entry.name in members.get(entry.run.info.variant_of, ())
    }
    return [entry for entry in entries if entry.name not in hidden | halves]


def _variants(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Ablations of another run of the same table."""
    names = {entry.name for entry in entries}
    return {
        entry.name: entry
        for entry in entries
        if entry.run is not None and entry.run.info.role == "ablation" and entry.run.info.variant_of in names
    }


def _images(entries: Sequence[Entry]) -> str:
    prints = sorted({f"{entry.images:,} test images (fingerprint `{entry.fingerprint}`)" for entry in entries})
    return " and ".join(prints)


def _table(entries: Sequence[Entry], reported: Sequence[Entry], measures: Sequence[str]) -> list[str]:
    """Rows of one benchmark, the best accuracy first, measured ones before reported ones."""
    shown = [key for key in measures if any(key in entry.measures for entry in entries)]
    comparison = compare(entries, shown)
    verdicts = [text for key in JUDGED if key in shown and (text := _verdict(comparison, key))]
    ranked = sorted(entries, key=lambda entry: -_value(entry, shown[0]))
    others = sorted(
        (entry for entry in reported if any(key in entry.measures for key in shown)), key=lambda entry: -_value(entry, shown[0])
    )
    return [
        f"| run | {' | '.join(METRICS[key].header for key in shown)} |",
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
    """Which runs are not significantly different from the best in one measure."""
    tested = {name for found in comparison.differences if found.measure == key for name in (found.first, found.second)}
    marks = {name: mark for name, mark in comparison.marks.get(key, {}).items() if name in tested}
    best = next((name for name, mark in marks.items() if mark == "best"), None)
    if best is None:
        return ""
    equal = [f"`{name}`" for name, mark in marks.items() if mark == "like best"]
    rest = (
        f"not significantly different from {', '.join(equal)}"
        if equal
        else "significantly better than all others in this table"
    )
    return f"In {METRICS[key].title}, `{best}` is the best measured in this table and is {rest}."


def _seeds(entries: Sequence[Entry]) -> list[str]:
    """A line for every training that was done with several seeds."""
    spreads: dict[tuple[str, ...], list[str]] = {}
    for key in JUDGED:
        for spread in seed_spread(entries, key):
            names = tuple(sorted(spread.names, key=len))
            spreads.setdefault(names, []).append(f"{METRICS[key].title} {spread.mean:.3f} ± {spread.sd:.3f}")
    lines = [f"- `{names[0]}`, {len(names)} seeds: {', '.join(texts)}." for names, texts in sorted(spreads.items())]
    return ["", "The same training with other seeds (mean ± standard deviation):", "", *lines] if lines else []


def _ablations(entries: Sequence[Entry], measures: Sequence[str]) -> list[str]:
    """What one change makes of a run: paired differences from it."""
    by_name = {entry.name: entry for entry in entries}
    infos = {name: entry.run.info for name, entry in _variants(entries).items() if entry.run is not None}
    lines: list[str] = []
    for base in sorted({info.variant_of for info in infos.values()}):
        ranked = [name for name, info in infos.items() if info.variant_of == base]
        shown = [key for key in measures if key in by_name[base].measures]
        rows: dict[str, list[str]] = {name: [] for name in ranked}
        for key in shown:
            found = {name: _against(by_name[base], by_name[name], key) for name in ranked}
            known = [name for name in ranked if found[name] is not None]
            p_values = dict(zip(known, holm([found[name].p_value for name in known]), strict=True)) if known else {}
            for name in ranked:
                rows[name].append(_difference(found[name], p_values.get(name, 1.0)))
        lines += [
            "",
            f"One change to `{base}`, one training each: difference from it over the test images (**bold**: significant after "
            "Holm's correction over the rows; how far another seed alone moves a run is another question):",
            "",
            f"| change | {' | '.join(METRICS[key].header for key in shown)} |",
            f"|---|{'---|' * len(shown)}",
            *(f"| {infos[name].changed} | {' | '.join(rows[name])} |" for name in ranked),
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


def _cell(comparison: Comparison | None, entry: Entry, key: str) -> str:
    measure = entry.measures.get(key)
    if measure is None or measure.low is None or measure.value != measure.value:
        return ""
    text = f"{measure.value:.3f} [{measure.low:.3f}, {measure.high:.3f}]"
    alone = comparison is None or len(comparison.entries) < 2
    mark = "" if alone or comparison is None else comparison.marks.get(key, {}).get(entry.name, "")
    return {"best": f"**{text}**", "like best": f"*{text}*"}.get(mark, text)


def _plain(entry: Entry, key: str) -> str:
    measure = entry.measures.get(key)
    return "" if measure is None or measure.value != measure.value else f"{measure.value:.3f}"


def with_networks(readme: str, table: str) -> str:
    """The README with this table between its marks."""
    begin, end = "<!-- networks:begin -->", "<!-- networks:end -->"
    return f"{readme.partition(begin)[0]}{begin}\n{table}\n{end}{readme.partition(end)[2]}"


def main() -> None:
    """Write all of it."""
    for run in list_runs(CHECKPOINTS):
        if isinstance(run, Run):
            write_card(run)
    (ROOT / "docs" / "results.md").write_text(render(CHECKPOINTS), encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(with_networks(readme.read_text(encoding="utf-8"), short_table(CHECKPOINTS)), encoding="utf-8")


if __name__ == "__main__":
    main()
