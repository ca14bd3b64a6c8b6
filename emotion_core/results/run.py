"""The run folder: all there is to know about one trained model."""

from __future__ import annotations

import math
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from emotion_core.data.identity import is_name
from emotion_core.errors import CheckpointError, CheckpointNotFoundError
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.checked import check_info, parse_json, read_json, read_text
from emotion_core.results.evaluation import StoredEvaluation, stored_evaluations
from emotion_core.results.experiments import name_of
from emotion_core.results.files import strict_json, write_text

SCHEMA_VERSION = 1
WEIGHTS = "model.safetensors"
Role = Literal["network", "seed", "ablation", "ensemble", "teacher", "report", "start", "imported"]
ROLES: tuple[str, ...] = typing.get_args(Role)
"""What a run is in its experiment: one of the networks that are compared; another seed, or one change, of another run; the mean
of others' predictions; what labels pictures for others; what repeats somebody's report; what others start from; or somebody
else's network, of which only the predictions are known."""

UNKNOWN = "unknown"
"""What stands for what nobody said of an imported run."""

LATER_NETWORK = {"stem_stride": None}
LATER_GROUPS: Mapping[str, Mapping[str, Any]] = {
    "network": LATER_NETWORK,
    "loss": {"logit_adjustment": False},
    "augmentation": {"coarse": 0.0, "jpeg": 0.0},
}
LATER_TRAINING = {
    "precision": "auto",
    "keep": "best",
    "learn_from": "train",
    "data": [],
}
"""Settings that came later than some runs, which do not say them, and the one value that they had before."""


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """Content of ``run.json``.

    Attributes:
        network: what :class:`~emotion_core.models.network.NetworkConfig` needs; ``backbone`` and ``input_size`` among it.
        outputs: what the network predicts: ``"expression"``, ``"affect"``, or both.
        training: the whole training configuration, as plain data.
        dataset: name, split sizes and fingerprints of what it was trained on; ``learn_from`` where that is
            more than the training split.
        selection: which measure on which split chose the stored epoch, and its value.
        init: where the weights came from: ``"scratch"``, ``"imagenet"``, or the name of another run.
        seed: of the training.
        num_params: number of parameters.
        temperature: divides the logits before softmax; 1 where it was not calibrated.
        prior: class mix that is inside the probabilities, by expression: equal shares after logit adjustment, else that of the
            training images; empty where a run does not say it.
        calibration: what was fitted on the validation images of each benchmark, the one that photos go by first; see
            :mod:`emotion_core.results.calibration`.
        device: what it was trained on.
        seconds: training time in all.
        timings: milliseconds a face and the like, measured on ``device``.
        versions: of Python and the libraries.
        finished: whether training came to its end.
        role: one of :data:`ROLES`.
        variant_of: name of the run that this is a variant of; empty where it is none.
        changed: what was changed for the variant, in words that stand in a table.
        origin: of an imported run, as text: its ``source``, ``licence``, the ``command`` that made its predictions, what it
            was ``trained_on``, and the digest of its ``weights``, as far as that is known.
    """

    network: dict[str, Any]
    outputs: tuple[str, ...] = ("expression", "affect")
    training: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    selection: dict[str, Any] = field(default_factory=dict)
    init: str = "scratch"
    seed: int = 0
    num_params: int = 0
    temperature: float = 1.0
    prior: dict[str, float] = field(default_factory=dict)
    calibration: dict[str, dict[str, Any]] = field(default_factory=dict)
    device: str = "cpu"
    seconds: float = 0.0
    timings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    class_names: tuple[str, ...] = EXPRESSIONS
    finished: bool = False
    role: str = "network"
    variant_of: str = ""
    changed: str = ""
    origin: dict[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def backbone(self) -> str:
        """Name of the backbone."""
        return str(self.network["backbone"])

    @property
    def input_size(self) -> int:
        """Side of the input, px."""
        return int(self.network["input_size"])

    @property
    def training_splits(self) -> tuple[str, ...]:
        """The splits of its dataset that it is trained on."""
        return ("train", "val") if self.dataset.get("learn_from") == "train + val" else ("train",)

    @cached_property
    def recipe(self) -> str:
        """The same text for trainings that differ in their seed alone."""
        return strict_json([self.network, {**self.training, "seed": None}, self.init], sort_keys=True, default=str)

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the runs whose predictions an ensemble is the mean of."""
        return self._names("members")

    @property
    def averaged(self) -> tuple[str, ...]:
        """Names of the runs whose weights it is the mean of."""
        return self._names("averaged")

    def _names(self, kind: str) -> tuple[str, ...]:
        return tuple(self.training.get(kind, ()))


_TYPES: dict[str, Any] = {
    name: int | float if hint is float else typing.get_origin(hint) or hint
    for name, hint in typing.get_type_hints(RunInfo).items()
}
"""What JSON has to hold for each entry of :class:`RunInfo`."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run folder that could be read.

    Attributes:
        path: the folder.
        info: content of ``run.json``.
        name: ``EXPERIMENT/RUN``, or the folder's name where the run belongs to no experiment.
        experiment: name of the experiment; empty where it belongs to none.
    """

    path: Path
    info: RunInfo
    name: str
    experiment: str = ""

    @property
    def weights(self) -> Path:
        """Where the weights lie, if the run has any."""
        return self.path / WEIGHTS

    @property
    def has_weights(self) -> bool:
        """Whether it can predict."""
        return self.weights.is_file()

    def evaluation(self, key: str) -> StoredEvaluation:
        """One of its evaluations, ``<dataset>-<split>``, whether it is there or not.

        Raises:
            CheckpointError: the key cannot name one: it would lead out of the run folder.
        """
        return _evaluation(self.path, key)

    def stored_evaluations(self) -> list[StoredEvaluation]:
        """All its evaluations, readable or not."""
        return stored_evaluations(self.path)

    @property
    def evaluations(self) -> dict[str, dict[str, Any]]:
        """Stored measures by ``<dataset>-<split>``, without those that cannot be used: :meth:`read_evaluations` says why."""
        return self.read_evaluations()[0]

    def read_evaluations(self) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """Stored measures by ``<dataset>-<split>``, and by the same keys why others cannot be used.

        They are unreadable, or measures and predictions lie together that are not of one evaluation.
        """
        found: dict[str, dict[str, Any]] = {}
        problems: dict[str, str] = {}
        for evaluation in self.stored_evaluations():
            try:
                found[evaluation.key] = evaluation.metrics()
            except CheckpointError as error:
                problems[evaluation.key] = str(error)
        return found, problems


@dataclass(frozen=True, kw_only=True)
class DamagedRun:
    """A run folder that could not be read, and why."""

    path: Path
    reason: str
    name: str
    experiment: str = ""


def read_run(path: Path, named: tuple[str, str] | None = None) -> Run:
    """Read one run folder.

    Args:
        path: the folder.
        named: the run's name and that of its experiment, where they are known; looking for them takes long among thousands.

    Raises:
        CheckpointNotFoundError: no ``run.json`` there.
        CheckpointError: it is not valid; the message says what is wrong with it.
    """
    file = path / "run.json"
    if not file.is_file():
        raise CheckpointNotFoundError(path)
    try:
        data = read_json(file)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"'{file}' is not readable JSON ({error}). Restore it, or train the run again.") from error
    if not isinstance(data, dict) or "schema_version" not in data:
        raise CheckpointError(f"'{file}' has no 'schema_version', so it does not describe a run.")
    if data["schema_version"] != SCHEMA_VERSION:
        raise CheckpointError(
            f"'{file}' has schema version {data['schema_version']}; this version reads {SCHEMA_VERSION}. Update the program."
        )
    known = {entry.name for entry in fields(RunInfo)}
    network = data.get("network")
    if not isinstance(network, dict) or not {"backbone", "input_size"} <= network.keys():
        raise CheckpointError(f"'{file}' lacks 'network' with 'backbone' and 'input_size'.")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key in known
    }
    for key, value in values.items():
        if not isinstance(value, _TYPES[key]) or isinstance(value, bool) != (_TYPES[key] is bool):
            raise CheckpointError(f"'{file}' has the {key} {value!r}, which is not of the right type.")
    check_info({key: value for key, value in data.items() if key in known}, file)
    # What somebody else's network takes need not be known.
    smallest = 0 if values.get("role") == "imported" else 1
    size = network["input_size"]
    if not isinstance(network["backbone"], str) or not isinstance(size, int) or size < smallest:
        raise CheckpointError(f"'{file}' lacks 'network' with 'backbone' and 'input_size'.")
    if values.get("class_names", EXPRESSIONS) != EXPRESSIONS:
        raise CheckpointError(f"'{file}' names other expressions than this program: {data['class_names']}.")
    temperature = values.get("temperature", 1.0)
    if not (math.isfinite(temperature) and temperature > 0):
        raise CheckpointError(f"'{file}' has the temperature {temperature!r}; it has to be a number above 0.")
    if "phases" in values.get("training", {}):
        values |= {"network": {**LATER_NETWORK, **network}, "training": _with_later_settings(values["training"])}
    if values.get("role", "network") not in ROLES:
        raise CheckpointError(f"'{file}' has the role {values['role']!r}, which is none of {', '.join(ROLES)}.")
    name, experiment = named or name_of(path)
    return Run(path=path, info=RunInfo(**values), name=name, experiment=experiment)


def _with_later_settings(training: dict[str, Any]) -> dict[str, Any]:
    groups = {name: {**later, **training[name]} for name, later in LATER_GROUPS.items() if isinstance(training.get(name), dict)}
    return {**LATER_TRAINING, **training, **groups}


def describe_selection(selection: Mapping[str, Any]) -> str:
    """Which epoch is stored, and why, in words.

    Example:
        >>> describe_selection({"measure": "accuracy", "split": "val", "epoch": 3, "value": 0.5})
        'epoch 3, chosen by accuracy 0.500 on val'
        >>> describe_selection({"measure": "accuracy", "split": "val", "epoch": 4, "value": 0.5, "keep": "last"})
        'epoch 4, the last one (accuracy 0.500 on val chose nothing)'
        >>> describe_selection({"epoch": 4, "keep": "last"})
        'epoch 4, the last one (trained on all images but those of the test split, so none judged it)'
    """
    value = selection.get("value")
    score = f" {value:.3f}" if isinstance(value, float) else ""
    measured = f"{selection.get('measure', '?')}{score} on {selection.get('split', '?')}"
    one = f"epoch {selection['epoch']}" if "epoch" in selection else None
    if selection.get("keep") == "last":
        why = f"{measured} chose nothing"
        if "measure" not in selection:
            why = f"trained on all images but those of the test split, so none judged {'it' if one else 'them'}"
        return f"{f'{one}, the last one' if one else 'the last epochs of several runs'} ({why})"
    return f"{one or 'epochs of several runs'}, chosen by {measured}"


def purpose_of_validation(selection: Mapping[str, Any]) -> str:
    """What the validation images of a training are for, in words: they choose the stored epoch, or only judge."""
    return "judge every epoch" if selection.get("keep") == "last" else "choose the epoch"


def write_info(path: Path, info: RunInfo) -> None:
    """Write ``run.json``."""
    write_text(path / "run.json", strict_json(asdict(info), indent=2, ensure_ascii=False) + "\n")


def append_history(path: Path, row: Mapping[str, Any]) -> None:
    """Add one epoch to ``history.jsonl``; NaN becomes ``null``."""
    with (path / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write(strict_json(dict(row)) + "\n")
        file.flush()


def read_history(path: Path) -> list[dict[str, Any]]:
    """All epochs of a run; a torn last line, as a killed training may leave it, is ignored."""
    file = path / "history.jsonl"
    if not file.is_file():
        return []
    try:
        lines = read_text(file).splitlines()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"'{file}' cannot be read ({error}). Restore it.") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(parse_json(line))
        except ValueError as error:
            if number == len(lines):
                break
            raise CheckpointError(f"Line {number} of '{file}' is not JSON ({error}).") from error
    return rows


def write_history(path: Path, rows: list[dict[str, Any]]) -> None:
    """Replace the history, as a resumed training does that goes back to its last finished epoch."""
    write_text(path / "history.jsonl", "".join(strict_json(row) + "\n" for row in rows))


def write_evaluation(
    path: Path, dataset: str, split: str, metrics: Mapping[str, Any], predictions: pd.DataFrame, *, replace: bool = False
) -> Path:
    """Store one evaluation.

    Args:
        path: run folder.
        dataset: name of the dataset.
        split: name of the split.
        metrics: what goes into ``metrics.json``; NaN becomes ``null``.
        predictions: a row an image with :data:`~emotion_core.results.evaluation.PREDICTION_COLUMNS`.
        replace: whether it may take the place of one on other images or labels.

    Returns:
        The folder that was written.

    Raises:
        CheckpointError: a column is missing, the names would lead out of the run folder, or
            :func:`refuse_other_content` refuses it.
    """
    evaluation = _evaluation(path, f"{dataset}-{split}")
    if not replace:
        refuse_other_content(path, dataset, split, metrics.get("fingerprint"))
    evaluation.write(metrics, predictions)
    return evaluation.folder


def refuse_other_content(path: Path, dataset: str, split: str, fingerprint: str | None) -> None:
    """See to it that an evaluation takes the place of none but one on the same images and labels.

    Args:
        path: run folder.
        dataset: name of the dataset.
        split: name of the split.
        fingerprint: of the images and labels that are to be stored; where one of the two has none, nothing is refused.

    Raises:
        CheckpointError: the name is taken by other content.
    """
    evaluation = _evaluation(path, f"{dataset}-{split}")
    try:
        stored = evaluation.metrics() if evaluation.exists else {}
    except CheckpointError:  # a damaged one may be replaced
        return
    before = stored.get("fingerprint")
    if before and fingerprint and before != fingerprint:
        raise CheckpointError(
            f"'{path}' has an evaluation {evaluation.key} on other images or labels ({stored.get('images', '?')} images, "
            f"{before}; now {fingerprint}). Keep both by giving the dataset another name, or replace it with --replace."
        )


def _evaluation(path: Path, key: str) -> StoredEvaluation:
    if not is_name(key):
        raise CheckpointError(f"'{key}' cannot name an evaluation: letters, digits, '.', '_', '-' and '@' only.")
    return StoredEvaluation(run=path, key=key)
