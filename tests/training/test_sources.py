from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.plain_csv import load_plain_csv
from emotion_core.data.table import FaceTable
from emotion_core.errors import ConfigError, DataError
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.card import render_card
from emotion_core.results.run import read_history, read_run, write_evaluation, write_info
from emotion_core.training import sources
from emotion_core.training.config import Phase, TrainConfig, TrainingSource, from_dict
from emotion_core.training.data import EpochSampler, Split, load_splits
from emotion_core.training.presets import load_preset
from emotion_core.training.trainer import train
from tests.training.trainings import CONFIG

pytestmark = pytest.mark.usefixtures("one_thread")

OWN = TrainingSource(dataset="affectnet-3999", share=0.5)
OTHER = TrainingSource(dataset="more.csv", share=0.5)
MORE = replace(CONFIG, data=(OWN, OTHER), phases=(Phase(name="all", epochs=2, lr=4e-3),), select="accuracy")
ALONE = replace(MORE, data=())
LABELLED_BY_TEACHER = replace(OTHER, labels="teacher", teacher="teacher")
WORDS = ("happy", "sad", "angry", "fearful")


def photograph(random: np.random.Generator, channels: int) -> np.ndarray:
    """Light and shade that no other picture has."""
    coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((40, 40), Image.Resampling.BICUBIC)
    return np.asarray(coarse if channels == 3 else coarse.convert("L"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_affectnet: Callable[..., Path]) -> Path:
    """Eighty different pictures in colour."""
    random = np.random.default_rng(0)
    rows = [(number % 8, *random.uniform(-1, 1, 2).round(3), photograph(random, 3)) for number in range(80)]
    root = tmp_path_factory.mktemp("data")
    write_affectnet(root, rows)
    return root


@pytest.fixture
def both(data: Path, tmp_path: Path) -> Path:
    """These, and a dataset of grey ones beside them: thirty to learn from, two that judge nothing here."""
    root = tmp_path / "data"
    root.mkdir()
    (root / "affectnet-3999").symlink_to(data / "affectnet-3999")
    rng = np.random.default_rng(1)
    lines = ["image,expression,split"]
    for number in range(32):
        Image.fromarray(photograph(rng, 1)).save(root / f"{number}.png")
        lines.append(f"{number}.png,{WORDS[number % 4]},{'train' if number < 30 else 'test'}")
    (root / "more.csv").write_text("\n".join(lines) + "\n")
    return root


def predict_as_teacher(root: Path, folder: Path, ids: list[str], *, affect: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Stores what a teacher says of these pictures."""
    name = load_plain_csv(root / "more.csv").name
    rng = np.random.default_rng(2)
    probs, said = rng.dirichlet(np.ones(8), len(ids)), rng.uniform(-1, 1, (len(ids), 2))
    table = pd.DataFrame({"sample_id": ids, "expression": "neutral", "valence": np.nan, "arousal": np.nan})
    table[[f"prob_{name}" for name in EXPRESSIONS]] = probs
    table[[f"pred_{name}" for name in AFFECT]] = said if affect else np.nan
    write_evaluation(folder, name, "train", {"dataset": name, "split": "train"}, table)
    return probs, said


def with_other(source: TrainingSource, config: TrainConfig = MORE) -> TrainConfig:
    return replace(config, data=(replace(OWN, share=1 - source.share), source))


def of_other(split: Split) -> FaceTable:
    return split.sources[1]


def test_an_epoch_takes_all_of_the_first_and_the_next_of_the_others() -> None:
    sampler = EpochSampler((20, 100, 6), seed=3, drawn=(20, 15, 9))
    taken: list[list[int]] = []
    for epoch in range(7):
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert len(order) == len(sampler) == 44
        assert sorted(order)[:20] == list(range(20))
        # Among each other, not source by source.
        assert any(position >= 20 for position in order[:15])
        assert any(position < 20 for position in order[-15:])
        taken.append([position for position in order if position >= 20])
    first = [position for epoch in taken for position in epoch if position < 120]
    # 105 images of 100: each of them once, before any comes again.
    assert set(first[:90]) | set(first[90:]) == set(range(20, 120))
    assert Counter(Counter(first).values()) == {1: 95, 2: 5}
    # 63 images of six: every one of them ten or eleven times.
    second = Counter(position for epoch in taken for position in epoch if position >= 120)
    assert set(second.values()) <= {10, 11}
    assert len(second) == 6


def test_the_order_follows_from_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = EpochSampler((20, 100), seed=seed, drawn=(20, 15))
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(3, 1) == order(3, 1)
    assert order(3, 1) != order(3, 2)
    assert order(3, 1) != order(4, 1)


def test_sources_stand_one_after_the_other_with_their_own_labels(both: Path) -> None:
    alone = load_splits(ALONE, both, progress=False)
    split, judged = load_splits(MORE, both, progress=False)
    own = len(alone[0].table)
    assert (split.counts, split.drawn, split.images_an_epoch) == ((own, 30), (own, own), 2 * own)
    assert split.own.fingerprint() == alone[0].table.fingerprint()
    assert [name.partition("/")[2] for name in split.table.sample_ids[own:]] == [f"{number}.png" for number in range(30)]
    np.testing.assert_array_equal(split.table.targets[:own], alone[0].table.targets)
    np.testing.assert_array_equal(split.pixels[:own], alone[0].pixels)
    named = [EXPRESSIONS[index] for index in split.table.targets[own:].argmax(axis=1)]
    assert Counter(named) == {"happiness": 8, "sadness": 8, "anger": 7, "fear": 7}
    assert np.isnan(split.table.affect[own:]).all()
    # Grey ones beside coloured ones: the same value in every channel.
    assert split.pixels.shape[1] == 3
    assert (split.pixels[own:] == split.pixels[own:, :1]).all()
    np.testing.assert_array_equal(judged.pixels, alone[1].pixels)


def test_the_source_that_judges_comes_first_wherever_it_is_named(both: Path) -> None:
    split, _ = load_splits(replace(MORE, data=(OTHER, OWN)), both, progress=False)
    assert split.own.fingerprint() == load_splits(ALONE, both, progress=False)[0].table.fingerprint()


def test_each_source_has_its_class_mix(both: Path) -> None:
    split, _ = load_splits(MORE, both, progress=False)
    counts = Counter(split.own.frame["expression"])
    np.testing.assert_allclose(split.priors[0], [counts[name] / len(split.own) for name in EXPRESSIONS], atol=1e-6)
    mix = dict(zip(EXPRESSIONS, split.priors[1].tolist(), strict=True))
    assert mix == pytest.approx(
        dict.fromkeys(EXPRESSIONS, 0) | {"happiness": 8 / 30, "sadness": 8 / 30, "anger": 7 / 30, "fear": 7 / 30}, abs=1e-6
    )
    np.testing.assert_array_equal(
        split.source_of(np.array([0, split.counts[0] - 1, split.counts[0], len(split.table) - 1])), [0, 0, 1, 1]
    )


def test_share_counts_the_images_of_an_epoch(both: Path) -> None:
    split, _ = load_splits(with_other(replace(OTHER, share=0.2)), both, progress=False)
    assert split.drawn[1] == round(split.counts[0] / 4)
    assert split.drawn[1] / split.images_an_epoch == pytest.approx(0.2, abs=0.01)


def test_one_kind_of_label_alone(both: Path) -> None:
    judging = with_other(replace(OTHER, share=0.5))
    expressions, _ = load_splits(replace(judging, data=(replace(OWN, labels="expression"), OTHER)), both, progress=False)
    assert np.isnan(expressions.table.affect).all()
    affect, _ = load_splits(replace(judging, data=(replace(OWN, labels="affect"), OTHER)), both, progress=False)
    assert not affect.own.targets.any()
    assert np.isfinite(affect.own.affect).all()
    # Nothing shows an expression there, so no mix is known: equal shares.
    np.testing.assert_allclose(affect.priors[0], 1 / 8)


@pytest.mark.parametrize("kind", ["votes", "affect"])
def test_labels_that_a_source_does_not_have_are_refused(both: Path, kind: str) -> None:
    message = rf"data\.more\.csv\.labels = '{kind}', which this dataset does not have. It has: expression\."
    with pytest.raises(ConfigError, match=message):
        load_splits(with_other(replace(OTHER, labels=kind)), both, progress=False)


def test_a_dataset_that_only_measures_teaches_nothing(both: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.sfew: this dataset only measures"):
        load_splits(with_other(replace(OTHER, dataset="sfew")), both, progress=False)


def test_a_teacher_labels_what_it_has_seen(both: Path, make_run: Callable[..., Path]) -> None:
    folder = make_run("teacher")
    ids = [f"{number}.png" for number in range(25)][::-1]
    probs, said = predict_as_teacher(both, folder, ids)
    split, _ = load_splits(with_other(LABELLED_BY_TEACHER), both, progress=False)
    assert [name.partition("/")[2] for name in of_other(split).sample_ids] == [f"{number}.png" for number in range(25)]
    np.testing.assert_allclose(of_other(split).targets, probs[::-1], atol=1e-6)
    np.testing.assert_allclose(of_other(split).affect, said[::-1], atol=1e-6)


def test_a_teacher_adds_valence_and_arousal_to_the_source_s_own_expressions(both: Path, make_run: Callable[..., Path]) -> None:
    _, said = predict_as_teacher(both, make_run("teacher"), [f"{number}.png" for number in range(30)])
    split, _ = load_splits(with_other(replace(LABELLED_BY_TEACHER, labels="expression")), both, progress=False)
    alone, _ = load_splits(MORE, both, progress=False)
    np.testing.assert_array_equal(of_other(split).targets, of_other(alone).targets)
    np.testing.assert_allclose(of_other(split).affect, said, atol=1e-6)


def test_a_teacher_of_expressions_alone_teaches_no_affect(both: Path, make_run: Callable[..., Path]) -> None:
    predict_as_teacher(both, make_run("teacher"), [f"{number}.png" for number in range(30)], affect=False)
    split, _ = load_splits(with_other(LABELLED_BY_TEACHER), both, progress=False)
    assert np.isnan(of_other(split).affect).all()
    assert (of_other(split).targets.sum(axis=1) > 0.999).all()


def test_a_teacher_that_has_not_looked_is_told_how(both: Path, make_run: Callable[..., Path]) -> None:
    make_run("teacher")
    remedy = r"python -m emotion_core evaluate teacher --dataset more.csv --split train"
    with pytest.raises(ConfigError, match=remedy):
        load_splits(with_other(LABELLED_BY_TEACHER), both, progress=False)


def test_an_ensemble_that_has_not_looked_does_so_through_its_members(both: Path, make_run: Callable[..., Path]) -> None:
    folder = make_run("teacher")
    info = read_run(folder).info
    write_info(folder, replace(info, training={"title": "Mean of 2 runs", "members": ["one", "two"]}))
    with pytest.raises(ConfigError) as caught:
        load_splits(with_other(LABELLED_BY_TEACHER), both, progress=False)
    commands = str(caught.value).split("First: ")[1].split("; ")
    assert commands == [
        "python -m emotion_core evaluate one --dataset more.csv --split train",
        "python -m emotion_core evaluate two --dataset more.csv --split train",
        "python -m emotion_core ensemble one two --out teacher",
    ]


def test_pictures_that_judge_are_left_out(both: Path, data: Path) -> None:
    val = load_affectnet(data, seed=42).split("val").sample_ids[0]
    # The same pixels under another name.
    with Image.open(data / "affectnet-3999" / val) as picture:
        picture.convert("RGB").save(both / "0.png")
    split, _ = load_splits(MORE, both, progress=False)
    assert not any(name.endswith("/0.png") for name in of_other(split).sample_ids)
    assert split.counts[1] == 29
    assert split.left_out == (0, 1)


def test_validation_images_that_are_trained_on_judge_nothing(both: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = load_affectnet(data, seed=42)
    for name, split in (("0.png", "val"), ("1.png", "test")):
        faces = table.split(split)
        # 0.png is happy.
        happy = faces.sample_ids[list(faces.frame["expression"]).index("happiness")]
        with Image.open(data / "affectnet-3999" / happy) as picture:
            picture.convert("RGB").save(both / name)
    looked, loaded = [], []
    look, load = sources.thumbnails, sources.load_dataset
    monkeypatch.setattr(sources, "thumbnails", lambda table: looked.append(len(table)) or look(table))
    monkeypatch.setattr(
        sources, "load_dataset", lambda name, *more, **options: loaded.append(name) or load(name, *more, **options)
    )
    split, judged = load_splits(replace(MORE, learn_from="train + val", keep="last"), both, progress=False)
    left = {name.rpartition("/")[2] for name in of_other(split).sample_ids}
    assert "0.png" in left
    assert "1.png" not in left
    assert set(split.own.sample_ids) == {*table.split("train").sample_ids, *table.split("val").sample_ids}
    assert split.left_out == (0, 1)
    assert (len(judged.table), len(judged.pixels)) == (0, 0)
    # Every dataset is read once, and its judging pictures are looked at once.
    assert looked[:2] == [len(table.split("test")), 2]
    assert len(loaded) == len(set(loaded)) == 2


def test_a_picture_that_two_sources_label_otherwise_is_refused_or_left_out(both: Path, data: Path) -> None:
    table = load_affectnet(data, seed=42).split("train")
    happy = table.sample_ids[list(table.frame["expression"]).index("happiness")]
    # 0.png is happy, 1.png is sad.
    for name in ("0.png", "1.png"):
        with Image.open(data / "affectnet-3999" / happy) as picture:
            picture.convert("RGB").save(both / name)
    with pytest.raises(
        DataError, match=rf"1 pictures stand in two .*{happy} is happiness, more@[0-9a-f]{{8}}/1.png is sadness.*--skip-broken"
    ):
        load_splits(MORE, both, progress=False)
    split, _ = load_splits(MORE, both, on_error="skip", progress=False)
    assert happy not in split.table.sample_ids
    assert split.left_out == (1, 2)


def test_a_broken_picture_is_named_or_skipped(both: Path) -> None:
    (both / "3.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"'more@[0-9a-f]{8}' has 1 broken sample.*: 3\.png"):
        load_splits(MORE, both, progress=False)
    split, _ = load_splits(MORE, both, on_error="skip", progress=False)
    assert split.counts[1] == 29
    assert not any(name.endswith("/3.png") for name in of_other(split).sample_ids)


def test_a_training_from_two_sources_says_so(both: Path, make_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_run("teacher")
    predict_as_teacher(both, folder, [f"{number}.png" for number in range(30)])
    config = with_other(replace(LABELLED_BY_TEACHER, teacher=str(folder)))
    run = train(config, both, tmp_path / "run", device="cpu", progress=False)
    own = len(load_splits(ALONE, both, progress=False)[0].table)
    assert run.info.dataset["train"]["images"] == own
    first = {"dataset": "affectnet-3999", "share": 0.5, "labels": "all", "teacher": "", "images": own, "left_out": 0}
    # The teacher's name, not where it lies on this machine.
    second = {"dataset": "more.csv", "share": 0.5, "labels": "teacher", "teacher": "teacher", "images": 30, "left_out": 0}
    assert run.info.dataset["sources"] == [first, second]
    card = render_card(run)
    assert f"50 % affectnet-3999 ({own} images, its own labels); 50 % more.csv (30 images, what `teacher` predicts)" in card
    assert "Trained on affectnet-3999." in card
    assert "Trained on more.csv." in card
    assert len(read_history(tmp_path / "run")) == 2
    assert train(config, both, tmp_path / "run", device="cpu", progress=False).info == read_run(tmp_path / "run").info


@pytest.mark.parametrize("adjusted", [False, True])
def test_the_class_mix_inside_the_probabilities_is_recorded(both: Path, tmp_path: Path, adjusted: bool) -> None:
    config = with_other(replace(OTHER, share=0.75))
    config = replace(config, loss=replace(config.loss, logit_adjustment=adjusted))
    run = train(config, both, tmp_path / "run", device="cpu", progress=False)
    split, _ = load_splits(config, both, progress=False)
    weights = np.array(split.drawn) / sum(split.drawn)
    expected = np.full(8, 1 / 8) if adjusted else weights @ split.priors
    np.testing.assert_allclose([run.info.prior[name] for name in EXPRESSIONS], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([{"dataset": "ferplus", "share": 1.2}], r"data.ferplus.share 1.2 is not in \(0, 1\]"),
        ([{"dataset": "ferplus", "share": 0}], r"data.ferplus.share 0 is not in \(0, 1\]"),
        ([{"dataset": "ferplus", "share": 0.6}], r"the shares of data sum to 0.6, not 1"),
        ([{"dataset": "ferplus"}, {"dataset": "ferplus"}], r"data names 'ferplus' twice"),
        ([{"dataset": "raf-db"}], r"data lacks 'ferplus', whose validation split judges"),
        ([{"dataset": "ferplus", "labels": "teacher"}], r"labels 'teacher' needs a run in data.ferplus.teacher"),
        ([{"dataset": "ferplus", "labels": "affect", "teacher": "one"}], r"teacher has nothing to add to labels 'affect'"),
        ([{"dataset": "ferplus", "labels": "vote"}], r"data.ferplus.labels.*Did you mean 'votes'\?"),
        ([{"dataset": "ferplus", "techer": "one"}], r"Unknown setting 'data.ferplus.techer'. Did you mean 'teacher'\?"),
        ([{"share": 1}], r"The setting 'data.0.dataset' is missing"),
        ("ferplus", r"'data' has to be a list of sources \(\[\[data\]\] in TOML\), not 'ferplus'"),
    ],
)
def test_impossible_settings_are_named(sources: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_dict({"dataset": "ferplus", "data": sources})


def test_a_change_names_its_source() -> None:
    config = load_preset("student", ["data.ferplus.share=0.5", "data.affectnet-3999.share=0.5"])
    assert [source.share for source in config.sources] == [0.5, 0.5]
    with pytest.raises(
        ConfigError, match=r"There is no source 'ferplu'. Did you mean 'ferplus'\? Known: affectnet-3999, ferplus\."
    ):
        load_preset("student", ["data.ferplu.share=0.5"])
