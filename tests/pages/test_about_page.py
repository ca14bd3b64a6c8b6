"""The page about limits, terms and runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.data.datasets import DATASETS
from tests.pages.opening import go_to

REPOSITORY = Path(__file__).resolve().parents[2]


def open_about(app: AppTest) -> AppTest:
    go_to(app, "about").run()
    assert not app.exception, app.exception[0].message
    return app


def test_says_what_it_must_not_be_used_for(app: AppTest) -> None:
    words = "\n".join(element.value for element in open_about(app).markdown)
    assert "5(1)(f)" in words
    assert "A face's expression is not a feeling" in words
    assert "non-commercial research only" in words
    assert "There are no runs yet" in app.info[0].value


def test_every_dataset_has_its_terms(app: AppTest) -> None:
    words = "\n".join(element.value for element in open_about(app).markdown)
    for spec in DATASETS.values():
        assert spec.terms in words


def test_shows_the_card_of_the_chosen_run(app: AppTest, make_run: Callable[..., Path]) -> None:
    card = make_run("a_run") / "README.md"
    card.write_text("---\nlicense: other\n---\n\n# A network\n\n## Results\n\nnine of ten\n\n### More\n", encoding="utf-8")
    make_run("another")
    app.query_params["run"] = "a_run"
    open_about(app)
    shown = [element.value for element in app.markdown]
    assert "### A network" in [text.strip() for text in shown]
    [results] = [section for section in app.expander if section.label == "Results"]
    assert [text.value.strip() for text in results.markdown] == ["nine of ten\n\n### More"]
    assert not results.proto.expanded
    assert not any("license: other" in text for text in shown)
    assert "This run has no model card." not in [caption.value for caption in app.caption]
    app.selectbox[0].select("another").run()
    assert not any("A network" in element.value for element in app.markdown)
    assert "This run has no model card." in [caption.value for caption in app.caption]


def test_a_card_or_a_run_that_cannot_be_read_ends_nothing(
    app: AppTest, make_run: Callable[..., Path], checkpoints: Path
) -> None:
    (make_run("a_run") / "README.md").write_bytes(b"\xff\xfe not utf-8")
    (checkpoints / "third").mkdir()
    open_about(app)
    assert "This run has no model card." in [caption.value for caption in app.caption]
    assert "1 run folder cannot be read" in [expander.label for expander in app.expander]


@pytest.mark.parametrize(
    "picture", ["![here](https://tracker.example/1.png)", "!![here][1]\n\n[1]: https://tracker.example/1.png"]
)
def test_cards_load_no_picture_from_elsewhere(app: AppTest, make_run: Callable[..., Path], picture: str) -> None:
    card = make_run("a_run") / "README.md"
    card.write_text(f"# A network\n\n{picture}\n\n<img src=https://tracker.example/2.png>\n", encoding="utf-8")
    open_about(app)
    [shown] = [element for element in app.markdown if "# A network" in element.value]
    assert "[here]" in shown.value
    assert "![" not in shown.value
    assert not shown.proto.allow_html
