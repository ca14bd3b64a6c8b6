"""Several trainings from one start as a single network: the mean of their weights (a model soup, M. Wortsman et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emotion_core.errors import ConfigError
from emotion_core.models.checkpoint import load_network, save_weights
from emotion_core.results.evaluation import stored_evaluations
from emotion_core.results.joined import check_out, joint_selection
from emotion_core.results.run import WEIGHTS, Run, RunInfo, read_run, write_info


def average_weights(runs: Sequence[Run], out: Path) -> Run:
    """Store a run whose weights are the mean of others'.

    It costs what one of them costs to run, where an ensemble costs all of them. That works between trainings that started from
    the same weights, such as fine-tunings with other seeds; networks that started elsewhere have nothing in common to average.
    All runs count alike, so no image chooses anything. The running statistics of batch normalisation are averaged like all
    else, not measured anew. The temperature is 1 until the run is calibrated. After training on validation images
    none are left to calibrate it, and it is the mean of the runs' own.

    Args:
        runs: at least two, with weights.
        out: run folder, made if needed; one that holds such a run is replaced, with its evaluations.

    Raises:
        ConfigError: fewer than two runs, unfinished ones, or other networks, outputs, starts or training images; or ``out`` is
            one of the runs, or holds a run of another kind.
        CheckpointError: weights are missing or damaged.
        OSError: the folder cannot be written.
    """
    runs = list({run.path.resolve(): run for run in runs}.values())
    if len(runs) < 2:
        raise ConfigError("A mean of weights needs at least two different runs.")
    _check_kin(runs)
    check_out(out, runs, "averaged")
    network = load_network(runs[0].info.network, runs[0].weights)
    state = network.state_dict()
    for count, run in enumerate(runs[1:], start=2):
        for name, tensor in load_network(run.info.network, run.weights).state_dict().items():
            if state[name].is_floating_point():
                state[name] += (tensor - state[name]) / count
    out.mkdir(parents=True, exist_ok=True)
    for stored in stored_evaluations(out):
        stored.remove()
    # Interrupted here, the folder has no weights rather than others than it says.
    (out / WEIGHTS).unlink(missing_ok=True)
    write_info(out, _describe(runs))
    save_weights(network, out / WEIGHTS)
    return read_run(out)


def _check_kin(runs: Sequence[Run]) -> None:
    """Refuse runs whose weights have no common start, or mean different things."""
    first = runs[0]
    if first.info.init == "scratch":
        raise ConfigError(
            f"'{first.name}' started from random weights, so it has nothing in common with the others to average. "
            "The mean of their predictions works: ensemble."
        )
    for run in runs:
        if not run.info.finished:
            raise ConfigError(f"The training of '{run.name}' is not finished. The same 'train' command again goes on with it.")
    for run in runs[1:]:
        for what, one, other in (
            ("start", first.info.init, run.info.init),
            ("network", _plain(first.info), _plain(run.info)),
            ("outputs", first.info.outputs, run.info.outputs),
            ("class mix", first.info.prior, run.info.prior),
            ("training images", _images(first.info), _images(run.info)),
        ):
            if one != other:
                raise ConfigError(
                    f"'{first.name}' and '{run.name}' differ in their {what} ({one} and {other}), so the mean of their "
                    "weights would mean nothing. The mean of their predictions may work: ensemble."
                )


def _plain(info: RunInfo) -> dict[str, object]:
    """What shapes the network and its input; what only regularises a training may differ."""
    return {name: value for name, value in info.network.items() if name not in ("dropout", "drop_path")}


def _images(info: RunInfo) -> str:
    part = info.dataset.get("train", {})
    return f"{info.dataset.get('name')} {part.get('fingerprint', '')}".strip()


def _describe(runs: Sequence[Run]) -> RunInfo:
    first = runs[0].info
    return RunInfo(
        network=first.network,
        outputs=first.outputs,
        training={
            "title": f"Mean of the weights of {len(runs)} runs: {', '.join(run.name for run in runs)}",
            "averaged": [run.name for run in runs],
        },
        dataset=first.dataset,
        selection=joint_selection(runs),
        init=first.init,
        seed=first.seed,
        temperature=round(sum(run.info.temperature for run in runs) / len(runs), 4) if "val" in first.training_splits else 1.0,
        prior=first.prior,
        num_params=first.num_params,
        device=first.device,
        seconds=round(sum(run.info.seconds for run in runs), 1),
        versions=first.versions,
        finished=True,
    )
