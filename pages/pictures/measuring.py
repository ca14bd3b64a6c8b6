"""Networks read the pictures: progress, a stop, and what came of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import streamlit as st

from emotion_core.data.identity import title_of
from emotion_core.errors import CheckpointNotFoundError, EmotionCoreError
from emotion_core.labels import AFFECT
from emotion_core.metrics.table import METRICS
from emotion_core.results.find import checkpoints_folder, find_named
from emotion_core.results.lent import lend_run
from emotion_core.results.run import Run
from emotion_core.texts import with_interval
from pages.pictures.bringing import forget_upload
from pages.shared.address import BENCHMARK, EXPERIMENT, RUN
from pages.shared.sentence import sentence
from pages.shared.visit import EXPERIMENT as VISIT
from pages.shared.visit import visit_folder
from pages.shared.words import count, escape

BROUGHT = "brought"
"""Experiment of the networks that were measured on stored pictures."""

SPLIT = "test"
JOB, RESULTS = "pictures-job", "pictures-results"
SHOWN = ("accuracy", "balanced_accuracy", "ccc_valence", "ccc_arousal")
VISIT_TITLE, BROUGHT_TITLE = "This visit", "Pictures that were brought along"
QUESTION = "How well do networks read pictures that were brought along?"


@dataclass(kw_only=True)
class Job:
    """Networks that are to read pictures.

    Attributes:
        archive: the pictures.
        dataset: their name.
        images: how many test pictures there are.
        runs: names of the networks.
        faces: ``"found"`` where the face of each picture is looked for first.
        shared: whether all visitors see what comes of it.
        done: by name of the run, those that are done: what the run is called where it was measured, and what it reaches.
        affect: whether there are true and predicted valence and arousal.
        error: why it ended before its end; empty if it did not.
    """

    archive: Path
    dataset: str
    images: int
    runs: tuple[str, ...]
    faces: Literal["given", "found"]
    shared: bool
    done: dict[str, tuple[str, str]] = field(default_factory=dict)
    affect: bool = False
    error: str = ""


def start(job: Job) -> None:
    """Begin, with nothing else on the page."""
    st.session_state[JOB] = job
    st.session_state.pop(RESULTS, None)
    st.rerun()


def waiting() -> bool:
    """Whether something is to be measured."""
    return JOB in st.session_state


def go_on() -> None:
    """Measure what is asked for, from the beginning of the network at which it was interrupted."""
    job: Job = st.session_state[JOB]
    with st.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text="Getting ready …")
        st.button("Stop", icon=":material/stop:", on_click=_stop, key="pictures-stop", help="Networks that are done stay.")
    from emotion_core.evaluate import evaluate
    from emotion_core.results.card import write_card

    lock = _lock()
    while not lock.acquire(timeout=0.5):
        bar.progress(0.0, text="Somebody else's pictures are being measured. Yours are next …")
    try:
        for name in job.runs:
            if name in job.done:
                continue
            lent = _lend(job, name)
            clock = _Clock(bar, name, job.images)
            evaluation = evaluate(
                lent, job.archive.name, job.archive.parent, split=SPLIT, faces=job.faces, flip=True, on_error="skip",
                replace=True, reading=clock.read, progress=clock.passed,
            )  # fmt: skip
            write_card(lent)
            measures = evaluation.metrics["measures"]
            job.affect = job.affect or all(f"ccc_{axis}" in measures for axis in AFFECT)
            said = ", ".join(f"{METRICS[key].title} {with_interval(**measures[key])}" for key in SHOWN if key in measures)
            job.done[name] = lent.name, said
    except EmotionCoreError as error:
        job.error = sentence(error)
    except Exception:
        # What nobody foresaw would meet the visitor again with every click.
        _finish()
        raise
    finally:
        lock.release()
    _finish()
    st.rerun()


class _Clock:
    """Says how far one network is."""

    def __init__(self, bar: st.delta_generator.DeltaGenerator, name: str, images: int) -> None:
        self._bar, self._name, self._images = bar, name, images
        self._read = self._passed = 0
        self._started = self._shown = time.monotonic()

    def read(self, images: int) -> None:
        self._read += images
        self._say()

    def passed(self, images: int) -> None:
        self._passed += images
        self._say()

    def _say(self) -> None:
        now = time.monotonic()
        if now - self._shown < 0.2:
            return
        self._shown = now
        # Both take about as long.
        share = min(1.0, (self._read + self._passed) / (2 * self._images))
        left = (now - self._started) / share * (1 - share) if share else 0.0
        done, what = (self._passed, "read by the network") if self._passed else (self._read, "opened")
        words = f"{self._name}: {done:,} of {self._images:,} pictures {what}, about {left:.0f} s left"
        self._bar.progress(share, text=escape(words))


def show_results() -> None:
    """What the networks reach, and where to look at it."""
    job: Job | None = st.session_state.get(RESULTS)
    if job is None:
        return
    if job.error:
        st.error(job.error)
    elif len(job.done) < len(job.runs):
        st.info(
            "Stopped. " + (f"{count(len(job.done), 'network is', 'networks are')} done." if job.done else "Nothing is stored.")
        )
    if not job.done:
        return
    title = escape(title_of(job.dataset))
    st.success(f"Measured on {count(job.images, 'picture', 'pictures')} called {title}.", icon=":material/check:")
    for name, (_, said) in job.done.items():
        st.markdown(f"**{escape(name)}**: {escape(said)}")
    names = [run for run, _ in job.done.values()]
    query = {BENCHMARK: f"{job.dataset}-{SPLIT}", RUN: names[0]}
    with st.container(horizontal=True, gap="medium"):
        link = st.page_link
        link("pages/errors/page.py", label="What it gets wrong", icon=":material/search_insights:", query_params=query)
        together = {EXPERIMENT: BROUGHT if job.shared else VISIT, BENCHMARK: query[BENCHMARK], RUN: names}
        link("pages/compare/page.py", label="Compare", icon=":material/compare_arrows:", query_params=together)
        if job.affect:
            link("pages/affect_map/page.py", label="Affect map", icon=":material/scatter_plot:", query_params=query)


def _lend(job: Job, name: str) -> Run:
    run = find_named(name)
    if run is None:
        raise CheckpointNotFoundError(Path(name))
    folder, experiment = (checkpoints_folder(), BROUGHT) if job.shared else (visit_folder(), VISIT)
    title = BROUGHT_TITLE if job.shared else VISIT_TITLE
    return lend_run(run, folder, experiment, title=title, question=QUESTION, benchmark=f"{job.dataset}-{SPLIT}")


def _stop() -> None:
    if waiting():  # it may have come to its end meanwhile
        _finish()


def _finish() -> None:
    """What is done stays, and the upload's field is free again."""
    job: Job = st.session_state.pop(JOB)
    st.session_state[RESULTS] = job
    if job.done:
        forget_upload()


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    """One at a time: each takes all processors."""
    return threading.Lock()
