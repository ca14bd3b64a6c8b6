from __future__ import annotations

import numpy as np
import pytest

from emotion_core.data.splits import stratified_split, with_validation
from emotion_core.data.table import FaceTable, Problem, build_frame, settle
from emotion_core.errors import DataError
from emotion_core.labels import EXPRESSIONS


def make_table(count: int = 80, *, seed: int = 0, distributions: bool = False) -> FaceTable:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(8), count).astype(np.float32) if distributions else None
    return FaceTable(
        name="made",
        frame=build_frame(
            [f"images/{number}.jpg" for number in range(count)],
            [EXPRESSIONS[number % 8] for number in range(count)],
            rng.uniform(-1, 1, count),
            rng.uniform(-1, 1, count),
        ),
        read_bytes=str.encode,
        distributions=shares,
    )


def shuffled(table: FaceTable, seed: int = 1) -> FaceTable:
    order = np.random.default_rng(seed).permutation(len(table))
    return FaceTable(
        name=table.name,
        frame=table.frame.iloc[order].reset_index(drop=True),
        read_bytes=table.read_bytes,
        distributions=None if table.distributions is None else table.distributions[order],
    )


def changed(table: FaceTable, column: str, value: object) -> FaceTable:
    frame = table.frame.copy()
    frame.loc[3, column] = value
    return FaceTable(name=table.name, frame=frame, read_bytes=table.read_bytes)


def test_fingerprint_does_not_depend_on_row_order_name_or_split() -> None:
    table = make_table()
    assert shuffled(table).fingerprint() == table.fingerprint()
    assert stratified_split(table).fingerprint() == table.fingerprint()
    assert len(table.fingerprint()) == 16
    assert int(table.fingerprint(), 16) >= 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("expression", "contempt"),
        ("expression", None),
        ("valence", 0.123457),
        ("valence", float("nan")),
        ("arousal", -0.5),
        ("sample_id", "images/other.jpg"),
    ],
)
def test_fingerprint_changes_with_every_label(column: str, value: object) -> None:
    table = make_table()
    assert changed(table, column, value).fingerprint() != table.fingerprint()


def test_fingerprint_changes_when_an_image_is_left_out() -> None:
    table = make_table()
    assert table.where(np.arange(len(table)) != 7).fingerprint() != table.fingerprint()


def test_split_is_the_same_from_a_shuffled_table() -> None:
    table = stratified_split(make_table(distributions=True))
    again = stratified_split(shuffled(make_table(distributions=True)))
    assert again.frame.equals(table.frame)
    assert np.array_equal(again.targets, table.targets)
    assert table.sample_ids == sorted(table.sample_ids)


def test_split_keeps_each_row_with_its_distribution() -> None:
    table = make_table(distributions=True)
    before = dict(zip(table.sample_ids, table.targets.tolist(), strict=True))
    after = stratified_split(table)
    assert all(before[name] == row for name, row in zip(after.sample_ids, after.targets.tolist(), strict=True))


def test_split_keeps_the_shares_of_expressions() -> None:
    table = stratified_split(make_table(400))
    for split, count in (("train", 256), ("val", 64), ("test", 80)):
        counts = table.split(split).frame["expression"].value_counts()
        assert counts.sum() == count
        assert counts.max() - counts.min() <= 0
    assert set(stratified_split(make_table(400), validation=False).frame["split"]) == {"train", "test"}


def test_other_seeds_give_other_splits() -> None:
    first, second = stratified_split(make_table()), stratified_split(make_table(), seed=7)
    assert first.frame["split"].tolist() != second.frame["split"].tolist()


def test_images_without_expression_cannot_be_split() -> None:
    with pytest.raises(DataError, match="'made' cannot be split by expression: 1 images have none"):
        stratified_split(changed(make_table(), "expression", None))


def test_targets_are_one_hot_or_the_given_shares() -> None:
    table = changed(make_table(), "expression", None)
    targets = table.targets
    assert targets.shape == (80, 8)
    assert targets.dtype == np.float32
    assert (targets[3] == 0).all()
    assert np.array_equal(np.delete(targets, 3, 0), np.delete(np.eye(8, dtype=np.float32)[np.arange(80) % 8], 3, 0))
    given = make_table(distributions=True)
    assert given.targets is given.distributions


