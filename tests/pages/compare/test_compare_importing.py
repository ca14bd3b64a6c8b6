"""Bringing results along on the page that compares them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.cli import main
from emotion_core.labels import EXPRESSIONS
from tests.pages.compare.driving import IMAGES, captions, compared, tick
from tests.pages.opening import run

FER2013 = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


def numbered() -> bytes:
    """Predictions of a network that knows seven expressions and calls its outputs p0 to p6, right in three of four images."""
    truth = np.array(EXPRESSIONS)[np.arange(IMAGES) % 8]
    said = np.where(np.arange(IMAGES) % 4 > 0, truth, np.roll(truth, 1))
    probs = {f"p{place}": np.where(said == name, 0.7, 0.05) for place, name in enumerate(FER2013)}
    table = pd.DataFrame({"picture": [f"C:\\faces\\{number:04}.JPG" for number in range(IMAGES)], **probs})
    table[list(probs)] = table[list(probs)].div(table[list(probs)].sum(axis=1), axis=0)
    return table.to_csv(index=False).encode()


def dialogue() -> AppTest:
    """The open dialogue alone: in the app it is drawn again without the page, which these tests cannot do."""

    def script() -> None:
        from pages.compare.importing import open_import

        open_import()

    return AppTest.from_function(script, default_timeout=300)


def bring(app: AppTest, content: bytes, name: str = "theirs.csv") -> AppTest:
    run(app)
    app.file_uploader(key="import-file").set_value([(name, content, "text/csv")])
    return run(app)


def choose_order(app: AppTest, order: str) -> AppTest:
    next(box for box in app.selectbox if box.label == "Order of the expressions").set_value(order)
    return run(app)


@pytest.mark.parametrize("keep", [True, False])
def test_results_are_mapped_checked_and_kept(add: Callable[..., Path], store: Path, keep: bool) -> None:
    add("ours", 0.6)
    app = bring(dialogue(), numbered())
    [asked] = [warning.value.replace("\\", "") for warning in app.warning]
    assert "p0 to p6 are numbered" in asked
    choose_order(app, "affectnet7")
    [doubt] = [warning.value.replace("\\", "") for warning in app.warning]
    assert "Did you mean FER-2013's order" in doubt
    assert all(button.disabled for button in app.button)
    choose_order(app, "fer2013")
    assert not app.warning
    label = "Keep for this visit" if keep else "Store for everybody"
    next(button for button in app.button if button.label == label).click()
    run(app)
    name = f"{'visit' if keep else 'imported'}/theirs"
    assert app.session_state["imported"] == f"{name} is there, measured on affectnet-3999-test."
    assert name in app.query_params["run"]
    folder = app.session_state["visit"].folder if keep else store
    assert (folder / name / "run.json").is_file()
    assert (store / "imported").exists() is not keep


def test_columns_are_mapped_by_hand(add: Callable[..., Path], store: Path) -> None:
    add("ours", 0.6)
    app = bring(dialogue(), numbered())
    for place, name in enumerate(FER2013):
        next(box for box in app.selectbox if box.label == name.capitalize()).set_value(f"p{place}")
    run(app)
    assert not app.warning
    assert "on 140 images of affectnet" in app.markdown[-1].value.replace("\\", "")


@pytest.mark.usefixtures("add")
def test_a_file_with_the_truth_makes_a_benchmark_of_its_own(store: Path) -> None:
    table = pd.DataFrame({"image": [f"{n}.jpg" for n in range(80)], "happy": 0.6, "sad": 0.4, "truth": ["happy", "sad"] * 40})
    app = bring(dialogue(), table.to_csv(index=False).encode(), "mine.csv")
    next(button for button in app.button if button.label == "Store for everybody").click()
    run(app)
    assert (store / "imported" / "mine" / "evaluations" / "mine-test" / "metrics.json").is_file()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"image,happy,sad\n<img src=x>,=1+1,0\n", "No row names an image"),
        (b"PAR1 and no more", "is not a whole Parquet file"),
        (b"", "is empty"),
    ],
)
def test_what_is_wrong_with_a_file_is_a_sentence(add: Callable[..., Path], store: Path, content: bytes, message: str) -> None:
    add("ours", 0.6)
    before = sorted(store.rglob("*"))
    app = bring(dialogue(), content, "<b>theirs</b>.csv")
    assert message in app.error[0].value.replace("\\", "")
    assert sorted(store.rglob("*")) == before


def test_a_run_that_knows_fewer_expressions_is_compared_on_the_images_that_both_can_answer(
    app: AppTest, add: Callable[..., Path], tmp_path: Path
) -> None:
    add("ours", 0.6)
    (tmp_path / "theirs.csv").write_bytes(numbered())
    order = ["--classes", "fer2013", "--columns", "image=picture"]
    assert main(["import", str(tmp_path / "theirs.csv"), "--benchmark", "affectnet-3999", *order]) == 0
    app.query_params["experiment"] = "all"
    run(app)
    assert any(button.label == "Bring your own results" for button in app.button)
    assert "that all of these runs can answer" not in captions(app)
    tick(app, "ours", "imported/theirs")
    assert sorted(compared(app)) == ["imported/theirs", "ours"]
    assert "On the 140 of 160 images that all of these runs can answer, between 7 expressions" in captions(app)
