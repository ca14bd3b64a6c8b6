"""What do many pictures show?"""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from emotion_core.errors import EmotionCoreError
from emotion_core.scoring.query import find_tables
from pages.scored.controls import ask_selection, ask_table
from pages.scored.tables import open_table
from pages.scored.views import show_examples, show_export, show_headline, show_overview, show_unread
from pages.shared.command import show_command
from pages.shared.sentence import readable, sentence
from pages.shared.words import escape

HOW = """\
python -m emotion_core score PHOTOS --out scores/mine
"""


def main() -> None:
    """Ask, call, show."""
    st.title("What do many pictures show?")
    root = Path(os.environ.get("EMOTION_SCORES") or "scores")
    folders = find_tables(root)
    if not folders:
        st.info("There is no table of scored pictures yet. Folders, archives and films of any size are read into one by:")
        show_command(HOW)
        st.caption(escape(readable(f"Tables are looked for in '{root}', or where EMOTION_SCORES points.")))
        return
    folder = ask_table(root, folders)
    try:
        table = open_table(folder)
        show_headline(table)
        selection = ask_selection(folder)
        if show_overview(table, selection):
            show_examples(table, selection)
            show_export(table, selection)
        show_unread(table)
    except EmotionCoreError as error:
        st.error(sentence(error))


main()
