"""What this is, what it must not be used for, and which networks there are."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from emotion_core.data.datasets import DATASETS
from emotion_core.results.checked import read_text
from emotion_core.results.find import DEFAULT_RUN, list_runs
from emotion_core.results.run import DamagedRun, Run
from pages.shared.address import ask_option
from pages.shared.runs import show_damaged
from pages.shared.words import escape

REPOSITORY = Path(__file__).resolve().parents[2]

_STYLE = """<style>
.st-key-model-card [data-testid="stMarkdownContainer"] { overflow-x: auto; overflow-wrap: anywhere; }
</style>"""
"""On a phone, a card's wide tables are moved sideways within the page, instead of the page."""


def without_pictures(card: str) -> str:
    """A card whose pictures are links: a picture from elsewhere would tell its server who reads the card."""
    return re.sub(r"!+\[", "[", card)


def model_card(run: Run) -> str | None:
    """The run's README without its front matter."""
    try:
        text = read_text(run.path / "README.md")
    except (OSError, ValueError):
        return None
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL).strip() or None


def show_card(card: str) -> None:
    """What a card begins with; its sections, of which results alone fill many screens, are opened on demand."""
    opening, *sections = re.split(r"^## +(?=\S)", card, flags=re.MULTILINE)
    st.markdown(re.sub(r"\A# ", "### ", opening))
    for section in sections:
        title, _, text = section.partition("\n")
        with st.expander(escape(title.strip())):
            st.markdown(text)


def show_run(run: Run) -> None:
    """What a run is, in a line, and its model card."""
    size, millions = run.info.input_size, run.info.num_params / 1e6
    known = [run.info.backbone, f"{size} × {size} px" if size else "", f"{millions:.3f} M parameters" if millions else ""]
    known += ["" if run.has_weights else "results only", "" if run.info.finished else "training has not ended"]
    st.text(", ".join(filter(None, known)))
    card = model_card(run)
    if card:
        st.html(_STYLE)
        with st.container(key="model-card"):
            show_card(without_pictures(card))
    else:
        st.caption("This run has no model card.")


st.title("About")
st.markdown(
    "This tool is for people who train and judge networks that read emotion from faces. Such a network estimates how "
    "probable each of eight expressions is, and how pleasant (valence) and how active (arousal) the face looks; a heat map "
    "shows which parts of the face speak for it."
)

st.header("Limits of use")
st.markdown(
    "- **A face's expression is not a feeling.** People smile when they are sad and frown when they think. The "
    "networks imitate what annotators wrote below photographs, nothing more.\n"
    "- **Do not decide anything about a person with it**: not on hiring, marks, insurance, policing or care.\n"
    "- **In the European Union, inferring emotions of people at work and in education is prohibited** by Article "
    "5(1)(f) of the AI Act, Regulation (EU) 2024/1689, except for medical or safety reasons.\n"
    "- Networks err more often on faces unlike those they were trained on, and on rare expressions."
)

st.header("Terms")
terms = "\n".join(f"- {words}" for words in dict.fromkeys(spec.terms for spec in DATASETS.values()))
st.markdown(
    "The terms of a dataset hold for the networks that are trained on it as well.\n\n"
    f"{terms}\n"
    "- Faces are found by YuNet (MIT). The sample photo is in the public domain.\n"
    "- Your photos are kept in memory while you look at them. They are neither stored nor sent anywhere else.\n"
    "- Reviews on the Errors page, with the name that their author gave, are stored for everyone who uses this server."
)

st.header("Model cards")
found = list_runs()
runs = {run.name: run for run in found if isinstance(run, Run)}
if runs:
    show_run(runs[ask_option(st.container(), "Run", list(runs), "run", usual=DEFAULT_RUN)])
else:
    st.info("There are no runs yet. Train one with `python -m emotion_core train`.")
damaged = [run for run in found if isinstance(run, DamagedRun)]
if damaged:
    show_damaged(damaged)


licence = REPOSITORY / "LICENSE"
if licence.is_file():
    st.header("Licence")
    text = licence.read_text(encoding="utf-8").strip()
    with st.expander(escape(text.partition("\n")[0])):
        st.text(text)
