"""The loop of a training: phases, epochs, steps, and the state that a killed one goes on from."""

from __future__ import annotations

import io
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast

from emotion_core.errors import CheckpointError, ConfigError, EmotionCoreError, TrainingError
from emotion_core.metrics.calibration import fit_temperature
from emotion_core.models.checkpoint import load_weights, save_weights
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.files import write_bytes
from emotion_core.results.run import WEIGHTS, Run, append_history, read_history, read_run, write_history, write_info
from emotion_core.training.averaging import WeightAverage
from emotion_core.training.checks import check_phases, out_of_memory
from emotion_core.training.config import Phase, TrainConfig
from emotion_core.training.data import Split, epoch_seed
from emotion_core.training.freezing import Learning, freeze, make_optimiser, moving_tensors, set_modes
from emotion_core.training.learners import Batch, FeatureLearner, ImageLearner, Learner, evaluate_images, judged_loader
from emotion_core.training.losses import class_weights, total_loss
from emotion_core.training.record import describe
from emotion_core.training.reporting import Reporter
from emotion_core.training.schedule import Plateau, learning_rate
from emotion_core.training.validation import measure, selection_score

STATE = "state.pt"

SAVE_EVERY = 5.0
"""Seconds between two stored states, where epochs are shorter: what is lost by a kill is done again, with the same result."""

log = logging.getLogger(__name__)