def test_a_table_without_any_label_has_none() -> None:
    table = FaceTable(name="bare", frame=build_frame(["a", "b"], [None, None]), read_bytes=str.encode)
    assert table.expression_indices.tolist() == [-1, -1]
    assert (table.targets == 0).all()
    assert np.isnan(table.affect).all()
    assert table.describe() == "bare: 2 images ()"


def test_arrays_of_a_table_may_be_written_to() -> None:
    table = make_table()
    before = table.affect.copy()
    table.affect[:] = 0
    table.targets[:] = 0
    assert np.array_equal(table.affect, before)


def test_where_and_part_keep_rows_together() -> None:
    table = stratified_split(make_table(distributions=True))
    part = table.split("test")
    assert set(part.frame["split"]) == {"test"}
    rows = dict(zip(table.sample_ids, table.targets.tolist(), strict=True))
    assert [rows[name] for name in part.sample_ids] == part.targets.tolist()


def test_unknown_split_names_those_there_are() -> None:
    with pytest.raises(DataError, match="'made' has no split 'dev'; it has test, train, val"):
        stratified_split(make_table()).split("dev")
    with pytest.raises(DataError, match="has no split 'test'; it has none"):
        make_table().split("test")


def test_a_table_refuses_what_does_not_fit_together() -> None:
    frame = build_frame(["a", "a"], ["anger", "fear"])
    with pytest.raises(DataError, match="'x' lists the image 'a' twice"):
        FaceTable(name="x", frame=frame, read_bytes=str.encode)
    with pytest.raises(DataError, match="lacks the column 'split'"):
        FaceTable(name="x", frame=frame.drop(columns="split"), read_bytes=str.encode)
    with pytest.raises(DataError, match=r"has 2 images, but label distributions of shape \(3, 8\)"):
        FaceTable(name="x", frame=build_frame(["a", "b"], [None, None]), read_bytes=str.encode, distributions=np.zeros((3, 8)))


def test_problems_are_raised_or_handed_on() -> None:
    problems = [Problem(path=f"{number}.jpg", reason="missing") for number in range(4)]
    with pytest.raises(
        DataError, match=r"'x' has 4 broken samples: 0.jpg: missing; 1.jpg: missing; 2.jpg: missing; and 1 more"
    ):
        settle(problems, "raise", "x")
    assert settle(problems, "skip", "x") == tuple(problems)
    assert settle([], "raise", "x") == ()


def test_validation_part_is_taken_out_of_the_training_part_alone() -> None:
    table = make_table(400, distributions=True)
    table = table.with_split(["train" if number < 320 else "test" for number in range(400)])
    after = with_validation(table)
    assert after.sample_ids == table.sample_ids
    assert np.array_equal(after.targets, table.targets)
    assert after.split("test").frame.equals(table.split("test").frame)
    assert after.split("val").frame["expression"].value_counts().to_dict() == dict.fromkeys(EXPRESSIONS, 4)
    assert len(after.split("train")) == 288
    assert with_validation(shuffled(table)).split("val").frame["sample_id"].isin(after.split("val").sample_ids).all()
    assert with_validation(table, seed=1).split("val").sample_ids != after.split("val").sample_ids
    assert table.frame["split"].value_counts().to_dict() == {"train": 320, "test": 80}


def test_a_validation_part_that_is_there_stays() -> None:
    table = stratified_split(make_table())
    assert with_validation(table) is table
    tested = table.split("test")
    assert with_validation(tested) is tested


def test_images_that_show_other_expressions_count_as_unlabelled() -> None:
    table = stratified_split(make_table(distributions=True))
    two = table.showing(["fear", "anger"]).showing(["anger"])
    assert set(two.frame["expression"]) == {"anger"}
    assert len(two) == len(two.targets) == 10
    splits = table.frame.set_index("sample_id")["split"].to_dict()
    assert two.unlabelled == {name: split for name, split in splits.items() if name not in two.sample_ids}


def test_images_without_expression_can_be_split_like_a_further_one() -> None:
    table = make_table(400)
    table.frame.loc[table.frame["expression"] == "contempt", "expression"] = None
    counts = stratified_split(table, missing=True).split("test").frame["expression"].value_counts(dropna=False)
    assert counts.tolist() == [10] * 8
