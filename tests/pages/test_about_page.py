"""The page about limits, terms and runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

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


@pytest.mark.parametrize("break_it", [False, True])
def test_shows_model_cards(app: AppTest, make_run: Callable[..., Path], checkpoints: Path, break_it: bool) -> None:
    card = make_run("a_run") / "README.md"
    card.write_text("---\nlicense: other\n---\n\n# A network\n", encoding="utf-8")
    make_run("another")
    if break_it:
        card.write_bytes(b"\xff\xfe not utf-8")
        (checkpoints / "third").mkdir()
    open_about(app)
    labels = [expander.label for expander in app.expander]
    assert labels[:2] == ["a\\_run", "another"]
    shown = [element.value for element in app.markdown]
    assert ("# A network" in shown) is not break_it
    assert not any("license: other" in text for text in shown)
    assert "This run has no model card." in [caption.value for caption in app.caption]
    assert ("1 run folder cannot be read" in labels) is break_it


def test_does_not_load_the_networks_library() -> None:
    code = (
        "import sys\n"
        "from tests.pages.opening import make_app\n"
        "app = make_app('about').run()\n"
        "assert not app.exception, app.exception\n"
        "assert app.title[0].value == 'About'\n"
        "loaded = {'torch', 'sklearn', 'timm'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    # AppTest looks for a relative path beside the file that asks, and '-c' stands in the working directory.
    done = subprocess.run(
        [sys.executable, "-c", code.replace("'app.py'", repr(str(REPOSITORY / "app.py")))],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


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
