"""The model card: ``README.md`` of a run, generated from what the run folder holds."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from emotion_core.data.datasets import DATASETS
from emotion_core.errors import CheckpointError
from emotion_core.metrics.table import METRICS
from emotion_core.results.experiments import read_experiment, root_of
from emotion_core.results.files import write_text
from emotion_core.results.run import UNKNOWN, Run, RunInfo, describe_selection, purpose_of_validation
from emotion_core.results.slices import LEGEND, read_slices, slice_rows
from emotion_core.results.summaries import read_predictions
from emotion_core.results.tables import export_table
from emotion_core.results.weaknesses import describe_weaknesses
from emotion_core.texts import printable


def write_card(run: Run) -> None:
    """Write the card of a run; call it again after every evaluation."""
    write_text(run.path / "README.md", render_card(run))


def render_card(run: Run) -> str:
    """The card's text: Hugging Face front matter, what it is, how it was trained, what it reaches, what it must not do."""
    info = run.info
    dataset = str(info.dataset.get("name", "unknown"))
    lines = [*_front_matter(run, dataset), "", f"# {run.name}", "", *_place(run)]
    lines.append(f"{_outputs(info.outputs)} of one face{_network(info)}.")
    lines += ["", "## Results", ""]
    evaluations, unusable = run.read_evaluations()
    # The reason names a path of this machine.
    for key in unusable:
        lines += [f"The evaluation {key} cannot be used. Evaluate the run again.", ""]
    if not evaluations and not unusable:
        lines += ["Not evaluated yet.", ""]
    for metrics in evaluations.values():
        lines += [*_results(metrics), ""]
    for evaluation, metrics in evaluations.items():
        if weaknesses := _weaknesses(run, evaluation):
            lines += [f"## Where it goes wrong: {metrics['dataset']}, {metrics['split']} split", "", *weaknesses, ""]
        if slices := read_slices(run, evaluation):
            lines += [*export_table(pd.DataFrame(slice_rows(slices)), "markdown").splitlines(), "", LEGEND, ""]
    if info.role == "imported":
        lines += [*_imported(run), "", "## Limits", "", *LIMITS[:2]]
        return "\n".join(lines) + "\n"
    lines += ["## Training", "", *_training(run, dataset)]
    lines += ["", "## Limits", "", *LIMITS, "", "## Data and licence", ""]
    for name in [source["dataset"] for source in info.dataset.get("sources", ())] or [dataset]:
        lines.append(f"Trained on {name}. {_terms(name)}".strip())
    start = str(info.init)
    if start not in ("scratch", "imagenet"):
        lines.append(f"Started from the weights of `{start}`; the terms of its data hold as well.")
    return "\n".join(lines) + "\n"


def _place(run: Run) -> list[str]:
    """What the run is in its experiment."""
    info = run.info
    about = f"`{info.variant_of}` with a change: {info.changed}. " if info.variant_of and info.changed else ""
    if not run.experiment:
        return [about.strip(), ""] if about else []
    try:
        experiment = read_experiment(root_of(run.path) / run.experiment)
    except CheckpointError:
        return [f"{info.role.capitalize()} in the experiment `{run.experiment}`. {about}".strip(), ""]
    return [f"{info.role.capitalize()} in the experiment “{experiment.title}”: {experiment.question} {about}".strip(), ""]


LIMITS = (
    "- An expression is what annotators saw in a face, not what a person felt.",
    "- Not for decisions about people. Emotion recognition at work and in education is banned in the European Union "
    "(Regulation 2024/1689, article 5(1)(f)), except for medical or safety reasons.",
    "- Trained on pictures from the web, labelled by few annotators: unequal quality across age, gender, skin colour, pose and "
    "light has to be expected. By age predicted with another tool, the accuracy of an earlier default network was seen to fall "
    "from 0.66 (up to 15 years) to 0.43 (above 50); that rests on predicted ages. The honest way is to slice faces by columns "
    "of your own: `python -m emotion_core slices RUN --dataset PATH.zip --by COLUMN`.",
    "- Valence and arousal are clipped to [-1, 1]; probabilities are as sure as the calibration in `run.json` makes them.",
)


def _front_matter(run: Run, dataset: str) -> list[str]:
    lines = ["---", "library_name: emotion_core", "pipeline_tag: image-classification", "license: other"]
    lines += ["license_name: research-only" if "non-commercial" in _terms(dataset) else "license_name: see-card"]
    lines += ["tags:", "- facial-expression-recognition"]
    if run.info.role != "imported":
        lines += ["- valence-arousal", f"- {run.info.backbone}", "datasets:", f"- {dataset}"]
    measures = [
        (metrics, name, metrics["measures"][name]["value"])
        for metrics in run.evaluations.values()
        for name in ("accuracy", "ccc_valence", "ccc_arousal")
        if name in metrics.get("measures", {}) and metrics.get("split") == "test"
    ]
    if measures:
        lines += ["model-index:", f"- name: {run.name}", "  results:"]
    for metrics, name, value in measures:
        lines += [
            "  - task: {type: image-classification}",
            f"    dataset: {{name: {metrics['dataset']}, type: {metrics['dataset']}, split: {metrics['split']}}}",
            f"    metrics: [{{type: {name}, value: {value:.4f}}}]",
        ]
    return [*lines, "---"]


def _terms(dataset: str) -> str:
    return DATASETS[dataset].terms if dataset in DATASETS else ""


