from __future__ import annotations

import io
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import StratifiedShuffleSplit

from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.table import FaceTable
from emotion_core.data.transforms import decode_table
from emotion_core.errors import DataError, DatasetNotFoundError

Writer = Callable[..., Path]
NAMES = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
ROWS = [(number % 8, round(number / 80 - 0.5, 4), round(0.5 - number / 80, 4)) for number in range(80)]


@pytest.fixture
def dataset(tmp_path: Path, write_affectnet: Writer) -> Path:
    return write_affectnet(tmp_path, ROWS)


def zipped(folder: Path) -> Path:
    archive = folder.with_name(folder.name + ".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*"), reverse=True):
            file.write(path, path.relative_to(folder))
    return archive


def as_records(table: FaceTable) -> list[dict[str, object]]:
    return table.frame.to_dict("records")


def test_labels_of_every_image(dataset: Path) -> None:
    table = load_affectnet(dataset.parent)
    assert len(table) == 80
    for row in as_records(table):
        number = int(Path(str(row["sample_id"])).stem)
        assert row["expression"] == NAMES[number % 8]
        assert row["valence"] == pytest.approx(number / 80 - 0.5, abs=1e-9)
        assert row["arousal"] == pytest.approx(0.5 - number / 80, abs=1e-9)
    assert table.problems == ()
    assert table.read_bytes("images/3.jpg") == (dataset / "images/3.jpg").read_bytes()


def test_folder_and_archive_give_the_same_table(dataset: Path, tmp_path: Path) -> None:
    from_folder = load_affectnet(tmp_path)
    archive = zipped(dataset)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    archive.rename(elsewhere / archive.name)
    from_zip = load_affectnet(elsewhere)
    assert from_zip.frame.equals(from_folder.frame)
    assert from_zip.fingerprint() == from_folder.fingerprint()
    assert all(from_zip.read_bytes(name) == from_folder.read_bytes(name) for name in from_zip.sample_ids)


def test_data_root_may_be_the_dataset_itself(dataset: Path) -> None:
    archive = zipped(dataset)
    assert load_affectnet(dataset).frame.equals(load_affectnet(archive).frame)


def test_split_keeps_shares_and_test_part_is_sklearns(dataset: Path) -> None:
    table = load_affectnet(dataset.parent)
    ids = sorted(f"images/{number}.jpg" for number in range(80))
    labels = [int(Path(name).stem) % 8 for name in ids]
    _, test = next(StratifiedShuffleSplit(n_splits=1, test_size=0.2, random_state=42).split(ids, labels))
    assert set(table.split("test").sample_ids) == {ids[index] for index in test}
    assert {split: len(table.split(split)) for split in ("train", "val", "test")} == {"train": 51, "val": 13, "test": 16}


def test_minus_two_means_no_value(tmp_path: Path, write_affectnet: Writer) -> None:
    write_affectnet(tmp_path, [(row[0], "-2", "-2.000" if index % 2 else row[2]) for index, row in enumerate(ROWS)])
    table = load_affectnet(tmp_path)
    assert table.frame["valence"].isna().all()
    odd = np.array([int(Path(name).stem) % 2 == 1 for name in table.sample_ids])
    assert (table.frame["arousal"].isna().to_numpy() == odd).all()
    assert np.isnan(table.affect[:, 0]).all()


def test_eight_to_ten_are_no_expressions_but_keep_affect(tmp_path: Path, write_affectnet: Writer) -> None:
    write_affectnet(tmp_path, [*ROWS, (8, 0.25, -0.25), (9, -2, -2), (10, -1, 1)])
    table = load_affectnet(tmp_path)
    assert table.problems == ()
    frame = table.frame.set_index("sample_id")
    extra = frame.loc[["images/80.jpg", "images/81.jpg", "images/82.jpg"]]
    assert extra["expression"].isna().all()
    assert list(extra["split"]) == ["", "", ""]
    assert extra["valence"].tolist()[::2] == [0.25, -1.0]
    assert (table.expression_indices == -1).sum() == 3
    assert (table.targets[table.expression_indices == -1] == 0).all()
    # The rest is split as if they were not there.
    assert set(table.split("test").sample_ids) == set(load_affectnet_without_extra(tmp_path, write_affectnet))


def load_affectnet_without_extra(tmp_path: Path, write_affectnet: Writer) -> list[str]:
    write_affectnet(tmp_path / "plain", ROWS)
    return load_affectnet(tmp_path / "plain").split("test").sample_ids


def test_only_unusable_expressions_cannot_be_split(tmp_path: Path, write_affectnet: Writer) -> None:
    write_affectnet(tmp_path, [(8, 0.0, 0.0)] * 5)
    with pytest.raises(DataError, match="'affectnet-3999' cannot be split by expression"):
        load_affectnet(tmp_path)


def test_a_single_image_of_an_expression_cannot_be_split(tmp_path: Path, write_affectnet: Writer) -> None:
    rows = [row for row in ROWS if row[0] != 7] + [(7, 0.0, 0.0)]
    write_affectnet(tmp_path, rows)
    with pytest.raises(DataError, match="cannot be split by expression"):
        load_affectnet(tmp_path)