class Training:
    """State of one training between epochs, and the loop over phases, epochs and steps.

    Attributes:
        epoch: epochs done, over all phases.
        phase: index of the phase.
        phase_epoch: epochs done in it.
    """

    def __init__(
        self,
        config: TrainConfig,
        network: EmotionNetwork,
        splits: tuple[Split, Split],
        out: Path,
        accelerator: Accelerator,
        *,
        workers: int,
    ) -> None:
        self.config, self.network, self.splits, self.out = config, network, splits, out
        self.accelerator, self.workers = accelerator, workers
        self.average = WeightAverage(network, config.ema_decay)
        self.plateau = Plateau()
        self.epoch = self.phase = self.phase_epoch = 0
        self.seconds, self.best, self.saved = 0.0, -math.inf, -math.inf
        self.optimiser_state: dict[str, Any] | None = None
        self.moving: list[torch.nn.Parameter] = []
        self.classes = splits[0].table.targets.sum(axis=0) > 0
        self.class_weights: torch.Tensor | None = None
        self.info = describe(config, network, splits, accelerator.device)

    def run(self, *, progress: bool, tensorboard: bool) -> Run:
        images = self.splits[0].images_an_epoch
        with self._reporting(images, progress=progress, tensorboard=tensorboard):
            resumed = self._resume()
            if self.accelerator.is_main_process:
                write_info(self.out, self.info)
            weights = class_weights(self.splits[0].own.targets, self.config.loss)
            self.class_weights = None if weights is None else torch.from_numpy(weights).to(self.accelerator.device)
            self._check(resumed=resumed)
            self.reporter.go_on(self.epoch)
            while self.phase < len(self.config.phases):
                self._run_phase(self.config.phases[self.phase])
            self._finish()
        return read_run(self.out)

    @contextmanager
    def _reporting(self, images: int, *, progress: bool, tensorboard: bool) -> Iterator[None]:
        """Reports go out from the main process alone."""
        main = self.accelerator.is_main_process
        self.reporter = Reporter(
            self.out, self.config, images=images, bar=progress, tensorboard=tensorboard and main, silent=not main
        )
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise out_of_memory(self.config, self.config.phases[self.phase]) from error
        except EmotionCoreError as error:
            self.reporter.say(f"Stopped: {error}")
            raise
        finally:
            self.reporter.close(finished=self.info.finished)

    def _check(self, *, resumed: bool) -> None:
        """Try every phase; the time that takes gives an estimate of the whole."""
        seconds = check_phases(
            self.config,
            self.network,
            self.splits[0],
            judged=len(self.splits[1].table),
            class_weights=self.class_weights,
            processes=self.accelerator.num_processes,
            autocast=self.accelerator.autocast,
        )
        self.reporter.estimates = seconds
        if not resumed:
            self.reporter.say(f"Every phase takes a step. About {_duration(sum(seconds))} for {self.config.epochs} epochs.")

    def _run_phase(self, phase: Phase) -> None:
        config, network = self.config, self.network
        learning = freeze(network, phase.stages, config.outputs)
        set_modes(network, learning)
        # Collected once: doing so takes longer than a step on stored features.
        self.moving = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimiser = make_optimiser(network, learning, phase, config.optimiser)
        if self.optimiser_state is not None:
            optimiser.load_state_dict(self.optimiser_state)
            self.optimiser_state = None
        self.average.follow(moving_tensors(network, learning))
        started = time.perf_counter()
        self.reporter.begin(phase=self.phase, epoch=self.epoch, best=self.best)
        with self._learner(phase) as (learner, model):
            self.seconds += time.perf_counter() - started
            while not self._run_epoch(phase, learner, model, learning, optimiser):
                pass

    @contextmanager
    def _learner(self, phase: Phase) -> Iterator[tuple[Learner, torch.nn.Module]]:
        """How this phase sees the images; prepared for several processes and undone afterwards."""
        if phase.views:
            self.reporter.say(f"Phase '{phase.name}': the frozen backbone sees every image before the heads learn.")
            start = self.epoch - self.phase_epoch
            yield (
                FeatureLearner(
                    self.config, self.network, phase, self.splits, self.accelerator, epoch=start, beat=self.reporter.beat
                ),
                self.network,
            )
            return
        model = self.accelerator.prepare_model(self.network)
        try:
            yield (
                ImageLearner(
                    self.config,
                    self.network,
                    model,
                    self.splits,
                    self.accelerator,
                    workers=self.workers,
                    beat=self.reporter.beat,
                ),
                model,
            )
        finally:
            self.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
            self.accelerator.free_memory()

    def _run_epoch(
        self,
        phase: Phase,
        learner: Learner,
        model: torch.nn.Module,
        learning: Learning,
        optimiser: torch.optim.Optimizer,
    ) -> bool:
        """One pass over the training split; whether the phase is over."""
        started = time.perf_counter()
        row: dict[str, Any] = {"epoch": self.epoch + 1, "phase": phase.name}
        row |= self._learn(phase, learner, model, optimiser)
        trained = time.perf_counter() - started
        self._share_average()
        score = None
        if len(self.splits[1].table):
            measures = measure(
                *learner.evaluate(self.average.network), self.splits[1].table, self.config.outputs, classes=self.classes
            )
            score = selection_score(measures, self.config.select)
            row |= {f"val_{name}": round(value, 6) for name, value in measures.items()}
            row["score"] = round(score, 6)
        row["images_per_second"] = round(self.splits[0].images_an_epoch / trained, 1)
        row["seconds"] = round(time.perf_counter() - started, 2)
        self.seconds += row["seconds"]
        self.epoch += 1
        self.phase_epoch += 1
        better = score is not None and score > self.best
        if better or self.config.keep == "last":
            self._keep(score)
        if score is not None:
            self.plateau.update(score, patience=phase.patience, shrink=phase.factor)
        if self.accelerator.is_main_process:
            append_history(self.out, row)
        self.reporter.epoch(row, better=better)
        over = self.phase_epoch == phase.epochs or 0 < phase.stop_after <= self.plateau.bad
        if over:
            self.phase, self.phase_epoch, self.plateau = self.phase + 1, 0, Plateau()
        self._save(None if over else optimiser.state_dict())
        return over

    def _keep(self, score: float | None) -> None:
        """Store the weights of this epoch; without a score, no image has judged it."""
        judged: dict[str, Any] = {}
        if score is not None:
            self.best = max(self.best, score)
            judged = {"measure": self.config.select, "split": "val", "value": round(score, 6)}
        self.info = replace(
            self.info,
            seconds=round(self.seconds, 1),
            selection={**judged, "epoch": self.epoch, "keep": self.config.keep},
        )
        if self.accelerator.is_main_process:
            save_weights(self.average.network, self.out / WEIGHTS)
            write_info(self.out, self.info)

    def _learn(
        self, phase: Phase, learner: Learner, model: torch.nn.Module, optimiser: torch.optim.Optimizer
    ) -> dict[str, Any]:
        """All steps of an epoch; mean losses and mean learning rates."""
        config, started = self.config, self.reporter.clock()
        torch.manual_seed(epoch_seed(config.seed, self.epoch))
        sums, rates, seen = np.zeros(2), np.zeros(2), 0
        factor = self.plateau.factor if phase.schedule == "plateau" else 1.0
        waiting: tuple[_Losses, Batch] | None = None
        number = 0
        optimiser.zero_grad(set_to_none=True)
        for number, batch in enumerate(learner.batches(self.epoch), start=1):
            rate = factor * learning_rate(
                phase.schedule,
                self.phase_epoch * learner.steps + number - 1,
                phase.epochs * learner.steps,
                warmup=phase.warmup,
            )
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * rate
            moves = number % config.accumulate == 0 or number == learner.steps
            losses = self._step(learner, model, batch, optimiser, moves=moves)
            # The loss before this one: on a GPU the steps go on while it is read.
            if waiting is not None:
                sums, seen = sums + self._finite(*waiting, optimiser) * len(waiting[1].indices), seen + len(waiting[1].indices)
            waiting = (losses, batch)
            rates += (phase.lr * rate, (phase.lr if phase.backbone_lr is None else phase.backbone_lr) * rate)
            self.reporter.step(
                phase=self.phase,
                epoch=self.epoch,
                phase_epoch=self.phase_epoch,
                step=number,
                steps=learner.steps,
                images=len(batch.indices) * learner.images_a_step,
                loss=float(sums.sum() / seen) if seen else None,
                lr=phase.lr * rate,
                best=self.best,
                started=started,
            )
        if waiting is None:
            raise TrainingError(f"'{config.dataset}' has too few training images for a step.")
        sums, seen = sums + self._finite(*waiting, optimiser) * len(waiting[1].indices), seen + len(waiting[1].indices)
        return _row(sums / seen, rates / number, config.outputs, frozen=phase.stages == 0)

    def _step(
        self, learner: Learner, model: torch.nn.Module, batch: Batch, optimiser: torch.optim.Optimizer, *, moves: bool
    ) -> _Losses:
        """Forward, backward, and a step where gradients of enough batches have come together; the two losses."""
        config = self.config
        with nullcontext() if moves else self.accelerator.no_sync(model):
            logits, affect = learner.forward(batch.inputs)
            parts = torch.stack(
                total_loss(logits, affect, batch.targets, batch.affect, config.loss, self.class_weights, batch.priors)
            )
            losses = _Losses(parts.detach())
            self.accelerator.backward(parts.sum() / config.accumulate)
        if moves:
            self.accelerator.clip_grad_norm_(self.moving, config.clip_norm)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            self.average.update()
        return losses

    def _finite(self, losses: _Losses, batch: Batch, optimiser: torch.optim.Optimizer) -> Any:
        """The two losses of a step as numbers.

        Raises:
            TrainingError: they are not finite.
        """
        values = losses.read()
        if np.isfinite(values).all():
            return values
        ids = ", ".join(self.splits[0].table.sample_ids[int(index)] for index in batch.indices[:5])
        which = " and ".join(
            name for name, value in zip(("expression", "affect"), values, strict=True) if not np.isfinite(value)
        )
        raise TrainingError(
            f"The loss is {values.sum()} ({which}) in epoch {self.epoch + 1} at learning rate "
            f"{optimiser.param_groups[0]['lr']:.3g}, in the batch of {ids}, … Try a third of the learning rate, or smaller "
            f"class weights (loss.max_class_weight); the last stored epoch is kept in '{self.out}'."
        )

    def _share_average(self) -> None:
        """Statistics of batch normalisation differ from process to process: all judge with those of the first."""
        if self.accelerator.num_processes > 1:
            for tensor in self.average.network.state_dict().values():
                tensor.copy_(broadcast(tensor))

    def _finish(self) -> None:
        """Fit the temperature of the stored epoch's probabilities on the validation split, and close the run.

        Without such a split, the run keeps the temperature that it has from its start.
        """
        labels = self.splits[1].table.expression_indices
        # A class that training lacks is never predicted, so its images are no evidence for the temperature.
        known = (labels >= 0) & self.classes[labels]
        temperature = self.info.temperature
        if "expression" in self.config.outputs and known.any():
            load_weights(self.average.network, self.out / WEIGHTS)
            loader = judged_loader(self.splits[1], self.accelerator)
            logits, _ = evaluate_images(self.average.network, loader, self.accelerator)
            positions = np.cumsum(self.classes) - 1
            temperature = round(fit_temperature(logits[known][:, self.classes], positions[labels[known]]), 4)
        self.info = replace(self.info, finished=True, seconds=round(self.seconds, 1), temperature=temperature)
        if self.accelerator.is_main_process:
            write_info(self.out, self.info)
            (self.out / STATE).unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()

    def _save(self, optimiser: dict[str, Any] | None) -> None:
        now = time.monotonic()
        if not self.accelerator.is_main_process or (optimiser is not None and now - self.saved < self._pause()):
            return
        self.saved = now
        state = {
            "epoch": self.epoch,
            "phase": self.phase,
            "phase_epoch": self.phase_epoch,
            "plateau": vars(self.plateau),
            "seconds": self.seconds,
            "best": self.best,
            "selection": self.info.selection,
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "average_steps": self.average.steps,
            "optimiser": optimiser,
        }
        # Through memory, because torch's own writing raises no OSError when the disk is full.
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_bytes(self.out / STATE, buffer.getbuffer())

    def _pause(self) -> float:
        """Epochs on stored features take less time than their state takes to be written."""
        return SAVE_EVERY if self.phase < len(self.config.phases) and self.config.phases[self.phase].views else 0.0

    def _resume(self) -> bool:
        """Take up a stored state; whether there was one."""
        path = self.out / STATE
        main = self.accelerator.is_main_process
        if not path.is_file():
            if main:
                write_history(self.out, [])
            return False
        if (self.out / "run.json").is_file() and read_run(self.out).info.dataset != self.info.dataset:
            raise ConfigError(
                f"'{self.out}' was begun on other images or labels of '{self.config.dataset}'. Choose another folder "
                "with --out, or remove it."
            )
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            self.average.steps = state["average_steps"]
            self.optimiser_state = state["optimiser"]
            self.plateau = Plateau(**state["plateau"])
            self.epoch, self.phase, self.phase_epoch = state["epoch"], state["phase"], state["phase_epoch"]
            self.seconds, self.best = state["seconds"], state["best"]
        except Exception as error:
            raise CheckpointError(
                f"'{path}' cannot be resumed from ({type(error).__name__}). Remove it to start this training again."
            ) from error
        self.info = replace(self.info, selection=state["selection"], seconds=round(self.seconds, 1))
        self._take_newer_selection()
        if main:
            # A kill between the line of an epoch and its state leaves one line too many.
            write_history(self.out, read_history(self.out)[: self.epoch])
        log.info("Going on after epoch %d of '%s'.", self.epoch, self.out)
        return True

    def _take_newer_selection(self) -> None:
        """Weights are stored at once, states not after every epoch: the weights on disk may be of an epoch that is done again.

        A GPU may not reach the same score twice, so what ``run.json`` says of them has to be kept.
        """
        stored = read_run(self.out).info.selection if (self.out / "run.json").is_file() else {}
        if stored.get("epoch", 0) > self.epoch:
            self.best = max(self.best, float(stored.get("value", -math.inf)))
            self.info = replace(self.info, selection=stored)


class _Losses:
    """The two losses of a step on their way to the CPU, while a GPU goes on with what was queued after them."""

    def __init__(self, losses: torch.Tensor) -> None:
        self._values = losses.to("cpu", non_blocking=losses.is_cuda)
        self._arrived: torch.cuda.Event | None = None
        if losses.is_cuda:
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()

    def read(self) -> npt.NDArray[np.float64]:
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._values.numpy().astype(np.float64)


def _row(losses: Any, rates: Any, outputs: tuple[str, ...], *, frozen: bool) -> dict[str, Any]:
    """Losses and learning rates of an epoch as they stand in the history."""
    row: dict[str, Any] = {"loss": round(float(losses.sum()), 6)}
    if len(outputs) > 1:
        row |= {"loss_expression": round(float(losses[0]), 6), "loss_affect": round(float(losses[1]), 6)}
    row["lr"] = float(f"{rates[0]:.4g}")
    return row if frozen else {**row, "lr_backbone": float(f"{rates[1]:.4g}")}


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{max(round(seconds), 1)} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
