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
from emotion_core.errors import ConfigError, DataError
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.card import render_card
from emotion_core.results.run import read_history, read_run, write_evaluation, write_info
from emotion_core.training.config import Extra, Phase, from_dict
from emotion_core.training.data import EpochSampler, load_parts
from emotion_core.training.trainer import train
from tests.training.trainings import CONFIG

pytestmark = pytest.mark.usefixtures("one_thread")

MORE = replace(
    CONFIG, extra=Extra(dataset="more.csv", share=0.5), phases=(Phase(name="all", epochs=2, lr=4e-3),), select="accuracy"
)
WORDS = ("happy", "sad", "angry", "fearful")


@pytest.fixture
def both(data: Path, tmp_path: Path) -> Path:
    """The eighty pictures, and a dataset of grey ones beside them: thirty to learn from, two that judge nothing here."""
    root = tmp_path / "data"
    root.mkdir()
    (root / "affectnet-3999").symlink_to(data / "affectnet-3999")
    rng = np.random.default_rng(1)
    lines = ["image,expression,split"]
    for number in range(32):
        Image.fromarray(rng.integers(0, 256, (40, 40), dtype=np.uint8)).save(root / f"{number}.png")
        lines.append(f"{number}.png,{WORDS[number % 4]},{'train' if number < 30 else 'test'}")
    (root / "more.csv").write_text("\n".join(lines) + "\n")
    return root


