"""The page that compares runs, driven without a browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.cli import main
from emotion_core.metrics.table import METRICS
from emotion_core.results.find import stamp_runs
from tests.pages.compare.driving import captions, columns, figure
from tests.pages.opening import run
from tests.stored import write_run


@pytest.mark.usefixtures("three")
def test_opens_on_a_comparison(app: AppTest) -> None:
    run(app)
    assert app.title[0].value == "Which backbone is better, and is the difference real?"
    assert app.selectbox(key="address-benchmark").value == "affectnet-3999-test"
    said = app.markdown[0].value.replace("\\", "")
    assert said.startswith("**good has the best accuracy, 0.750 [0.700, 0.800].** Not significantly different from it: alike.")
    assert "Significantly worse: worse." in said
    table = app.dataframe[0].value
    assert table["run"].tolist() == ["good", "alike", "worse"]
    assert table["accuracy"].tolist() == pytest.approx([0.75, 0.7437, 0.4], abs=1e-3)
    assert table["accuracy_diff"].isna().tolist() == [True, False, False]
    assert columns(app)["accuracy"]["label"] == "accuracy ↑"
    assert "Share of images" in columns(app)["accuracy"]["help"]
    assert "Higher is better." in columns(app)["accuracy"]["help"]
    assert table["verdict"].tolist() == ["baseline", "not significantly different", "significantly worse"]
    assert "3 pairs of ticked runs" in captions(app)
    assert "difference from good" in captions(app)
    assert figure(app)["layout"]["title"]["text"] == "One is not significantly different from the best"
    assert app.get("plotly_chart")[0].proto.alt.startswith("accuracy: good 0.750")


@pytest.mark.usefixtures("three")
def test_a_row_of_the_table_of_measures_is_a_measure_of_the_page(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    # Before the evaluations have it nobody is offered it; a comparison of those that have it needs nothing but the row.
    monkeypatch.setitem(
        METRICS, "hits", replace(METRICS["accuracy"], name="hits", title="toy hits", meaning="A toy.", batched=None)
    )
    run(app)
    assert "toy hits" not in app.multiselect(key="measures").options
    assert main(["remeasure", "--all"]) == 0
    run(app)
    app.multiselect(key="measures").set_value(["toy hits"])
    run(app)
    assert columns(app)["hits"]["label"] == "toy hits ↑"
    assert columns(app)["hits"]["help"].startswith("A toy. 0 to 1;")
    assert app.dataframe[0].value["hits"].tolist() == pytest.approx([0.75, 0.7437, 0.4], abs=1e-3)


@pytest.mark.usefixtures("three")
def test_cells_show_value_interval_and_mark(app: AppTest) -> None:
    run(app)
    import pyarrow as pa

    shown = pa.ipc.open_stream(app.dataframe[0].proto.arrow_data.styler.display_values).read_all().to_pandas()
    assert shown["accuracy"].tolist() == ["★ 0.750 [0.700, 0.800]", "≈ 0.744 [0.694, 0.794]", "0.400 [0.350, 0.450]"]
    assert shown["accuracy_diff"][0] == ""
    assert shown["accuracy_diff"][2].startswith("−0.350 [−0.")
    assert shown["f1_macro_diff"][2].endswith("p < 0.001")
    assert list(shown.columns[:6]) == ["run", "accuracy", "accuracy_diff", "p", "verdict", "needed"]


@pytest.mark.usefixtures("three")
def test_reported_results_stand_apart(app: AppTest) -> None:
    run(app)
    apart = app.dataframe[1].value
    assert apart["run"].str.startswith("○ ").all()
    assert apart["apart"].str.contains("reported").all()
    assert apart["source"].str.len().gt(0).all()
    assert any("Beside, not tested" in text.value for text in app.markdown)
    app.toggle(key="reported").set_value(False)
    run(app)
    assert len(app.dataframe) == 1
    assert not any("Beside" in text.value for text in app.markdown)


def test_a_collapsed_run_is_flagged_and_a_single_run_is_shown(app: AppTest, add: Callable[..., Path]) -> None:
    add("fine", 0.7)
    add("dead", 0.0, backbone="vgg16")
    run(app)
    table = app.dataframe[0].value.set_index("run")
    assert "surprise" in table["collapsed"]["⚠ dead"]
    assert table["collapsed"]["fine"] == ""


def test_runs_measured_otherwise_stand_apart(app: AppTest, add: Callable[..., Path], three: list[Path]) -> None:
    add("elsewhere", 0.9, fingerprint="xyz")
    app.query_params["reported"] = "false"
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["good", "alike", "worse"]
    assert app.dataframe[1].value["run"].tolist() == ["elsewhere"]
    assert "other images or labels" in app.dataframe[1].value["apart"][0]


def test_damage_is_one_line_and_the_rest_works(app: AppTest, store: Path, three: list[Path]) -> None:
    (store / "broken").mkdir()
    (store / "broken" / "run.json").write_text("{", encoding="utf-8")
    (three[2] / "evaluations" / "affectnet-3999-test" / "metrics.json").write_text("[]", encoding="utf-8")
    (three[1] / "evaluations" / "affectnet-3999-test" / "predictions.parquet").write_bytes(b"no table")
    app.query_params["view"] = "Confusion"
    run(app)
    assert app.expander[0].label == "3 results cannot be read"
    assert app.dataframe[0].value["run"].tolist() == ["good"]
    assert len(app.get("plotly_chart")) == 1


def test_names_are_shown_letter_by_letter(app: AppTest, add: Callable[..., Path]) -> None:
    add("*a* $b$ [c](d)", 0.7)
    add("plain", 0.3)
    run(app)
    assert "difference from *a* $b$ [c](d)" in captions(app)
    for kind in ("caption", "markdown", "info"):
        assert not any("*a*" in str(element.proto.body) for element in app.get(kind))


def test_nothing_there_is_one_sentence_and_one_command(app: AppTest, store: Path) -> None:
    run(app)
    assert "There is no run yet" in app.info[0].value
    assert "emotion_core train" in app.code[0].value
    write_run(store / "fresh", finished=False)
    run(app)
    assert "No run has been evaluated" in app.info[0].value
    assert "evaluate fresh --dataset" in app.code[0].value
    assert not app.dataframe
    assert not app.get("plotly_chart")


def test_what_changes_on_disk_is_read_again(app: AppTest, add: Callable[..., Path], three: list[Path], store: Path) -> None:
    before = stamp_runs(store)
    assert before == stamp_runs(store)
    run(app)
    add("fourth", 0.9)
    assert stamp_runs(store) != before
    run(app)
    assert app.dataframe[0].value["run"].tolist()[0] == "fourth"


def test_views_are_shown_where_some_run_has_two(add: Callable[..., Path], app: AppTest) -> None:
    add("good", 0.75, backbone="resnet50")
    add("alike", 0.74, backbone="vgg16")
    run(app)
    assert "views" not in app.dataframe[0].value.columns
    add("mirrored", 0.6, flip=True)
    run(app)
    rows = app.dataframe[0].value.set_index("run")["views"]
    assert rows["mirrored"] == 2
    assert rows["good"] == 1
    assert "mirror image" in columns(app)["views"]["help"]
