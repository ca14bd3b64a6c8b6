"""One name finds whichever layout is there, and every table has its parts."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.audit_tables import add_unlabelled
from emotion_core.data.datasets import DATASETS, dataset_spec, load_dataset
from emotion_core.data.ferplus import load_fer2013, load_ferplus
from emotion_core.data.identity import title_of
from emotion_core.data.plain_csv import load_plain_csv
from emotion_core.data.rafdb import load_rafdb
from emotion_core.data.splits import stratified_split
from emotion_core.errors import ConfigError, DataError, DatasetNotFoundError
from emotion_core.labels import EXPRESSIONS, FER2013
from tests.data.layouts import save, write_affectnet_csv, write_fer2013_csv, write_folders, write_rafdb, write_votes, zipped

SEVEN = {"neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger"}
WORDS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def counts(name: str, data_root: Path) -> dict[str, int]:
    return dict(Counter(load_dataset(name, data_root).frame["split"]))


def write_recovered(root: Path) -> None:
    """FER+'s folders with FER-2013's own labels: 70 training and 14 test pictures, ten and two of each expression."""
    lines = ["image,usage,emotion"]
    for usage, folder, number in (("Training", "Train", 70), ("PublicTest", "Valid", 7), ("PrivateTest", "Test", 7)):
        for index in range(number):
            save(root / "ferplus" / f"FER2013{folder}" / f"{usage}{index}.png")
            lines.append(f"{usage}{index}.png,{usage},{index % 7}")
    (root / "fer2013_labels.csv").write_text("\n".join(lines) + "\n")


CSV_ROWS = [(number % 7, "Training") for number in range(70)]
CSV_ROWS += [(number, usage) for usage in ("PublicTest", "PrivateTest") for number in range(7)]


def test_fer2013_comes_from_any_of_three_layouts(tmp_path: Path) -> None:
    write_folders(tmp_path / "fer2013", {f"train/{word}": 10 for word in WORDS} | {f"test/{word}": 2 for word in WORDS})
    assert load_dataset("fer2013", tmp_path).sample_ids[0] == "test/angry/test-angry-0.jpg"
    assert counts("fer2013", tmp_path) == {"train": 63, "val": 7, "test": 14}
    write_fer2013_csv(tmp_path / "fer2013" / "fer2013.csv", CSV_ROWS)
    assert load_dataset("fer2013", tmp_path).sample_ids[0] == "fer2013.csv/000000"
    # The contest has a validation split of its own.
    assert counts("fer2013", tmp_path) == {"train": 70, "val": 7, "test": 7}
    write_recovered(tmp_path)
    assert load_dataset("fer2013", tmp_path).sample_ids[0] == "FER2013Train/Training0.png"
    assert counts("fer2013", tmp_path) == {"train": 63, "val": 7, "test": 14}
    for name in ("fer2013", "fer2013-4"):
        assert load_dataset(name, tmp_path).name == name


@pytest.mark.parametrize("layout", ["folders", "csv", "recovered"])
def test_four_classes_of_fer2013_test_on_both_tests_and_are_split_as_all_seven(tmp_path: Path, layout: str) -> None:
    if layout == "folders":
        write_folders(tmp_path / "fer2013", {f"train/{word}": 10 for word in WORDS} | {f"test/{word}": 2 for word in WORDS})
    elif layout == "csv":
        write_fer2013_csv(tmp_path / "fer2013.csv", CSV_ROWS)
    else:
        write_recovered(tmp_path)
    four, seven = load_dataset("fer2013-4", tmp_path), load_dataset("fer2013", tmp_path)
    assert Counter(four.split("test").frame["expression"]) == {"anger": 2, "disgust": 2, "fear": 2, "happiness": 2}
    assert Counter(four.frame["split"]) == {"train": 36, "val": 4, "test": 8}
    if layout != "csv":
        for split in ("train", "val", "test"):
            assert set(four.split(split).sample_ids) <= set(seven.split(split).sample_ids)
    # The other three are pictures of the dataset all the same.
    assert sorted(add_unlabelled(four).sample_ids) == sorted(seven.sample_ids)


def test_validation_part_of_fer2013_is_the_one_that_scikit_learn_draws(tmp_path: Path) -> None:
    write_recovered(tmp_path)
    train = load_fer2013(tmp_path).split("train")
    drawn = stratified_split(train, share=0.1, validation=False).split("test")
    table = load_dataset("fer2013", tmp_path)
    assert set(table.split("val").sample_ids) == set(drawn.sample_ids)
    assert Counter(table.split("val").frame["expression"]) == dict.fromkeys(FER2013.values(), 1)
    assert table.sample_ids == load_fer2013(tmp_path).sample_ids


def test_ferplus_comes_from_either_layout_with_votes_to_train_on(tmp_path: Path) -> None:
    votes = [
        ("Training", "fer0000000.png", {"happiness": 5, "sadness": 5}),
        ("PublicTest", "fer0000001.png", {"happiness": 5, "sadness": 5}),
        ("PublicTest", "fer0000002.png", {"fear": 10}),
        ("Training", "fer0000003.png", {"neutral": 10}),
    ]
    write_fer2013_csv(tmp_path / "fer2013.csv", [(0, usage) for usage, _, _ in votes])
    write_votes(tmp_path / "fer2013new.csv", votes)
    assert counts("ferplus", tmp_path) == {"train": 1, "val": 1}
    soft = load_dataset("ferplus", tmp_path, labels="distribution")
    assert soft.frame.equals(load_ferplus(tmp_path, labels="protocol").frame)
    assert soft.sample_ids == ["FER2013Train/fer0000000.png", "FER2013Valid/fer0000002.png", "FER2013Train/fer0000003.png"]


def test_affectnet_has_two_names_for_two_layouts(tmp_path: Path, write_affectnet: Callable[..., Path]) -> None:
    write_affectnet(tmp_path, [(number % 8, 0.0, 0.5) for number in range(80)])
    assert load_dataset("affectnet-3999", tmp_path).frame.equals(load_affectnet(tmp_path).frame)
    rows = [(f"{number}.jpg", number % 8, 0.0, 0.5) for number in range(160)]
    write_affectnet_csv(tmp_path / "affectnet", {"training.csv": rows, "validation.csv": [("v.jpg", 1, 0, 0)]})
    assert counts("affectnet", tmp_path) == {"train": 152, "val": 8, "test": 1}


def test_rafdb_gets_a_validation_part(tmp_path: Path) -> None:
    labels = {f"train_{number:05d}": number % 7 + 1 for number in range(70)} | {"test_0001": 1}
    write_rafdb(tmp_path / "raf-db" / "basic", labels)
    assert counts("raf-db", tmp_path) == {"train": 63, "val": 7, "test": 1}
    assert load_dataset("raf-db", tmp_path).fingerprint() == load_rafdb(tmp_path).fingerprint()


def write_faces(folder: Path, name: str = "faces.csv") -> None:
    for number in range(20):
        save(folder / f"{number}.png")
    rows = [f"{number}.png,{'happy' if number % 2 else 'sad'},train" for number in range(20)]
    (folder / name).write_text("\n".join(["image,expression,split", *rows]) + "\n")


def test_csv_files_are_datasets(tmp_path: Path) -> None:
    write_faces(tmp_path)
    table = load_dataset("faces.csv", tmp_path)
    assert title_of(table.name) == "faces"
    assert table.fingerprint() == load_plain_csv("faces.csv", tmp_path).fingerprint()
    assert Counter(table.frame["split"]) == {"train": 18, "val": 2}
    assert load_dataset(str(tmp_path / "faces.csv"), None).sample_ids == table.sample_ids
    assert dataset_spec("faces.csv").expressions == EXPRESSIONS


def test_a_csv_file_cannot_take_the_name_of_a_dataset(tmp_path: Path) -> None:
    write_faces(tmp_path, "ferplus.csv")
    assert load_dataset("ferplus.csv", tmp_path).name.startswith("ferplus@")


def test_archives_are_datasets_by_path_and_by_name(tmp_path: Path) -> None:
    write_faces(tmp_path / "in", "labels.csv")
    expected = load_plain_csv(tmp_path / "in" / "labels.csv")
    for archive in ("press.zip", "sfew.zip"):
        zipped(tmp_path / "in", tmp_path / archive)
    for name, title in (("press.zip", "press"), (str(tmp_path / "press.zip"), "press"), ("sfew.zip", "sfew")):
        table = load_dataset(name, tmp_path)
        # The same pictures with the same labels, in a folder or packed, are one dataset.
        assert table.name == expected.name.replace("labels", title)
        assert table.fingerprint() == expected.fingerprint()
    # SFEW has no contempt; its other expressions are all of these.
    assert load_dataset("sfew", tmp_path).fingerprint() == expected.fingerprint()
    (tmp_path / "in").rename(tmp_path / "ckplus")
    assert load_dataset("ckplus", tmp_path).fingerprint() == expected.fingerprint()


def test_sets_from_elsewhere_only_measure() -> None:
    assert [name for name, spec in DATASETS.items() if spec.measures_only] == ["sfew", "expw", "ckplus"]
    assert not dataset_spec("press.zip").measures_only


def test_drawn_faces_need_no_data() -> None:
    table = load_dataset("schematic", None)
    assert set(table.frame["split"]) == {"train", "val", "test"}
    assert table.name == "schematic"


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_is_described(name: str) -> None:
    spec = dataset_spec(name)
    assert spec.title
    assert spec.terms
    assert "\n" not in spec.terms
    assert list(spec.expressions) == [word for word in EXPRESSIONS if word in spec.expressions]
    assert set(spec.expressions) == {
        "fer2013": SEVEN, "raf-db": SEVEN, "fer2013-4": {"anger", "disgust", "fear", "happiness"},
        "affectnet-contempt": {"contempt"}, "ffhq-weak": {"happiness", "neutral"},
        "sfew": SEVEN, "expw": SEVEN, "ckplus": SEVEN - {"neutral"} | {"contempt"},
    }.get(name, set(EXPRESSIONS))  # fmt: skip


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "schematic"])
def test_what_is_not_there_is_named_with_where_it_was_looked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=rf"No dataset '{name.removesuffix('-4')}': looked for '{tmp_path}/.* and '"):
        load_dataset(name, tmp_path)
    with pytest.raises(ConfigError, match=f"Where is '{name}'. Pass the folder of the datasets with --data-root"):
        load_dataset(name, None)


def test_every_layout_of_fer2013_is_named_when_none_is_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError) as error:
        load_dataset("fer2013-4", tmp_path)
    for place in ("fer2013_labels.csv", "ferplus", "ferplus.zip", "fer2013.csv", "fer2013", "fer2013.zip"):
        assert f"'{tmp_path / place}'" in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ferpuls", "There is no dataset 'ferpuls'. Did you mean 'ferplus'"),
        ("AffectNet-3998", "Did you mean 'affectnet-3999'"),
        (
            "imagenet",
            r"There is no dataset 'imagenet'\. Known: affectnet-3999, affectnet, ferplus, .* CSV files and ZIP archives\.",
        ),
    ],
)
def test_an_unknown_name_gets_its_nearest(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_dataset(name, tmp_path)


def test_broken_samples_are_refused_or_left_out(tmp_path: Path) -> None:
    write_fer2013_csv(tmp_path / "fer2013.csv", [*CSV_ROWS, (9, "Training")])
    with pytest.raises(DataError, match=r"'fer2013' has 1 broken sample: fer2013.csv:86"):
        load_dataset("fer2013-4", tmp_path)
    table = load_dataset("fer2013-4", tmp_path, on_error="skip")
    assert len(table) == 48
    assert [problem.path for problem in table.problems] == ["fer2013.csv:86"]


def test_the_registry_waits_for_neither_torch_nor_scikit_learn() -> None:
    code = "import sys, emotion_core.data.datasets; sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'cv2')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("affectnet-3999", {"train": 2_559, "val": 640, "test": 800}),
        ("ferplus", {"train": 25_057, "val": 3_199, "test": 3_153}),
        ("fer2013", {"train": 25_638, "val": 2_849, "test": 7_129}),
        ("fer2013-4", {"train": 14_068, "val": 1_563, "test": 3_833}),
        ("affectnet-96", {"train": 13_625, "val": 1_566}),
        ("affectnet-contempt", {"train": 1_080, "val": 120}),
        ("sfew", {"test": 844}),
        ("expw", {"test": 2_746}),
        ("ckplus", {"test": 459}),
    ],
)
def test_counts_of_the_real_datasets(name: str, expected: dict[str, int], shared_data: Path) -> None:
    assert counts(name, shared_data) == expected


def test_contradictory_labels_of_the_real_weak_portraits_are_left_out(shared_data: Path) -> None:
    with pytest.raises(
        DataError, match=r"'ffhq-weak' has 138 broken samples: labels.csv:6: .* as happiness, train \(line 5\) and"
    ):
        load_dataset("ffhq-weak", shared_data)
    table = load_dataset("ffhq-weak", shared_data, on_error="skip")
    # 2,200 rows name 2,062 pictures; of the 138 that are named twice, 3 have the same label both times.
    assert len(table) == 2_062 - 135
    assert sum("neither counts" in problem.reason for problem in table.problems) == 135


def test_counts_of_the_four_class_test_set(shared_data: Path) -> None:
    found = Counter(load_dataset("fer2013-4", shared_data).split("test").frame["expression"])
    assert found == {"anger": 945, "disgust": 111, "fear": 1_013, "happiness": 1_764}