def _outputs(outputs: tuple[str, ...]) -> str:
    parts = [text for name, text in (("expression", "eight expression probabilities"), ("affect", "valence and arousal"))
             if name in outputs]  # fmt: skip
    return " with ".join(parts).capitalize() or "Outputs"


def _network(info: RunInfo) -> str:
    """How it reads a face, as far as that is known."""
    size = f", read from {info.input_size} × {info.input_size} px" if info.input_size else ""
    backbone = f"{' with' if size else ', read with'} the backbone {info.backbone}" if info.backbone != UNKNOWN else ""
    return size + backbone + (f" ({info.num_params / 1e6:.2f} M parameters)" if info.num_params else "")


def _imported(run: Run) -> list[str]:
    """What an imported run is, and what its predictions were matched with."""
    origin = run.info.origin
    lines = [
        "## Where it comes from",
        "",
        "Somebody else's network: its predictions were imported, and no weights of it are here.",
    ]
    said = {"source": "Source", "licence": "Licence", "trained_on": "Trained on", "command": "Predictions made by"}
    said |= {"weights": "SHA-256 of its weights"}
    lines += ["", *(f"- {title}: {_plain(origin[key])}." for key, title in said.items() if key in origin)]
    lines.append("- How it was trained, and what chose its weights, is known from its authors alone.")
    for metrics in run.evaluations.values():
        for finding in (metrics.get("imported") or {}).get("findings", ()):
            lines.append(f"- On {metrics['dataset']}, {metrics['split']} split: {_plain(finding)}")
    return lines


def _plain(text: object) -> str:
    """Text from outside, on one line and without markup."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", printable(" ".join(str(text).split())))


def _results(metrics: dict[str, Any]) -> list[str]:
    seed = f", seed {metrics['seed']}" if "seed" in metrics else ""
    lines = [
        f"{metrics['dataset']}, {metrics['split']} split: {metrics['images']} images (fingerprint `{metrics['fingerprint']}`)"
        f"{seed}{', flip test-time augmentation' if metrics.get('flip') else ''}.",
        "",
        "| measure | value | 95 % interval over images |",
        "|---|---|---|",
    ]
    for name, measure in metrics["measures"].items():
        if measure["value"] is None:
            lines.append(f"| {_header(name)} | not defined | |")
        else:
            lines.append(f"| {_header(name)} | {measure['value']:.3f} | {measure['low']:.3f} to {measure['high']:.3f} |")
    rest = metrics.get("without_leaked")
    if rest:
        shown = [name for name in ("accuracy", "ccc_valence", "ccc_arousal") if name in rest["measures"]]
        figures = ", ".join(f"{METRICS[name].title} {rest['measures'][name]['value']:.3f}" for name in shown)
        lines += [
            "",
            f"Without the {rest['left_out']} images that also stand in the training split: {figures}.",
        ]
    if metrics.get("collapse"):
        lines += ["", f"**Collapsed**: {'; '.join(metrics['collapse'])}."]
    return lines


def _header(name: str) -> str:
    """What a measure is called; the key of one that is no longer computed."""
    return METRICS[name].header if name in METRICS else f"`{name}`"


def _weaknesses(run: Run, evaluation: str) -> list[str]:
    try:
        return describe_weaknesses(read_predictions(run, evaluation))
    except ValueError:  # a CheckpointError too; its words name a path of this machine
        return ["Not known: the stored predictions cannot be used. Evaluate the run again."]


def _source(source: dict[str, Any]) -> str:
    labels = {"all": "its own labels", "affect": "valence and arousal", "expression": "one expression an image"}
    whose = labels.get(source["labels"], f"its {source['labels']}")
    if source["teacher"]:
        predicted = f"what `{source['teacher']}` predicts"
        whose = (
            predicted if source["labels"] == "teacher" else f"{whose}, valence and arousal as `{source['teacher']}` predicts"
        )
    return f"{100 * source['share']:.0f} % {source['dataset']} ({source['images']:,} images, {whose})"


def _training(run: Run, dataset: str) -> list[str]:
    info = run.info
    counts = ", ".join(
        f"{info.dataset[split]['images']:,} images to {purpose} (`{info.dataset[split]['fingerprint']}`)"
        for split, purpose in (("train", "learn from"), ("val", purpose_of_validation(info.selection)))
        if split in info.dataset
    )
    lines = [f"- Data: {dataset}; {counts}." if counts else f"- Data: {dataset}."]
    if sources := info.dataset.get("sources"):
        shares = "; ".join(_source(source) for source in sources)
        lines.append(f"- Every epoch takes images from: {shares}. No validation image is among them.")
    if members := info.training.get("members"):
        return [
            *lines,
            f"- No training of its own: the mean of the predictions of {', '.join(f'`{name}`' for name in members)}.",
        ]
    if averaged := info.training.get("averaged"):
        names = ", ".join(f"`{name}`" for name in averaged)
        return [*lines, f"- Start: {info.init}. No training of its own: the mean of the weights of {names} (a model soup)."]
    lines.append(f"- Start: {info.init}. Seed {info.seed}. {info.seconds / 60:.0f} minutes on {info.device}.")
    if info.selection:
        # Older runs have one phase and say so without naming it.
        epochs = sum(phase["epochs"] for phase in info.training.get("phases", ())) or info.training.get("epochs", "?")
        lines.append(f"- Of {epochs} epochs the stored one is {describe_selection(info.selection)}.")
    versions = ", ".join(f"{name} {version}" for name, version in info.versions.items())
    return [*lines, f"- Settings are in `run.json`, every epoch in `history.jsonl`. {versions}."]
