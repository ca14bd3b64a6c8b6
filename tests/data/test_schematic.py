from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sklearn.linear_model import Ridge

from emotion_core.data.drawing.expressions import REGIONS, express
from emotion_core.data.drawing.features import mouth, turn
from emotion_core.data.drawing.person import Draws, draw_person
from emotion_core.data.drawing.picture import View, draw_picture, draw_view
from emotion_core.data.drawing.shapes import Shape, ellipse, fill, line, ribbon
from emotion_core.data.schematic import MAX_COUNT, SIDE, SchematicSource, face_truth, load_schematic, sample_id
from emotion_core.data.source import open_source
from emotion_core.data.table import FaceTable
from emotion_core.data.transforms import decode_table
from emotion_core.errors import DataError
from emotion_core.labels import EXPRESSIONS

STEPS = np.linspace(-1.0, 1.0, 21).tolist()


BLOCKS = [[209, 135, 129, 215], [201, 154, 164, 196], [217, 182, 179, 225], [215, 186, 183, 220]]
"""Mean brightness of ``faces/00042.png`` in a grid of 4 × 4."""


def face_of(
    expression: str, valence: float, arousal: float, *, identity: int = 0, size: int = 160, clean: bool = False
) -> npt.NDArray[np.uint8]:
    """A person of the dataset with chosen values; ``clean`` is upright, evenly lit and without noise."""
    draws = Draws((0, identity), 2)
    view = View() if clean else draw_view(draws)
    return draw_picture(draw_person((0, identity)), express(expression, valence, arousal), view, size, draws.generator)


@pytest.fixture(scope="module")
def faces() -> tuple[FaceTable, npt.NDArray[np.uint8]]:
    """800 faces at 24 px: enough for a linear model."""
    return decode_table(load_schematic(count=800), 24, workers=1)


# The table


def test_counts_by_hand() -> None:
    frame = load_schematic(count=160).frame
    # 20 persons of eight pictures: 14 to train, 2 to validate, 4 to test.
    assert frame["split"].value_counts().to_dict() == {"train": 112, "test": 32, "val": 16}
    each = frame.groupby(["split", "expression"]).size().unstack()
    assert each.loc["train"].to_dict() == dict.fromkeys(EXPRESSIONS, 14)
    assert each.loc["val"].to_dict() == dict.fromkeys(EXPRESSIONS, 2)
    assert each.loc["test"].to_dict() == dict.fromkeys(EXPRESSIONS, 4)
    assert frame["sample_id"].tolist()[:2] == ["faces/00000.png", "faces/00001.png"]
    assert frame["sample_id"].iloc[-1] == "faces/00159.png"


def test_default_table() -> None:
    table = load_schematic("/nowhere", on_error="skip")
    assert table.name == "schematic"
    assert [len(table.split(split)) for split in ("train", "val", "test")] == [2_800, 400, 800]
    assert table.problems == ()


def test_no_person_is_in_two_splits() -> None:
    split = load_schematic().frame["split"].to_numpy().reshape(-1, 8)
    assert (split == split[:, :1]).all()
    # Two persons look alike by chance only: no two of 500 have the same measures.
    assert len({draw_person((0, person)) for person in range(500)}) == 500


def test_a_picture_does_not_depend_on_how_many_there_are() -> None:
    few, many = load_schematic(count=24), load_schematic(count=400)
    assert few.frame.equals(many.frame.iloc[:24])
    assert set(few.frame["split"]) == {"train", "val", "test"}
    assert [few.read_bytes(name) for name in few.sample_ids] == [many.read_bytes(name) for name in few.sample_ids]


def test_values_lie_in_their_regions() -> None:
    frame = load_schematic().frame
    valence, arousal = frame["valence"].to_numpy(), frame["arousal"].to_numpy()
    assert (valence**2 + arousal**2 <= 1).all()
    for expression, rows in frame.groupby("expression"):
        region = REGIONS[str(expression)]
        x = (rows["valence"] - region.valence) / region.valence_spread
        y = (rows["arousal"] - region.arousal) / region.arousal_spread
        radius = np.hypot(x, y)
        assert radius.max() <= 1.001
        # Evenly spread over a disc: a quarter of it lies within half the radius, and each coordinate varies by 1/2.
        assert (radius < 0.5).mean() == pytest.approx(0.25, abs=0.07)
        assert [x.std(), y.std()] == pytest.approx([0.5, 0.5], abs=0.05)


