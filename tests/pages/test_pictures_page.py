"""Pictures of one's own: brought in the browser, looked through, measured, shown everywhere, removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.data.datasets import load_dataset
from emotion_core.results.find import DEFAULT_RUN, list_runs
from pages.pictures import asking, measuring
from pages.shared import visit
from tests.data.sending import class_folders, packed, picture
from tests.pages.errors.driving import shown
from tests.pages.opening import go_to, run

FILES = {**class_folders(3), "mine/happy/cut.png": picture(7)[:50], "mine/grumpy/1.png": picture(8)}


@pytest.fixture
def runs(make_run: Callable[..., Path]) -> None:
    make_run(DEFAULT_RUN)
    make_run("b-second", seed=1)


def bring(app: AppTest, content: bytes = packed(FILES), name: str = "mine.zip") -> AppTest:
    run(go_to(app, "pictures"))
    app.file_uploader(key="pictures-zip-0").set_value([(name, content, "application/zip")])
    return run(app)


def words(app: AppTest) -> str:
    said = [*app.header, *app.markdown, *app.caption, *app.success, *app.info, *app.error, *app.expander]
    return "\n".join(getattr(each, "label", "") or getattr(each, "value", "") for each in said).replace("\\", "")


def measure(app: AppTest) -> AppTest:
    app.toggle(key="pictures-found-new").set_value(False)
    app.button(key="pictures-measure").click()
    return run(app)


def links(app: AppTest) -> dict[str, str]:
    return {link.proto.label: link.proto.query_string for link in app.get("page_link")}


@pytest.mark.usefixtures("runs")
def test_pictures_are_measured_and_shown_everywhere_for_the_visit(app: AppTest, checkpoints: Path) -> None:
    bring(app)
    assert "9 pictures with 3 expressions" in words(app)
    assert "2 things cannot be used" in words(app)
    counts, problems = (frame.value for frame in app.dataframe)
    assert dict(zip(counts["expression"], counts["pictures"], strict=True))["anger"] == 3
    assert problems["what"].tolist() == ["mine/grumpy", "happy/cut.png"]
    assert [each.value for each in app.caption if each.value in ("happiness", "sadness", "anger")] == [
        name for name in ("happiness", "sadness", "anger") for _ in range(3)
    ]
    assert app.button(key="pictures-measure").label == "Measure on these 9 pictures"
    assert app.multiselect(key="pictures-networks-new").value == [DEFAULT_RUN]
    app.multiselect(key="pictures-networks-new").set_value([DEFAULT_RUN, "b-second"])
    before = sorted(checkpoints.rglob("*"))
    measure(app)
    assert "Measured on 9 pictures called mine." in words(app)
    assert f"**{DEFAULT_RUN}**: accuracy 0." in words(app)
    assert "**b-second**: accuracy" in words(app)
    # Nobody else sees any of it.
    assert sorted(checkpoints.rglob("*")) == before
    [dataset] = app.session_state["visit-datasets"]
    query = links(app)["What it gets wrong"]
    assert f"benchmark={dataset.replace('@', '%40')}-test" in query
    app.query_params.update({"benchmark": f"{dataset}-test", "run": "visit/joint-custom_cnn", "outcome": "all"})
    run(go_to(app, "errors"))
    assert "**9 images** of 9" in words(app)
    assert [f"{name}/{number}.png" for name in ("Happy", "anger", "sad") for number in range(3)] == sorted(shown(app))
    assert "could not be read" not in words(app)
    app.query_params.clear()
    app.query_params.update({"experiment": "visit", "benchmark": f"{dataset}-test"})
    run(go_to(app, "compare"))
    assert app.selectbox(key="address-benchmark").value == f"{dataset}-test"
    # Another network reads the same pictures; then they go, and what was measured with them.
    run(go_to(app, "pictures"))
    archive = app.session_state["visit-datasets"][dataset]
    assert archive.is_file()
    app.button(key="pictures-remove").click()
    run(app)
    assert not archive.exists()
    assert not list(app.session_state["visit"].folder.rglob("predictions.parquet"))
    run(go_to(app, "errors"))
    assert "No run has been evaluated yet" in words(app)


@pytest.mark.usefixtures("runs")
def test_a_second_network_reads_pictures_that_are_here(app: AppTest) -> None:
    measure(bring(app))
    app.multiselect(key="pictures-networks-again").set_value(["b-second"])
    app.button(key="pictures-again").click()
    run(app)
    assert "**b-second**: accuracy" in words(app)
    found = [each.name for each in list_runs(app.session_state["visit"].folder)]
    assert found == ["visit/b-second", "visit/joint-custom_cnn"]


@pytest.mark.usefixtures("runs")
def test_the_owner_lets_pictures_be_stored(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoints: Path
) -> None:
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path / "data"))
    assert "pictures-where" not in {each.key for each in bring(app).segmented_control}
    monkeypatch.setenv(asking.STORE, "yes")
    run(app)
    app.segmented_control(key="pictures-where").select(asking.IN_FOLDER)
    run(app)
    measure(app)
    assert "Measured on 9 pictures" in words(app)
    table = load_dataset("mine.zip", tmp_path / "data")
    assert len(table) == 9
    folder = checkpoints / "brought" / "joint-custom_cnn"
    assert (folder / "evaluations" / f"{table.name}-test" / "metrics.json").is_file()
    assert (folder / "model.safetensors").samefile(checkpoints / DEFAULT_RUN / "model.safetensors")
    assert "experiment=brought" in links(app)["Compare"]
    assert "pictures-remove" not in {button.key for button in app.button}
    assert app.multiselect(key="pictures-networks-again").options == [DEFAULT_RUN, "b-second"]


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Rar!", "'mine.zip' is no ZIP archive, or a damaged one"),
        (packed({"1.png": picture(1)}), "No picture in 'mine.zip' lies in a folder called by an expression"),
        (packed({"happy/1.png": "x"}), "No picture of 'mine.zip' can be read; happy/1.png: cannot be read as a picture"),
        (packed({"labels.csv": "image,expression\n1.png,grumpy\n", "1.png": picture(1)}), "has no usable row; labels.csv:2:"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_sentence(app: AppTest, content: bytes, message: str) -> None:
    bring(app, content)
    [error] = app.error
    assert message in error.value.replace("\\", "")
    assert "pictures-measure" not in {button.key for button in app.button}


@pytest.mark.usefixtures("runs")
def test_a_name_that_is_taken_is_said(app: AppTest) -> None:
    bring(app)
    app.text_input(key="pictures-name-mine").set_value("sfew")
    measure(app)
    assert "'sfew' is the name of a published dataset" in app.error[0].value.replace("\\", "")


@pytest.mark.usefixtures("runs")
def test_a_visit_keeps_only_so_much(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "VISITOR_BYTES", 100)
    measure(bring(app))
    assert "A visit keeps pictures of at most 0 MB: remove some first." in app.error[0].value.replace("\\", "")


@pytest.mark.usefixtures("runs")
def test_measuring_can_be_stopped(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(app)
    original = measuring._lend

    def lend(job: measuring.Job, name: str) -> object:
        # What a click on Stop does between two networks.
        if job.done:
            measuring._stop()
            import streamlit as st

            st.rerun()
        return original(job, name)

    monkeypatch.setattr(measuring, "_lend", lend)
    app.multiselect(key="pictures-networks-new").set_value([DEFAULT_RUN, "b-second"])
    measure(app)
    assert "Stopped. 1 network is done." in words(app)
    assert "b-second" not in [each.name for each in list_runs(app.session_state["visit"].folder)]
    # The server measures for others again.
    assert measuring._lock().acquire(blocking=False)
    measuring._lock().release()


def test_without_a_network_nothing_is_measured(app: AppTest) -> None:
    bring(app)
    assert "There is no network with weights here" in words(app)
    assert app.button(key="pictures-measure").disabled
