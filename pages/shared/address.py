"""What a page's address says: one set of names for all pages, and what was chosen is kept from page to page.

``experiment``, ``run``, ``baseline``, ``benchmark`` (``<dataset>-<split>``), ``image`` and ``chosen`` (several images).
What else stands in an address belongs to one page, and is bound to its widget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.texts import shorten
from pages.shared.words import escape

EXPERIMENT, RUN, BASELINE, BENCHMARK, IMAGE = "experiment", "run", "baseline", "benchmark", "image"
SET = "chosen"
"""Images chosen one by one, as :func:`~emotion_core.inspection.sets.encode_set` writes them."""

_KEPT = "address-kept"
_SAID = "address-said"


def turn_to(page: str) -> None:
    """Begin a page: where it is another one than before, its lists stand at what was chosen last.

    Streamlit still knows the lists of the page before by their keys, and would not set those of this page.

    Args:
        page: its address.
    """
    if kept("page") != page:
        for name in (EXPERIMENT, RUN, BASELINE, BENCHMARK):
            for key in (f"address-{name}", f"address-second-{name}"):
                if key in st.session_state:
                    del st.session_state[key]
    keep("page", page)


def kept(name: str) -> Any:
    """What was chosen last under this name, on whatever page; ``None`` at first."""
    return st.session_state.setdefault(_KEPT, {}).get(name)


def keep(name: str, value: Any) -> None:
    """Keep a choice for the other pages, without a word in the address."""
    st.session_state.setdefault(_KEPT, {})[name] = value


def say(name: str, values: Sequence[str]) -> None:
    """Write a choice into the address; nothing takes it out."""
    st.session_state.setdefault(_SAID, {})[name] = list(values)
    if list(values) != st.query_params.get_all(name):
        if values:
            st.query_params[name] = list(values)
        else:
            st.query_params.pop(name, None)


def asked(name: str) -> list[str] | None:
    """What the address asks for that this program has not written there itself; ``None`` where it asks for nothing new."""
    values = st.query_params.get_all(name)
    return values if values and values != st.session_state.setdefault(_SAID, {}).get(name) else None


def say_unknown(what: str, values: Sequence[str], instead: str) -> None:
    """Say that an address asks for something that is not here.

    Args:
        what: such as ``"run"``.
        values: that are not known; untrusted.
        instead: what is shown, in words.
    """
    names = ", ".join(f"“{shorten(value)}”" for value in values)
    st.warning(escape(f"There is no {what} {names} here: {instead}."), icon=":material/link_off:")


def ask_option(
    where: DeltaGenerator,
    label: str,
    options: Sequence[str],
    name: str,
    *,
    usual: str | None = None,
    what: str | None = None,
    words: Callable[[str], str] = str,
    recall: bool = True,
    **more: Any,
) -> str:
    """A list of options of which the address names one; what was chosen on another page stays chosen.

    Args:
        where: it is drawn.
        label: of the list.
        options: at least one.
        name: in the address.
        usual: what is chosen when nobody asks; the first by default.
        what: the options are called; the label by default.
        words: what is shown of an option.
        recall: whether what was chosen on another page counts.
        **more: for ``st.selectbox``.
    """
    key = f"address-{name}"
    first = usual if usual is not None and usual in options else options[0]
    _follow(key, options, name, what or label.lower(), f"“{words(first)}” is shown", kept(name) if recall else None)
    if st.session_state.get(key) not in options:
        st.session_state[key] = first
    chosen = str(where.selectbox(label, options, key=key, format_func=words, **more))
    keep(name, chosen)
    say(name, [chosen])
    return chosen


def ask_second(where: DeltaGenerator, label: str, options: Sequence[str], name: str, *, what: str, **more: Any) -> str | None:
    """A list of options of which the address may name one, and none is chosen when nobody asks.

    Args:
        where: it is drawn.
        label: of the list.
        options: any number.
        name: in the address.
        what: the options are called.
        **more: for ``st.selectbox``.
    """
    key = f"address-second-{name}"
    _follow(key, options, name, what, "none is shown", kept(key))
    if st.session_state.get(key) not in options:
        st.session_state[key] = None
    chosen: str | None = where.selectbox(label, options, index=None, key=key, **more)
    keep(key, chosen)
    say(name, [] if chosen is None else [chosen])
    return chosen


def _follow(key: str, options: Sequence[str], name: str, what: str, instead: str, before: str | None) -> None:
    """Set a list of options to what the address asks for, or else to what was chosen before."""
    if (wanted := asked(name)) is not None:
        if wanted[0] in options:
            st.session_state[key] = wanted[0]
        else:
            say_unknown(what, wanted[:1], instead)
    elif key not in st.session_state and before in options:
        st.session_state[key] = before