def teach(folder: Path, ids: list[str], *, affect: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Stores what a teacher says of these pictures."""
    rng = np.random.default_rng(2)
    probs, said = rng.dirichlet(np.ones(8), len(ids)), rng.uniform(-1, 1, (len(ids), 2))
    table = pd.DataFrame({"sample_id": ids, "expression": "neutral", "valence": np.nan, "arousal": np.nan})
    table[[f"prob_{name}" for name in EXPRESSIONS]] = probs
    table[[f"pred_{name}" for name in AFFECT]] = said if affect else np.nan
    write_evaluation(folder, "more", "train", {"dataset": "more", "split": "train"}, table)
    return probs, said


def test_an_epoch_takes_all_of_its_own_and_other_extra_ones_each_time() -> None:
    sampler = EpochSampler(20, seed=3, extra=100, drawn=15)
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
        assert len(epochs[-1]) == len(sampler) == 35
        assert sorted(epochs[-1])[:20] == list(range(20))
        assert all(20 <= position < 120 for position in sorted(epochs[-1])[20:])
        assert len(set(epochs[-1])) == 35
        # Among each other, not behind.
        assert any(position >= 20 for position in epochs[-1][:15])
    assert set(epochs[0]) != set(epochs[1]) != set(epochs[2])
    again = EpochSampler(20, seed=3, extra=100, drawn=15)
    again.set_epoch(1)
    assert list(again) == epochs[1]


def test_extra_pictures_stand_behind_with_their_own_labels(both: Path) -> None:
    alone = load_parts(replace(MORE, extra=Extra()), both, progress=False)
    part, judged = load_parts(MORE, both, progress=False)
    own = len(alone[0].table)
    assert (len(part.table), part.extra, part.drawn, part.images_an_epoch) == (own + 30, 30, 30, own + 30)
    assert part.own.fingerprint() == alone[0].table.fingerprint()
    assert part.table.sample_ids[own:] == [f"more/{number}.png" for number in range(30)]
    np.testing.assert_array_equal(part.table.targets[:own], alone[0].table.targets)
    np.testing.assert_array_equal(part.pixels[:own], alone[0].pixels)
    named = [EXPRESSIONS[index] for index in part.table.targets[own:].argmax(axis=1)]
    assert Counter(named) == {"happiness": 8, "sadness": 8, "anger": 7, "fear": 7}
    assert np.isnan(part.table.affect[own:]).all()
    # Grey ones beside coloured ones: the same value in every channel.
    assert part.pixels.shape[1] == 3
    assert (part.pixels[own:] == part.pixels[own:, :1]).all()
    np.testing.assert_array_equal(judged.pixels, alone[1].pixels)


def test_share_counts_the_images_of_an_epoch(both: Path) -> None:
    part, _ = load_parts(replace(MORE, extra=replace(MORE.extra, share=0.2)), both, progress=False)
    own = len(part.table) - 30
    assert part.drawn == round(own / 4)
    assert part.drawn / part.images_an_epoch == pytest.approx(0.2, abs=0.01)


def test_a_teacher_labels_what_it_has_seen(both: Path, make_run: Callable[..., Path]) -> None:
    folder = make_run("teacher")
    ids = [f"{number}.png" for number in range(25)][::-1]
    probs, said = teach(folder, ids)
    part, _ = load_parts(replace(MORE, extra=replace(MORE.extra, teacher="teacher")), both, progress=False)
    own = len(part.table) - 25
    assert part.table.sample_ids[own:] == [f"more/{number}.png" for number in range(25)]
    np.testing.assert_allclose(part.table.targets[own:], probs[::-1], atol=1e-6)
    np.testing.assert_allclose(part.table.affect[own:], said[::-1], atol=1e-6)


def test_a_teacher_of_expressions_alone_teaches_no_affect(both: Path, make_run: Callable[..., Path]) -> None:
    teach(make_run("teacher"), [f"{number}.png" for number in range(30)], affect=False)
    part, _ = load_parts(replace(MORE, extra=replace(MORE.extra, teacher="teacher")), both, progress=False)
    assert np.isnan(part.table.affect[-30:]).all()
    assert (part.table.targets[-30:].sum(axis=1) > 0.999).all()


def test_a_teacher_that_has_not_looked_is_told_how(both: Path, make_run: Callable[..., Path]) -> None:
    make_run("teacher")
    remedy = r"python -m emotion_core evaluate teacher --dataset more.csv --split train"
    with pytest.raises(ConfigError, match=remedy):
        load_parts(replace(MORE, extra=replace(MORE.extra, teacher="teacher")), both, progress=False)


def test_an_ensemble_that_has_not_looked_does_so_through_its_members(both: Path, make_run: Callable[..., Path]) -> None:
    folder = make_run("teacher")
    info = read_run(folder).info
    write_info(folder, replace(info, training={"title": "Mean of 2 runs", "members": ["one", "two"]}))
    with pytest.raises(ConfigError) as caught:
        load_parts(replace(MORE, extra=replace(MORE.extra, teacher="teacher")), both, progress=False)
    commands = str(caught.value).split("First: ")[1].split("; ")
    assert commands == [
        "python -m emotion_core evaluate one --dataset more.csv --split train",
        "python -m emotion_core evaluate two --dataset more.csv --split train",
        "python -m emotion_core ensemble one two --out teacher",
    ]


def test_pictures_that_judge_are_left_out(both: Path, data: Path) -> None:
    table = load_affectnet(data, seed=42)
    val = table.part("val").sample_ids[0]
    train_id = table.part("train").sample_ids[0]
    # The same pixels under other names.
    for number, sample_id in ((0, val), (1, train_id)):
        with Image.open(data / "affectnet-3999" / sample_id) as picture:
            picture.convert("RGB").save(both / f"{number}.png")
    part, _ = load_parts(MORE, both, progress=False)
    assert "more/0.png" not in part.table.sample_ids
    assert "more/1.png" in part.table.sample_ids
    assert part.extra == 29


def test_a_broken_picture_is_named_or_skipped(both: Path) -> None:
    (both / "3.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"'more' has 1 broken sample: 3\.png"):
        load_parts(MORE, both, progress=False)
    part, _ = load_parts(MORE, both, on_error="skip", progress=False)
    assert part.extra == 29
    assert "more/3.png" not in part.table.sample_ids


def test_expressions_that_are_not_taught_are_left_out_of_the_labels(both: Path, make_run: Callable[..., Path]) -> None:
    lines = (both / "more.csv").read_text().splitlines()
    (both / "few.csv").write_text("\n".join(line for line in lines if "sad" not in line and "angry" not in line) + "\n")
    few = replace(MORE, dataset="few.csv", loss=replace(MORE.loss, mse=0.0, ccc=0.0))
    part, _ = load_parts(few, both, progress=False)
    assert set(part.table.targets[-part.extra :].argmax(axis=1)) == {
        EXPRESSIONS.index("happiness"),
        EXPRESSIONS.index("fear"),
    }
    probs, _ = teach(make_run("teacher"), [f"{number}.png" for number in range(30)])
    part, _ = load_parts(replace(few, extra=replace(few.extra, teacher="teacher")), both, progress=False)
    taught = [EXPRESSIONS.index("happiness"), EXPRESSIONS.index("fear")]
    numbers = [int(Path(name).stem) for name in part.table.sample_ids[-part.extra :]]
    rest = probs[numbers][:, taught]
    targets = part.table.targets[-part.extra :]
    np.testing.assert_allclose(targets[:, taught], rest / rest.sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)


def test_a_training_with_extra_pictures_says_so(both: Path, make_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_run("teacher")
    teach(folder, [f"{number}.png" for number in range(30)])
    config = replace(MORE, extra=replace(MORE.extra, teacher=str(folder)))
    run = train(config, both, tmp_path / "run", device="cpu", progress=False)
    alone = len(load_parts(replace(MORE, extra=Extra()), both, progress=False)[0].table)
    assert run.info.dataset["train"]["images"] == alone
    assert run.info.dataset["extra"] == {"name": "more.csv", "images": 30, "teacher": "teacher", "share": 0.5}
    assert "- Further pictures: 30 of more.csv with what `teacher` says of them; 50 % of" in render_card(run)
    assert "Trained on more.csv." in render_card(run)
    # The teacher's name, not where it lies on this machine.
    assert run.info.training["extra"] == {"dataset": "more.csv", "teacher": "teacher", "share": 0.5}
    assert len(read_history(tmp_path / "run")) == 2
    assert train(config, both, tmp_path / "run", device="cpu", progress=False).info == read_run(tmp_path / "run").info


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"share": 1.0, "dataset": "ferplus"}, r"extra.share 1 is not in \(0, 1\)"),
        ({"share": 0, "dataset": "ferplus"}, r"extra.share 0 is not in \(0, 1\)"),
        ({"teacher": "someone"}, r"extra.teacher has no pictures to label: name extra.dataset"),
        ({"techer": "someone"}, r"Unknown setting 'extra.techer'. Did you mean 'teacher'\?"),
    ],
)
def test_impossible_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_dict({"extra": settings})
