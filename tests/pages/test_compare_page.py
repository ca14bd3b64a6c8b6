"""The page that compares runs, driven without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emotion_core.cli import main
from emotion_core.inspection.filters import Filter
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.collapse import find_collapse
from emotion_core.metrics.summary import summarize
from emotion_core.metrics.table import METRICS
from emotion_core.results.find import stamp_runs
from emotion_core.results.reviews import ReviewStore
from emotion_core.results.run import append_history, read_run, write_evaluation
from emotion_core.results.summaries import read_predictions
from tests import stored
from tests.pages.opening import make_app
from tests.stored import measures, write_run

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGES = 160


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkpoints folder that the app reads."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(folder))
    monkeypatch.delenv("EMOTION_DATA", raising=False)
    monkeypatch.chdir(REPOSITORY)
    st.cache_data.clear()
    st.cache_resource.clear()
    return folder


@pytest.fixture
def add(store: Path) -> Callable[..., Path]:
    """Writes a run that is right on a share of the images."""

    def write(
        name: str, share: float, *, backbone: str = "custom_cnn", seed: int = 0, split: str = "test", **changes: Any
    ) -> Path:
        rng = np.random.default_rng(int(1000 * share) + seed)
        labels = np.arange(IMAGES) % 8
        says = np.where(np.arange(IMAGES) < share * IMAGES, labels, (labels + 1) % 8)
        if share == 0:
            says[:] = 3
        probs = rng.dirichlet(np.ones(8), IMAGES) * 0.3
        probs[np.arange(IMAGES), says] += 0.7
        table = pd.DataFrame({"sample_id": [f"{n:04}.jpg" for n in range(IMAGES)], "expression": np.array(EXPRESSIONS)[labels]})
        for index, expression in enumerate(EXPRESSIONS):
            table[f"prob_{expression}"] = probs[:, index].astype(np.float32)
        for place, affect in enumerate(AFFECT):
            table[affect] = np.sin(np.arange(IMAGES) + place)
            table[f"pred_{affect}"] = np.clip(table[affect] * share + 0.3 * rng.normal(size=IMAGES), -1, 1)
        training = {"title": "A preset", "seed": seed, "epochs": 3, "loss": {"expression": 1.0}}
        folder = write_run(
            store / name,
            network={"backbone": backbone, "input_size": 48},
            training=training,
            seed=seed,
            num_params=1_000_000 * (1 + len(backbone)),
            seconds=60.0,
        )
        about = {"seed": seed, "collapse": find_collapse(table), "measures": measures(table, around=0.05), **changes}
        stored.store(folder, table, "affectnet-3999", split, **about)
        return folder

    return write


@pytest.fixture
def three(add: Callable[..., Path]) -> list[Path]:
    """Two that are alike, and one that is worse."""
    return [add("good", 0.75, backbone="resnet50"), add("alike", 0.74, backbone="vgg16"), add("worse", 0.4)]


@pytest.fixture
def app(store: Path) -> AppTest:
    """The app on the page, not yet run."""
    return make_app("compare")


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def captions(app: AppTest) -> str:
    return "\n".join(caption.value.replace("\\", "") for caption in app.caption)


def columns(app: AppTest, place: int = 0) -> dict[str, Any]:
    return json.loads(app.dataframe[place].proto.columns)


def figure(app: AppTest, place: int = 0) -> dict[str, Any]:
    return json.loads(app.get("plotly_chart")[place].proto.spec)


@pytest.mark.usefixtures("three")
def test_opens_on_a_comparison(app: AppTest) -> None:
    run(app)
    assert app.title[0].value == "Which backbone is better, and is the difference real?"
    assert app.selectbox(key="on").value == "affectnet-3999-test"
    table = app.dataframe[0].value
    assert table["run"].tolist() == ["good", "alike", "worse"]
    assert table["accuracy"].tolist() == pytest.approx([0.75, 0.7437, 0.4], abs=1e-3)
    assert table["accuracy_diff"].isna().tolist() == [True, False, False]
    assert columns(app)["accuracy"]["label"] == "accuracy ↑"
    assert "Share of images" in columns(app)["accuracy"]["help"]
    assert "Higher is better." in columns(app)["accuracy"]["help"]
    assert "3 pairs of runs" in captions(app)
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
    assert shown["accuracy_diff"][2].endswith("p < 0.001")


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


@pytest.mark.usefixtures("three")
def test_filters_and_baseline(app: AppTest) -> None:
    run(app)
    app.multiselect(key="kinds").set_value(["resnet50", "custom_cnn"])
    app.selectbox(key="baseline").set_value("worse")
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["good", "worse"]
    assert "1 pair of runs" in captions(app)
    assert app.dataframe[0].value["accuracy_diff"][0] == pytest.approx(0.35, abs=1e-3)
    app.multiselect(key="kinds").set_value([])
    app.multiselect(key="runs").set_value(["alike"])
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["alike"]
    assert "One run alone" in captions(app)
    app.multiselect(key="measures").set_value([])
    run(app)
    assert app.info[0].value == "Choose at least one measure above."


@pytest.mark.usefixtures("three")
def test_errors_are_better_when_lower(app: AppTest) -> None:
    app.query_params.update(measures="RMSE valence", measure="log loss")
    run(app)
    assert columns(app)["rmse_valence"]["label"] == "RMSE valence ↓"
    values = app.dataframe[0].value["rmse_valence"].tolist()
    assert values == sorted(values)
    assert app.selectbox(key="measure").value == "log loss"


@pytest.mark.usefixtures("three")
def test_the_address_says_what_is_shown(app: AppTest) -> None:
    app.query_params.update(
        on="affectnet-3999-test", runs=["good", "worse"], measures=["accuracy", "ECE"], baseline="worse", reported="false",
        view="Confusion", by="images",
    )  # fmt: skip
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["good", "worse"]
    assert {"accuracy", "ece"} <= set(app.dataframe[0].value.columns)
    assert "difference from worse" in captions(app)
    assert len(app.dataframe) == 1
    assert app.segmented_control(key="by").value == "images"
    assert len(app.get("plotly_chart")) == 3


@pytest.mark.usefixtures("three")
def test_nonsense_in_the_address_is_ignored(app: AppTest) -> None:
    app.query_params.update(
        on="mars", runs="nobody", kinds="<b>", measures="beauty", baseline="no", reported="perhaps", view="magic", measure="x",
    )  # fmt: skip
    run(app)
    assert len(app.dataframe[0].value) == 3
    assert len(app.get("plotly_chart")) == 1


def test_another_evaluation_keeps_no_runs_of_the_first(app: AppTest, add: Callable[..., Path], three: list[Path]) -> None:
    add("validated", 0.6, split="val", chosen_by={})
    add("validated-too", 0.5, split="val", chosen_by={})
    run(app)
    assert app.selectbox(key="on").options == ["affectnet-3999-test", "affectnet-3999-val"]
    app.multiselect(key="runs").set_value(["good"])
    app.selectbox(key="baseline").set_value("good")
    run(app)
    app.selectbox(key="on").set_value("affectnet-3999-val")
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["validated", "validated-too"]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("view", "charts", "alt"),
    [
        ("Trade-off", 1, "accuracy against parameters, M"),
        ("Profile", 1, "3 runs on 4 measures"),
        ("Confusion", 3, "Confusion matrix: good"),
        ("Expressions", 1, "F1 of each expression"),
        ("Calibration", 1, "good, ECE"),
        ("Coverage", 1, "Accuracy by share of images answered. Half of them: good"),
    ],
)
def test_views(app: AppTest, view: str, charts: int, alt: str) -> None:
    app.query_params["view"] = view
    run(app)
    found = app.get("plotly_chart")
    assert len(found) == charts
    assert alt in found[0].proto.alt
    assert all(chart.proto.alt for chart in found)
    assert {button.label for button in app.get("download_button")} >= {
        "CSV",
        "JSON",
        "Markdown",
        "LaTeX",
        "Data, CSV",
        "Figure, HTML",
    }


def test_confusion_side_by_side_is_on_one_scale(app: AppTest, three: list[Path]) -> None:
    app.query_params.update(view="Confusion", matrices=["good", "worse"])
    run(app)
    one, two, difference = (figure(app, place)["data"][0] for place in range(3))
    assert one["zmax"] == two["zmax"]
    assert difference["zmin"] == -difference["zmax"]
    app.multiselect(key="matrices").set_value([])
    run(app)
    assert "Choose at least one run" in app.info[0].value


def test_training_curves_need_a_history(app: AppTest, three: list[Path]) -> None:
    app.query_params["view"] = "Training"
    run(app)
    assert "history" in app.info[0].value
    assert not app.get("plotly_chart")
    for epoch in (1, 2, 3):
        append_history(three[0], {"epoch": epoch, "loss": 1 / epoch, "val_accuracy": 0.2 * epoch})
    run(app)
    assert app.selectbox(key="curve").options == ["val_accuracy", "loss"]
    assert figure(app)["data"][0]["name"] == "good"
    assert "2 runs have no history" in captions(app)
    app.toggle(key="smooth").set_value(True)
    run(app)
    assert len(figure(app)["data"]) == 2


def test_settings_show_differences_only(app: AppTest, three: list[Path]) -> None:
    app.query_params["view"] = "Settings"
    run(app)
    assert app.dataframe[-1].value["setting"].tolist() == ["network.backbone"]
    app.toggle(key="differences").set_value(False)
    run(app)
    assert "loss.expression" in app.dataframe[-1].value["setting"].tolist()
    app.toggle(key="differences").set_value(True)
    app.multiselect(key="runs").set_value(["good"])
    run(app)
    assert app.info[-1].value == "These runs were set up alike."


def test_a_collapsed_run_is_flagged_and_a_single_run_is_shown(app: AppTest, add: Callable[..., Path]) -> None:
    add("fine", 0.7)
    add("dead", 0.0, backbone="vgg16")
    run(app)
    table = app.dataframe[0].value.set_index("run")
    assert "surprise" in table["collapsed"]["⚠ dead"]
    assert table["collapsed"]["fine"] == ""


def test_seeds_have_their_own_table(app: AppTest, add: Callable[..., Path]) -> None:
    add("one", 0.7)
    add("two", 0.6, seed=1)
    app.query_params["reported"] = "false"
    run(app)
    assert any("over trainings, not over images" in text.value for text in app.markdown)
    seeds = app.dataframe[1].value
    assert seeds["seeds"].tolist() == [2]
    assert seeds["accuracy"].tolist() == ["0.650 ± 0.071"]


def test_of_each_training_one_seed_is_shown(app: AppTest, add: Callable[..., Path]) -> None:
    add("two", 0.6, seed=1)
    add("one", 0.7)
    add("alone", 0.5, backbone="vgg16", seed=2)
    app.query_params["reported"] = "false"
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["one", "alone"]
    assert "over 1 pair of runs" in captions(app)
    app.toggle(key="seeds").set_value(True)
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["one", "two", "alone"]
    app.toggle(key="seeds").set_value(False)
    # Whoever names a run sees it.
    app.multiselect(key="runs").set_value(["two"])
    run(app)
    assert app.dataframe[0].value["run"].tolist() == ["two"]


def test_one_training_alone_says_where_its_other_seeds_are(app: AppTest, add: Callable[..., Path]) -> None:
    add("one", 0.7)
    add("two", 0.6, seed=1)
    app.query_params["reported"] = "false"
    # A link to a difference from a seed that is not shown.
    app.query_params["baseline"] = "two"
    run(app)
    assert "One training alone: “Every seed” above also shows 1 other seed of it." in captions(app)


@pytest.mark.usefixtures("three")
def test_without_other_seeds_nobody_is_asked(app: AppTest) -> None:
    run(app)
    assert "Every seed" not in [found.label for found in app.toggle]


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


def test_a_slice_is_compared_on_its_own_images(app: AppTest, three: list[Path]) -> None:
    names = [folder.name for folder in three]
    app.run()
    assert not [box for box in app.selectbox if box.key == "slice"]
    reviews = ReviewStore()
    reviews.save_slice("fearful", "affectnet-3999", "test", Filter(true=("fear",)).to_json(), "Ada")
    reviews.save_slice("its errors", "affectnet-3999", "test", Filter(outcome="wrong", runs=(names[0],)).to_json(), "Ada")
    reviews.save_slice("gone", "affectnet-3999", "test", Filter(outcome="wrong", runs=("gone",)).to_json(), "Ada")
    app.run()
    app.selectbox(key="slice").select("fearful").run()
    assert not app.exception
    shown = app.dataframe[0].value.set_index("run")
    for name in names:
        table = read_predictions(read_run(three[names.index(name)]), "affectnet-3999-test")
        part = table[table["expression"] == "fear"].reset_index(drop=True)
        assert float(shown.loc[name, "accuracy"]) == pytest.approx(summarize(part)["accuracy"])
    assert any("On the 20 images of the slice" in caption.value for caption in app.caption)
    app.selectbox(key="slice").select("its errors").run()
    assert not app.exception
    assert float(app.dataframe[0].value.set_index("run").loc[names[0], "accuracy"]) == 0
    assert any("unfair to it or in its favour" in caption.value.replace("\\", "") for caption in app.caption)
    app.segmented_control(key="view").select("Confusion").run()
    assert not app.exception
    app.selectbox(key="slice").select("gone").run()
    assert not app.exception
    assert "was chosen by predictions of gone, which is not here" in app.error[0].value.replace("\\", "")


def test_seeds_that_are_not_shown_are_judged_on_the_slice_too(app: AppTest, add: Callable[..., Path]) -> None:
    folders = [add("one", 0.7), add("two", 0.5, seed=1)]
    ReviewStore().save_slice("fearful", "affectnet-3999", "test", Filter(true=("fear",)).to_json(), "Ada")
    app.query_params["reported"] = "false"
    run(app)
    app.selectbox(key="slice").select("fearful").run()
    tables = [read_predictions(read_run(folder), "affectnet-3999-test") for folder in folders]
    values = [summarize(table[table["expression"] == "fear"].reset_index(drop=True))["accuracy"] for table in tables]
    expected = f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
    assert app.dataframe[1].value["accuracy"].tolist() == [expected]


def test_does_not_load_the_networks_library(three: list[Path], run_alone: Callable[[str], None]) -> None:
    code = (
        "import sys\n"
        "from tests.pages.opening import make_app\n"
        "app = make_app('compare').run()\n"
        "assert not app.exception, app.exception\n"
        "assert len(app.dataframe[0].value) == 3\n"
        "loaded = {'torch', 'sklearn', 'timm', 'scipy.stats'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    run_alone(code)


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


def test_generalisation_shows_runs_by_datasets(app: AppTest, add: Callable[..., Path]) -> None:
    folder = add("good", 0.75)
    add("worse", 0.4)
    app.query_params["view"] = "Generalisation"
    run(app)
    assert any("were measured on one dataset" in info.value for info in app.info)
    metrics = json.loads((folder / "evaluations" / "affectnet-3999-test" / "metrics.json").read_text())
    table = pd.read_parquet(folder / "evaluations" / "affectnet-3999-test" / "predictions.parquet")
    metrics |= {"dataset": "sfew", "measures": {"balanced_accuracy": {"value": 0.25, "low": 0.2, "high": 0.3}}}
    write_evaluation(folder, "sfew", "test", metrics, table)
    run(app)
    assert not any("were measured on one dataset" in info.value for info in app.info)
    [alt] = [chart.proto.alt for chart in app.get("plotly_chart")]
    assert alt == "balanced accuracy by dataset. good does worst on sfew-test, 0.250"
    assert "A frame marks the dataset that a run does worst on." in captions(app)
