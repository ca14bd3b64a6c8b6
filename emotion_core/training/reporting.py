"""What a training says while it runs: a bar, a line an epoch, ``progress.json``, ``train.log`` and TensorBoard."""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from emotion_core.errors import ConfigError
from emotion_core.results.progress import LOG, TrainingProgress, remove_progress, write_progress
from emotion_core.training.config import TrainConfig

EVERY = 1.0
"""Seconds between two writings of ``progress.json``."""

SHOWN = (
    "loss",
    "val_accuracy",
    "val_f1_macro",
    "val_ccc_valence",
    "val_ccc_arousal",
    "score",
    "lr",
    "images_per_second",
    "seconds",
)

log = logging.getLogger("emotion_core")


class Reporter:
    """Says on the terminal and in files how far a training is.

    Args:
        out: run folder.
        config: what is trained.
        images: in the training split.
        bar: whether to draw a bar and a line an epoch on standard error.
        tensorboard: whether to write TensorBoard's files into the run folder.
        silent: whether to write nothing at all, as all processes but the first do.
        clock: seconds, for tests.

    Attributes:
        estimates: seconds that each phase will take, where they are known.
    """

    def __init__(
        self,
        out: Path,
        config: TrainConfig,
        *,
        images: int,
        bar: bool,
        tensorboard: bool = False,
        silent: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.out, self.config, self.images, self.clock = out, config, images, clock
        self.shown, self.silent = bar, silent
        self.written = -math.inf
        self.rate: float | None = None
        self.estimates: list[float] = []
        self.last: TrainingProgress | None = None
        self.board = _open_tensorboard(out / "tensorboard") if tensorboard else None
        self.bar = tqdm(unit="img", disable=not bar, smoothing=0.02, total=config.epochs * images)
        self.file = _QuietFile(os.devnull if silent else out / LOG, encoding="utf-8")
        self.file.setFormatter(logging.Formatter("%(asctime)s  %(message)s", datefmt="%Y-%m-%d %H:%M:%S"))
        self.file.setLevel(logging.INFO)
        log.addHandler(self.file)
        self.level = log.level
        # All processes would report the same, so only the first one does.
        if silent:
            log.setLevel(logging.ERROR)
        elif log.getEffectiveLevel() > logging.INFO:
            log.setLevel(logging.INFO)

    def go_on(self, epoch: int) -> None:
        """Say that so many epochs were done before."""
        self.bar.update(epoch * self.images)
        # Otherwise the bar would count these epochs into its speed.
        self.bar.start_t = self.bar.last_print_t = time.time()
        self.bar.initial = self.bar.n

    def begin(self, *, phase: int, epoch: int, best: float) -> None:
        """A phase begins: until its first step is done, this is all there is to say."""
        self._write(
            TrainingProgress(
                pid=os.getpid(),
                host=socket.gethostname(),
                updated=self.clock(),
                phase=self.config.phases[phase].name,
                phase_index=phase,
                phases=len(self.config.phases),
                epoch=min(epoch + 1, self.config.epochs),
                epochs=self.config.epochs,
                step=0,
                steps=1,
                best=None if best == -math.inf else best,
                eta_seconds=sum(self.estimates[phase:]) if self.estimates else None,
            )
        )

    def beat(self) -> None:
        """Something that is no step goes on, such as looking at the validation split: this training is alive."""
        if self.last is not None and self.clock() - self.written >= EVERY:
            self._write(replace(self.last, updated=self.clock()))

    def _write(self, progress: TrainingProgress) -> None:
        if self.silent:
            return
        self.last, self.written = progress, progress.updated
        write_progress(self.out, progress)

    def step(
        self,
        *,
        phase: int,
        epoch: int,
        phase_epoch: int,
        step: int,
        steps: int,
        images: int,
        loss: float | None,
        lr: float,
        best: float,
        started: float,
    ) -> None:
        """One step is done.

        Args:
            phase: index of the phase.
            epoch: over the whole training, from 0.
            phase_epoch: in this phase, from 0.
            step: steps done in this epoch.
            steps: how many it has.
            images: in this step.
            loss: mean over the steps of this epoch that are known; ``None`` before the first.
            lr: of the heads.
            best: largest score so far.
            started: time at which the epoch began, by the clock.
        """
        self.bar.update(images)
        if self.shown:
            named = "" if best == -math.inf else f", best {best:.3f}"
            shown = "" if loss is None else f", loss {loss:.3f}"
            self.bar.set_postfix_str(f"epoch {epoch + 1}/{self.config.epochs}{shown}{named}", refresh=False)
        now = self.clock()
        if self.silent or now - self.written < EVERY:
            return
        self.rate = step / steps * self.images / max(now - started, 1e-6)
        left = (self.config.phases[phase].epochs - phase_epoch - step / steps) * self.images
        self._write(
            TrainingProgress(
                pid=os.getpid(),
                host=socket.gethostname(),
                updated=now,
                phase=self.config.phases[phase].name,
                phase_index=phase,
                phases=len(self.config.phases),
                epoch=epoch + 1,
                epochs=self.config.epochs,
                step=step,
                steps=steps,
                loss=loss,
                lr=lr,
                images_per_second=self.rate,
                # Phases differ in speed by orders of magnitude: those to come count by what their first step took.
                eta_seconds=left / max(self.rate, 1e-6) + sum(self.estimates[phase + 1 :]),
                best=None if best == -math.inf else best,
            ),
        )

    def epoch(self, row: Mapping[str, Any], *, better: bool) -> None:
        """One epoch is done."""
        shown = "  ".join(f"{key} {row[key]:.4g}" for key in SHOWN if row.get(key) is not None)
        line = f"epoch {row['epoch']}/{self.config.epochs}  {row['phase']}  {shown}{'  *' if better else ''}"
        self.say(line)
        if self.board is not None:
            for key, value in row.items():
                if isinstance(value, int | float) and key != "epoch":
                    self.board.add_scalar(key, value, row["epoch"])

    def say(self, line: str) -> None:
        """A line for the terminal and the log."""
        record = log.makeRecord(log.name, logging.INFO, __file__, 0, line, (), None)
        self.file.handle(record)
        if self.shown:
            tqdm.write(line, sys.stderr)

    def close(self, *, finished: bool) -> None:
        """End the bar and the files; a training that is not finished leaves ``progress.json`` to its reader's judgement."""
        log.removeHandler(self.file)
        log.setLevel(self.level)
        self.file.close()
        self.bar.close()
        if self.board is not None:
            self.board.close()
        if finished and not self.silent:
            remove_progress(self.out)


class _QuietFile(logging.FileHandler):
    """A log that cannot be written must not end a training, nor fill the terminal: the next state to be saved says so."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        return


def _open_tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            "TensorBoard is not installed. Install it with 'pip install tensorboard', or leave --tensorboard out."
        ) from error
    return SummaryWriter(str(folder))