class Bomb:
    """Unpickling it makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.target),)


def break_file(folder: Path, how: str) -> str:
    """Break image 5 in one way; returns what the message says."""
    annotations = folder / "annotations"
    target = annotations / "5_val.npy"
    if how == "missing":
        target.unlink()
        return "5_val.npy: missing"
    if how == "missing expression":
        (annotations / "5_exp.npy").unlink()
        return "5_exp.npy: missing"
    if how == "empty":
        target.write_bytes(b"")
        return r"5_val.npy: not a number"
    if how == "garbage":
        target.write_bytes(b"not an array at all")
        return "5_val.npy: not a number"
    if how == "cut header":
        target.write_bytes(target.read_bytes()[:40])
        return "5_val.npy: not a number"
    if how == "broken header":
        target.write_bytes(target.read_bytes().replace(b"'shape': ()", b"'shape': (("))
        return "5_val.npy: not a number"
    if how == "archive":
        np.savez(target.with_suffix(""), value=np.array("0.5"))
        target.with_suffix(".npz").replace(target)
        return "5_val.npy: not a number"
    if how == "damaged archive":
        target.write_bytes(b"PK\x03\x04 and nothing more")
        return "5_val.npy: not a number"
    if how == "word":
        np.save(target, np.array("happy"))
        return "5_val.npy: not a number"
    if how == "several numbers":
        np.save(target, np.zeros(3))
        return "5_val.npy: not a number"
    if how == "nan":
        np.save(target, np.array("nan"))
        return r"5_val.npy: not finite \(nan\)"
    if how == "out of range":
        np.save(target, np.array("1.2"))
        return r"5_val.npy: 1.2 is outside \[-1, 1\]"
    if how == "unknown expression":
        np.save(annotations / "5_exp.npy", np.array("11"))
        return "5_exp.npy: expression 11 is not one of 0 to 10"
    if how == "fractional expression":
        np.save(annotations / "5_exp.npy", np.array("1.5"))
        return "5_exp.npy: expression 1.5 is not one of 0 to 10"
    if how == "orphan":
        (folder / "images" / "5.jpg").unlink()
        return "images/5.jpg: missing"
    raise AssertionError(how)


@pytest.mark.parametrize(
    "how",
    [
        "missing",
        "missing expression",
        "empty",
        "garbage",
        "cut header",
        "broken header",
        "archive",
        "damaged archive",
        "word",
        "several numbers",
        "nan",
        "out of range",
        "unknown expression",
        "fractional expression",
        "orphan",
    ],
)
def test_a_broken_sample_is_refused_or_left_out(dataset: Path, how: str) -> None:
    message = break_file(dataset, how)
    with pytest.raises(DataError, match=rf"'affectnet-3999' has 1 broken sample: .*{message}.*Mend them, or skip them"):
        load_affectnet(dataset.parent)
    table = load_affectnet(dataset.parent, on_error="skip")
    assert len(table) == 79
    assert "images/5.jpg" not in table.sample_ids
    assert len(table.problems) == 1
    assert "1 left out" in table.describe()


def test_a_pickled_annotation_is_refused_and_never_executed(dataset: Path, tmp_path: Path) -> None:
    target = dataset / "annotations" / "5_exp.npy"
    np.save(target, np.array([Bomb(tmp_path / "executed")], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"5_exp\.npy: not a number"):
        load_affectnet(dataset.parent)
    target.write_bytes(pickle.dumps(Bomb(tmp_path / "executed")))
    with pytest.raises(DataError, match=r"5_exp\.npy: not a number"):
        load_affectnet(dataset.parent)
    assert not (tmp_path / "executed").exists()
    # The bomb is real: a reader that allows pickles sets it off.
    pickle.loads(target.read_bytes())
    assert (tmp_path / "executed").is_dir()


def test_many_problems_are_counted_and_three_are_shown(dataset: Path) -> None:
    for number in range(6):
        (dataset / "annotations" / f"{number}_val.npy").unlink()
    with pytest.raises(DataError, match=r"has 6 broken samples: .*0_val.npy.*1_val.npy.*; and 3 more\. Mend"):
        load_affectnet(dataset.parent)


def test_no_usable_annotation_at_all(dataset: Path) -> None:
    for path in (dataset / "annotations").glob("*_aro.npy"):
        path.unlink()
    with pytest.raises(DataError, match=r"None of the 80 images .* has usable annotations; annotations/0_aro.npy: missing"):
        load_affectnet(dataset.parent, on_error="skip")


def test_missing_dataset_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"No dataset 'affectnet-3999': looked for '.*affectnet-3999' and") as error:
        load_affectnet(tmp_path)
    assert "affectnet-3999.zip'. Pass its folder with --data-root, or set EMOTION_DATA." in str(error.value)
    with pytest.raises(FileNotFoundError):
        load_affectnet("~nobody-of-that-name/data")


def test_another_layout_is_named(tmp_path: Path) -> None:
    (tmp_path / "affectnet-3999" / "photos").mkdir(parents=True)
    with pytest.raises(DataError, match="has no pictures in 'images/'"):
        load_affectnet(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive" * 100])
def test_a_damaged_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "affectnet-3999.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"affectnet-3999.zip' is not a readable ZIP archive .*Fetch it again"):
        load_affectnet(tmp_path)


def test_a_cut_archive_is_refused(dataset: Path, tmp_path: Path) -> None:
    content = zipped(dataset).read_bytes()
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "affectnet-3999.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="is not a readable ZIP archive"):
        load_affectnet(tmp_path / "cut")


def test_flipped_bytes_in_an_archive_never_escape_as_another_error(dataset: Path, tmp_path: Path) -> None:
    content = zipped(dataset).read_bytes()
    place = tmp_path / "flipped"
    place.mkdir()
    rng = random.Random(0)
    outcomes = set()
    for _ in range(40):
        damaged = bytearray(content)
        for _ in range(8):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        (place / "affectnet-3999.zip").write_bytes(damaged)
        try:
            table, pixels = decode_table(load_affectnet(place, on_error="skip"), 8, on_error="skip", workers=1)
        except DataError:
            outcomes.add("refused")
        else:
            assert len(table) == len(pixels)
            outcomes.add("read")
    assert outcomes == {"refused", "read"}


def test_a_truncated_picture_is_found_when_decoding(dataset: Path) -> None:
    picture = dataset / "images" / "5.jpg"
    picture.write_bytes(picture.read_bytes()[:-120])
    table = load_affectnet(dataset.parent)
    with pytest.raises(DataError, match=r"1 broken sample: images/5.jpg: The picture is truncated"):
        decode_table(table, 8)
    steps: list[int] = []
    kept, pixels = decode_table(table, 8, on_error="skip", progress=steps.append)
    assert len(kept) == len(pixels) == 79
    assert sum(steps) == 80
    assert [problem.path for problem in kept.problems] == ["images/5.jpg"]
    assert "images/5.jpg" not in kept.sample_ids
    # Every row still goes with its own picture: image n is uniformly grey n.
    for sample_id, image in zip(kept.sample_ids, pixels, strict=True):
        assert abs(float(image.mean()) - int(Path(sample_id).stem)) <= 2


def test_every_readable_picture_can_be_looked_at_in_full(dataset: Path) -> None:
    (dataset / "images" / "5.jpg").write_bytes(b"")
    table = load_affectnet(dataset.parent)
    seen: dict[str, np.ndarray] = {}
    kept, _ = decode_table(table, 4, on_error="skip", look=seen.__setitem__)
    assert set(seen) == set(kept.sample_ids)
    for sample_id, image in seen.items():
        assert np.array_equal(image, np.asarray(Image.open(dataset / sample_id)))


def test_no_readable_picture_at_all(dataset: Path) -> None:
    for picture in (dataset / "images").iterdir():
        picture.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match="None of the 80 pictures of 'affectnet-3999' can be read"):
        decode_table(load_affectnet(dataset.parent), 8, on_error="skip")


def test_grey_pictures_keep_one_channel_until_a_colour_one_turns_up(tmp_path: Path, write_affectnet: Writer) -> None:
    folder = write_affectnet(tmp_path, ROWS)
    table = load_affectnet(tmp_path)
    _, grey = decode_table(table, 16)
    assert grey.shape == (80, 1, 16, 16)
    assert grey.dtype == np.uint8
    last = table.sample_ids[-1]
    Image.fromarray(np.full((8, 8, 3), (200, 30, 30), dtype=np.uint8)).save(folder / last)
    _, colour = decode_table(table, 16)
    assert colour.shape == (80, 3, 16, 16)
    assert (colour[:-1] == grey[:-1]).all()
    assert colour[-1, 0].mean() > colour[-1, 1].mean() + 100


def test_published_split_of_the_3999(shared_data: Path) -> None:
    table = load_affectnet(shared_data)
    assert len(table) == 3_999
    assert {name: len(table.split(name)) for name in ("train", "val", "test")} == {
        "train": 2559,
        "val": 640,
        "test": 800,
    }
    with zipfile.ZipFile(shared_data / "affectnet-3999.zip") as archive:
        ids = sorted(name for name in archive.namelist() if name.startswith("images/") and name.endswith(".jpg"))
        labels = [int(str(np.load(io.BytesIO(archive.read(f"annotations/{Path(name).stem}_exp.npy"))))) for name in ids]
    splitter = StratifiedShuffleSplit(n_splits=1, test_size=0.2, random_state=42)
    rest, test = next(splitter.split(np.zeros(len(ids)), labels))
    assert set(table.split("test").sample_ids) == {ids[index] for index in test}
    rest = np.sort(rest)
    _, val = next(splitter.split(np.zeros(len(rest)), np.array(labels)[rest]))
    assert set(table.split("val").sample_ids) == {ids[rest[index]] for index in val}
    assert [NAMES[label] for label in labels] == table.frame.set_index("sample_id").loc[ids, "expression"].tolist()
    assert np.isfinite(table.affect).all()
    assert np.abs(table.affect).max() <= 1