@pytest.mark.parametrize(
    ("expression", "valence", "arousal"),
    [("happiness", 1, 0), ("sadness", -1, -1), ("surprise", 0, 1), ("fear", -1, 1), ("disgust", -1, 0), ("anger", -1, 1),
     ("contempt", -1, 0)],
)  # fmt: skip
def test_signs_of_the_circumplex(expression: str, valence: int, arousal: int) -> None:
    frame = load_schematic(count=800).frame
    rows = frame[frame["expression"] == expression]
    for column, sign in (("valence", valence), ("arousal", arousal)):
        if sign:
            assert (np.sign(rows[column]) == sign).all()
        else:
            assert (rows[column] > 0).any()


def test_truth_and_picture_stay_what_they_are() -> None:
    # Results are compared by fingerprint: a change here makes another dataset.
    assert load_schematic(count=80).fingerprint() == "d83637923ee07f80"
    blocks = decode_one("faces/00042.png").mean(axis=2).reshape(4, SIDE // 4, 4, SIDE // 4).mean(axis=(1, 3))
    assert blocks.round().tolist() == [pytest.approx(row, abs=3) for row in BLOCKS]


# Reading


def decode_one(name: str) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(SchematicSource().read(name))) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def test_the_same_picture_in_another_process() -> None:
    names = [sample_id(0, 5), sample_id(3, 90)]
    script = (
        "import hashlib, sys\n"
        "from emotion_core.data.schematic import SchematicSource\n"
        f"print(hashlib.sha256(b''.join(map(SchematicSource().read, {names[::-1]!r}))).hexdigest())\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    here = hashlib.sha256(b"".join(map(SchematicSource().read, names[::-1]))).hexdigest()
    assert run.stdout.split() == [here, "False"]


def test_eight_threads_read_what_one_reads() -> None:
    table = load_schematic(count=96, seed=5)
    alone = [table.read_bytes(name) for name in table.sample_ids]
    assert len(set(alone)) == 96
    draw_person.cache_clear()
    order = np.random.default_rng(0).permutation(96).tolist()
    with ThreadPoolExecutor(8) as pool:
        together = dict(zip(order, pool.map(lambda index: table.read_bytes(table.sample_ids[index]), order), strict=True))
    assert [together[index] for index in range(96)] == alone


def test_every_picture_is_readable(faces: tuple[FaceTable, npt.NDArray[np.uint8]]) -> None:
    table, pixels = faces
    assert pixels.shape == (800, 3, 24, 24)
    assert table.problems == ()
    # None is a plain area.
    assert pixels.reshape(800, -1).std(axis=1).min() > 15
    assert decode_one(sample_id(0, MAX_COUNT - 1)).shape == (SIDE, SIDE, 3)


def test_another_seed_is_another_dataset() -> None:
    first, second = load_schematic(count=8), load_schematic(count=8, seed=1)
    assert second.sample_ids[0] == "faces-1/00000.png"
    assert first.fingerprint() != second.fingerprint()
    assert face_truth(0, 0) != face_truth(1, 0)
    assert draw_person((0, 0)) != draw_person((1, 0))
    # The id alone says which: any table's reader draws it.
    assert first.read_bytes("faces-1/00000.png") == second.read_bytes("faces-1/00000.png")
    assert load_schematic(count=1, seed=2**32 - 1).read_bytes("faces-4294967295/00000.png")


def test_what_is_drawn_is_what_the_table_says(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[object, ...]] = []

    def record(*arguments: object) -> npt.NDArray[np.uint8]:
        drawn.append(arguments)
        return np.full((SIDE, SIDE, 3), (200, 50, 10), dtype=np.uint8)

    monkeypatch.setattr("emotion_core.data.schematic.draw_picture", record)
    table = load_schematic(count=40, seed=9)
    for index, (name, expression, valence, arousal) in enumerate(table.frame.to_numpy(dtype=object)[:, :4]):
        with Image.open(io.BytesIO(table.read_bytes(name))) as image:
            assert image.getpixel((0, 0)) == (200, 50, 10)
        person, muscles, *_ = drawn[-1]
        # Eight pictures in a row show the same person.
        assert person == draw_person((9, index // 8))
        assert muscles == express(expression, valence, arousal)
    assert len({view for _, _, view, *_ in drawn}) == 40


@pytest.mark.parametrize(
    "name",
    ["", "faces/42.png", "faces/000042.png", "faces/00042.jpg", "faces/00042.png\n", "/faces/00042.png", "../faces/00042.png",
     "faces-0/00042.png", "faces-01/00042.png", "faces-4294967296/00042.png", "faces/٠٠٠٤٢.png", "images/0.jpg"],
)  # fmt: skip
def test_other_names_are_refused(name: str) -> None:
    source = SchematicSource()
    assert not source.has(name)
    with pytest.raises(OSError, match=r"There is no schematic face '.*': ids are like 'faces/00042\.png'\.") as caught:
        source.read(name)
    assert repr(name) in str(caught.value)


def test_it_is_there_without_a_folder(tmp_path: Path) -> None:
    source = open_source("schematic", "")
    assert isinstance(source, SchematicSource)
    assert isinstance(open_source("schematic", tmp_path), SchematicSource)
    assert source.names == set(load_schematic().sample_ids)
    assert source.has("faces/03999.png")
    assert b"".join(source.lines("faces/00000.png")) == source.read("faces/00000.png")


@pytest.mark.parametrize("count", [0, -1, MAX_COUNT + 1])
def test_impossible_counts(count: int) -> None:
    with pytest.raises(DataError, match=r"There cannot be .* schematic faces: ask for 1 to 100,000\."):
        load_schematic(count=count)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_impossible_seeds(seed: int) -> None:
    with pytest.raises(DataError, match=rf"^{seed} cannot be the seed of schematic faces: take 0 to 4,294,967,295\.$"):
        load_schematic(seed=seed)


# What a face does


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_valence_curves_the_mouth(expression: str) -> None:
    def curvature(valence: float) -> float:
        edges = mouth(express(expression, valence, 0.2))
        middle = 0.5 * (edges.upper + edges.lower)
        return float(np.polyfit(middle[:, 0] / middle[-1, 0], middle[:, 1], 2)[0])

    curves = np.array([curvature(valence) for valence in STEPS])
    # y points down: a smile has a negative second derivative.
    assert (np.diff(curves) < -0.004).all()
    assert curves[-1] < curves[0] - 0.2


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_arousal_opens_eyes_and_mouth_and_lifts_the_brows(expression: str) -> None:
    at = [express(expression, 0.1, arousal) for arousal in STEPS]
    edges = [mouth(muscles) for muscles in at]
    gaps = [float((pair.lower - pair.upper)[:, 1].max()) for pair in edges]
    assert (np.diff(gaps) > 0).all()
    assert (np.diff([muscles.eye for muscles in at]) > 0).all()
    assert (np.diff([muscles.brow for muscles in at]) > 0).all()
    # Twice as wide over the whole range at least.
    assert at[-1].eye > 2 * at[0].eye
    assert at[-1].brow > at[0].brow + 0.1
    for pair in edges:
        assert (pair.lower[:, 1] >= pair.upper[:, 1]).all()


def test_a_smirk_rises_on_one_side_only() -> None:
    smirk = mouth(express("contempt", -0.35, 0.0)).upper
    level = mouth(express("neutral", 0.0, 0.0)).upper
    assert smirk[-1, 1] < smirk[0, 1] - 0.1
    assert level[-1, 1] == pytest.approx(level[0, 1])


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("which", ["valence", "arousal"])
def test_truth_shows_in_pixels(expression: str, which: str) -> None:
    region = REGIONS[expression]

    def face(step: float) -> npt.NDArray[np.float64]:
        values = {"valence": region.valence, "arousal": region.arousal}
        values[which] += step
        return face_of(expression, **values, identity=12, size=96).astype(float)

    middle = face(0.0)
    near, far = (np.abs(face(step) - middle).mean() for step in (0.1, 0.2))
    assert 0.02 < near < far
    # A tenth of the range is seen by a quarter of a per cent of the pixels at least; the rest of the picture stays.
    changed = (np.abs(face(0.2) - middle).max(axis=2) > 8).mean()
    assert 0.0025 < changed < 0.25


def test_no_two_expressions_look_the_same() -> None:
    drawn = [face_of(name, 0.0, 0.3, identity=3, size=64, clean=True).astype(float) for name in EXPRESSIONS]
    gaps = [np.abs(one - other).mean() for index, one in enumerate(drawn) for other in drawn[:index]]
    assert min(gaps) > 1.5


# Who it is


def test_faces_are_those_of_their_persons() -> None:
    for identity in range(6):
        image = face_of("neutral", 0, 0, identity=identity, clean=True)
        assert image.shape == (160, 160, 3)
        skin = np.array(draw_person((0, identity)).skin)
        assert (image == skin).all(axis=2).mean() > 0.1


def test_a_face_repeats_itself_and_differs_by_person_and_view() -> None:
    one = face_of("happiness", 0.5, 0.25, identity=7, size=80)
    assert np.array_equal(one, face_of("happiness", 0.5, 0.25, identity=7, size=80))
    assert not np.array_equal(one, face_of("happiness", 0.5, 0.25, identity=7, size=80, clean=True))
    assert not np.array_equal(one, face_of("happiness", 0.5, 0.25, identity=8, size=80))


def test_brows_stand_out_on_everyone() -> None:
    for identity in range(13):
        image = face_of("surprise", 0, 0.7, identity=identity, clean=True)
        assert (image == np.array(draw_person((0, identity)).brow)).all(axis=2).sum() > 60
    luma = np.array([0.299, 0.587, 0.114])
    for identity in range(400):
        person = draw_person((0, identity))
        assert luma @ np.array(person.skin) - luma @ np.array(person.brow) > 30


def test_numbers_for_different_ends_are_independent() -> None:
    # The same seed and index name a person, a picture, and the view of a single face.
    assert len({Draws((0, 0), key).between(0.0, 1.0) for key in range(3)}) == 3


# Shapes


def test_area_of_a_filled_disc() -> None:
    matrix = np.array([[10.0, 0.0, 32.0], [0.0, 10.0, 32.0]])
    image = fill([Shape((255, 255, 255), ellipse(0.0, 0.0, 2.0, 1.5))], (0, 0, 0), matrix, 64)
    assert image.sum() / (3 * 255) == pytest.approx(np.pi * 20 * 15, rel=0.03)
    # In the middle of the picture, to a small part of a pixel.
    weights = image[..., 0] / image[..., 0].sum()
    middle = [(weights.sum(axis=axis) * (np.arange(64) + 0.5)).sum() for axis in (0, 1)]
    assert middle == pytest.approx([32.0, 32.0], abs=0.05)


def test_area_of_a_straight_stroke() -> None:
    outline = ribbon(line(np.linspace(0.0, 3.0, 40), 0.5), 0.2)
    x, y = outline.T
    area = 0.5 * abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
    assert area == pytest.approx(3.0 * 0.2 + np.pi * 0.1**2, rel=0.01)
    assert [x.min(), x.max(), y.min(), y.max()] == pytest.approx([-0.1, 3.1, 0.4, 0.6], abs=1e-9)


def test_turning_the_head() -> None:
    points = np.array([[0.0, 0.0], [0.3, -0.2], [-0.3, -0.2]])
    assert np.allclose(turn(points, 0.0, 0.0), points)
    turned = turn(points, 0.2, 0.0)
    assert turned[0] == pytest.approx([1.05 * np.sin(0.2), 0.0])
    # The side that turns away is foreshortened.
    assert turned[1, 0] - turned[0, 0] < turned[0, 0] - turned[2, 0]


# Learning


def test_a_linear_model_reads_valence_and_finds_nothing_in_shuffled_labels(
    faces: tuple[FaceTable, npt.NDArray[np.uint8]],
) -> None:
    table, pixels = faces
    grey = pixels.mean(axis=1).reshape(len(table), -1) / 255
    train = (table.frame["split"] == "train").to_numpy()
    test = (table.frame["split"] == "test").to_numpy()
    valence = table.affect[:, 0]

    def explained(target: npt.NDArray[np.float32]) -> float:
        """Share of the variance; the mean explains nothing."""
        return float(Ridge(alpha=10.0).fit(grey[train], target[train]).score(grey[test], valence[test]))

    # Not much: skins lighter or darker than lips turn the sign of a pixel around, and heads move.
    assert explained(valence) > 0.1
    assert max(explained(np.random.default_rng(seed).permutation(valence)) for seed in range(5)) < 0.04
