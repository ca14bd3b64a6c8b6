"""How far a training is and what it reached, above its curves."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Any

import streamlit as st

from emotion_core.results.course import best_epoch, find_trouble, measure_title, median
from emotion_core.results.progress import TrainingProgress
from emotion_core.results.run import purpose_of_validation
from emotion_core.texts import minus, plain, shorten
from pages.shared.command import show_command
from pages.shared.roles import may
from pages.shared.words import count, escape
from pages.training.store import SIGNS, Watched, seconds_since_epoch

NAME = 40
"""Names from outside are cut to so many letters."""


def show_headline(watched: Watched) -> None:
    """State, progress, figures and facts; then what is wrong."""
    st.header(_headline(watched))
    if watched.state == "running" and watched.progress is not None:
        _show_bar(watched.progress)
    with st.container(horizontal=True, gap="medium"):
        for title, value, meaning in _figures(watched):
            st.metric(title, value, help=meaning, width="content")
    st.caption(_facts(watched))
    for sentence in find_trouble(watched.course):
        st.warning(escape(sentence), icon=":material/trending_down:")
    if watched.state == "interrupted":
        _show_resume(watched)


def duration(seconds: float) -> str:
    """A time as people say it.

    Example:
        >>> duration(42), duration(754), duration(7500), duration(200_000)
        ('42 s', '13 min', '2 h 5 min', '2 d 8 h')
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds >= 100 * 86_400:
        return "over 99 d"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def _headline(watched: Watched) -> str:
    sign, course, progress = SIGNS[watched.state], watched.course, watched.progress
    done = len(course.table)
    if watched.state == "running" and progress is not None:
        phase = f", phase “{escape(shorten(progress.phase, NAME))}”" if progress.phases > 1 else ""
        return f"{sign} Running: epoch {progress.epoch:,} of {progress.epochs:,}{phase}"
    if watched.state == "finished":
        return f"{sign} Finished after {count(done, 'epoch', 'epochs')}" if done else f"{sign} Finished"
    if course.total > done:
        return f"{sign} Interrupted after {done:,} of {count(course.total, 'epoch', 'epochs')}"
    return f"{sign} Interrupted after {count(done, 'epoch', 'epochs')}"


def _show_bar(progress: TrainingProgress) -> None:
    step = min(progress.step / progress.steps, 1.0) if progress.steps else 0.0
    share = (max(progress.epoch - 1, 0) + step) / max(progress.epochs, 1)
    parts = [f"Step {progress.step:,} of {progress.steps:,} of this epoch"]
    if progress.phases > 1:
        parts.append(f"phase {progress.phase_index + 1} of {progress.phases}")
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if progress.lr is not None:
        parts.append(f"learning rate {progress.lr:.2g}")
    st.progress(min(share, 1.0), text=minus(", ".join(parts)))


def _figures(watched: Watched) -> list[tuple[str, str, str]]:
    """Title, value and meaning of what stands in large letters."""
    course, progress, info = watched.course, watched.progress, watched.run.info
    table, running = course.table, watched.state == "running"
    split = info.selection.get("split")
    split = shorten(split, 20) if isinstance(split, str) else "val"
    best, last = _best(watched), course.keeps_last
    found = []
    if best is not None:
        title = f"Best {escape(shorten(measure_title(course.measure), NAME))}, {escape(split)}"
        role = "It chose nothing, the last epoch is stored" if last else "It chooses the epoch"
        meaning = f"{role}: the largest value on the split '{escape(split)}', measured after every epoch."
        found.append((title, plain(best), meaning))
    if course.chosen is not None:
        meaning = "Its weights are kept" + (f" until {'the next' if last else 'a better'} one comes." if running else ".")
        found.append(("Stored epoch" if last else "Chosen epoch", f"{course.chosen:,} of {course.total:,}", meaning))
    speed = progress.images_per_second if running and progress is not None else None
    speed = median(table["images_per_second"]) if speed is None else speed
    if speed == speed:
        found.append(("Speed", f"{speed:,.0f} images/s", "Now." if running else "Median of the epochs."))
    if running and progress is not None and progress.eta_seconds is not None:
        found.append(("Time left", duration(progress.eta_seconds), "For all epochs to come."))
    seconds = float(table["seconds"].sum()) or info.seconds
    seconds += seconds_since_epoch(watched.run) if running else 0.0
    if seconds > 0:
        found.append(("Trained for", duration(seconds), "Without the time in which it stood still after a kill."))
    return found


def _best(watched: Watched) -> float | None:
    """The largest score; of a run without history the one that chose what it stored."""
    value = watched.run.info.selection.get("value")
    if best_epoch(watched.course.table) is not None:
        return float(watched.course.table["score"].max())
    if watched.progress is not None and watched.progress.best is not None:
        return watched.progress.best
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _facts(watched: Watched) -> str:
    info, progress = watched.run.info, watched.progress
    device = info.device + (f" of {progress.host}" if watched.state == "running" and progress is not None else "")
    facts = [f"{info.backbone}, {info.input_size} × {info.input_size} px", f"on {device}", f"seed {info.seed}"]
    facts.append("from random weights" if info.init == "scratch" else f"starting from {info.init}")
    name = info.dataset.get("name")
    images = [
        f"{number:,} images to {purpose}"
        for split, purpose in (("train", "learn from"), ("val", purpose_of_validation(info.selection)))
        if (number := _images(info.dataset, split)) is not None
    ]
    if isinstance(name, str):
        facts.append(f"{name}: {', '.join(images)}" if images else name)
    return " · ".join(escape(shorten(fact, 90)) for fact in facts)


def _images(dataset: Mapping[str, Any], split: str) -> int | None:
    part = dataset.get(split)
    number = part.get("images") if isinstance(part, Mapping) else None
    return number if isinstance(number, int) else None


def _show_resume(watched: Watched) -> None:
    st.info("This training stopped before its end. This command goes on after the last finished epoch:")
    words = ["python", "-m", "emotion_core", "train", "--resume"]
    if may("owner"):
        # Paths find it from every folder, and whatever the shell's environment says.
        words.append(str(watched.run.path.resolve()))
        root = os.environ.get("EMOTION_DATA")
        words += ["--data-root", root] if root else []
    else:
        words.append(watched.run.name)
    show_command(shlex.join(words))
