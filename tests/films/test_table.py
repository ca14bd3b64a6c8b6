"""A whole film as a table: what is kept, smoothed, cut into stretches and summed up; and what is drawn of it."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from emotion_core.figures.films import MAX_TRACKS, affect_curves, affect_trajectory, expression_time_line
from emotion_core.films.boxes import WIDTH, draw_marks, marks_of
from emotion_core.films.smoothing import smooth
from emotion_core.films.table import COLUMNS, PROBS, segments, smooth_table, summarise, to_csv
from emotion_core.labels import EXPRESSIONS


def table_of(*tracks: tuple[int, list[int]], step: float = 0.2) -> pd.DataFrame:
    """Tracks by the expressions that their frames show, surely."""
    rows = []
    for track, shown in tracks:
        for number, index in enumerate(shown):
            probs = np.full(8, 0.01)
            probs[index] = 0.93
            rows.append(
                [number, step * number, track, 10, 20, 30, 40, 0.9, EXPRESSIONS[index], True, *probs, index / 8, -index / 8]
            )
    return pd.DataFrame(rows, columns=COLUMNS)


TWO = table_of((1, [0] * 10 + [1] * 10), (2, [3] * 5))


def test_each_track_is_smoothed_alone():
    table = smooth_table(TWO)
    for track in (1, 2):
        mine = table[table["track"] == track]
        mean, spread = smooth(mine["time"], mine[[*PROBS, "valence", "arousal"]])
        np.testing.assert_allclose(mine[[f"smooth_{name}" for name in (*PROBS, "valence", "arousal")]], mean)
        np.testing.assert_allclose(mine[["sd_valence", "sd_arousal"]], spread[:, -2:])
    # What was read stays.
    pd.testing.assert_frame_equal(table[COLUMNS], TWO)
    assert list(table["shown"]) == ["neutral"] * 10 + ["happiness"] * 10 + ["surprise"] * 5


def test_one_wrong_frame_does_not_blink():
    shown = smooth_table(table_of((1, [1, 1, 1, 1, 1, 6, 1, 1, 1, 1])))["shown"]
    assert set(shown) == {"happiness"}


def test_a_network_without_valence_or_expression_has_none():
    table = TWO.assign(valence=np.nan, arousal=np.nan)
    assert smooth_table(table)[["smooth_valence", "sd_arousal"]].isna().all(axis=None)
    table = TWO.assign(**dict.fromkeys(PROBS, np.nan), expression=None)
    found = smooth_table(table)
    assert found["shown"].isna().all()
    assert found["smooth_valence"].notna().all()
    assert segments(found, gap=1).empty
    assert summarise(found)["mostly"].isna().all()


def test_stretches_end_where_the_expression_changes_or_the_face_is_away():
    table = smooth_table(TWO)
    found = segments(table, gap=0.45)
    assert found.to_numpy().tolist() == [
        [1, "neutral", 0.0, pytest.approx(2.0)],
        [1, "happiness", pytest.approx(2.0), pytest.approx(3.8)],
        [2, "surprise", 0.0, pytest.approx(0.8)],
    ]
    away = table.drop(index=range(3, 8))
    assert len(segments(away, gap=0.45)) == 4


def test_the_summary_of_a_track_by_hand():
    first, second = summarise(smooth_table(TWO)).to_dict("records")
    assert (first["track"], first["frames"], first["mostly"], first["share"]) == (1, 20, "neutral", 0.5)
    assert (first["first"], first["last"]) == (0.0, pytest.approx(3.8))
    assert first["valence"] == pytest.approx(1 / 16)
    assert (second["track"], second["mostly"], second["share"]) == (2, "surprise", 1.0)


def test_an_empty_film_is_an_empty_table():
    table = smooth_table(TWO.iloc[:0])
    assert table.empty
    assert summarise(table).empty
    assert segments(table, gap=1).empty


def test_csv_holds_raw_and_smoothed_values_and_no_formula():
    text = to_csv(smooth_table(TWO), film="=1+1.mp4", run="joint/custom_cnn")
    back = pd.read_csv(io.StringIO(text))
    assert len(back) == 25
    assert set(back["film"]) == {"'=1+1.mp4"}
    np.testing.assert_allclose(back["prob_neutral"], TWO["prob_neutral"], atol=1e-4)
    assert "smooth_valence" in back


def test_the_time_line_has_the_stretches():
    table = smooth_table(TWO)
    figure = expression_time_line(segments(table, gap=0.45), [1, 2], step=0.2)
    bars = {trace.name: list(zip(trace.base, trace.x, trace.y, strict=True)) for trace in figure.data}
    assert bars["happiness"] == [(pytest.approx(2.0), pytest.approx(1.8), "face 1")]
    assert bars["surprise"] == [(0.0, pytest.approx(0.8), "face 2")]
    many = list(range(1, 40))
    assert len(expression_time_line(segments(table, gap=1), many, step=0.2).layout.yaxis.categoryarray) == MAX_TRACKS


def test_curves_are_the_smoothed_values_and_break_where_the_face_is_away():
    table = smooth_table(TWO)
    mine = table[table["track"] == 1]
    [_, valence, _, arousal] = affect_curves(mine, gap=0.45).data
    np.testing.assert_allclose(valence.y, mine["smooth_valence"])
    np.testing.assert_allclose(arousal.y, mine["smooth_arousal"])
    assert len(affect_curves(mine.drop(index=range(3, 8)), gap=0.45).data) == 8
    assert len(affect_curves(mine.iloc[:1], gap=0.45).data) == 4


def test_the_trajectory_ends_in_the_place_of_now():
    table = smooth_table(TWO)
    figure = affect_trajectory(table[table["track"] == 2], now=0.41)
    way, place = figure.data
    assert len(way.x) == 5
    assert (place.x[0], place.customdata[0][0]) == (pytest.approx(3 / 8), "0.4 s")


def test_boxes_are_drawn_and_large_frames_reduced():
    image = np.full((1080, 1920, 3), 120, np.uint8)
    faces = smooth_table(TWO).iloc[:1].assign(left=400, top=300, width=600, height=600)
    picture = draw_marks(image, marks_of(faces, {"neutral": "#ff0000"}))
    assert picture.shape == (540, WIDTH, 3)
    assert tuple(picture[300, 200]) == (255, 0, 0)
    assert (image == 120).all()
    assert (draw_marks(image[:90, :160], marks_of(faces.iloc[:0], {})) == 120).all()


def test_curves_of_few_frames_have_no_stray_points():
    table = smooth_table(table_of((1, [0, 1])))
    assert all(trace.mode == "lines" for trace in affect_curves(table, gap=0.45).data)
