"""What is kept beside predictions is what would be computed from them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotion_core.errors import CheckpointError
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.intervals import bootstrap_measures, percentile_interval, resample_counts
from emotion_core.metrics.summary import summarize
from emotion_core.metrics.table import METRICS
from emotion_core.results import summaries
from emotion_core.results.run import Run, read_run, write_evaluation
from emotion_core.results.summaries import FILE, RESAMPLES, SEED, Summary, load_summary, read_predictions, summarise_predictions
from tests.stored import random_predictions, write_run

KEY = "faces-test"


def predictions(seed: int = 0) -> pd.DataFrame:
    """Random predictions, in an order that is not that of their ids."""
    return random_predictions(seed).sample(frac=1, random_state=seed, ignore_index=True)


def store(folder: Path, table: pd.DataFrame) -> Path:
    return write_evaluation(folder, "faces", "test", {"dataset": "faces", "split": "test"}, table)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    summaries._load.cache_clear()
    write_run(tmp_path / "one")
    store(tmp_path / "one", predictions())
    return read_run(tmp_path / "one")


@pytest.fixture
def kept(run: Run) -> Path:
    return run.path / "evaluations" / KEY / FILE


def again(run: Run) -> Summary:
    """As another process would read it."""
    summaries._load.cache_clear()
    return load_summary(run, KEY)


def same(first: Summary, second: Summary) -> bool:
    return (
        first.measures == pytest.approx(second.measures, nan_ok=True, abs=0)
        and list(first.replicates) == list(second.replicates)
        and all(np.array_equal(first.replicates[name], second.replicates[name], equal_nan=True) for name in first.replicates)
        and np.array_equal(first.correct, second.correct)
        and first.collapse == second.collapse
        and first.num_images == second.num_images
    )


def test_a_summary_is_what_the_metrics_say_in_the_order_of_ids() -> None:
    table = predictions()
    summary = summarise_predictions(table)
    ordered = table.sort_values("sample_id", ignore_index=True)
    assert summary.num_images == 60
    assert list(summary.measures) == list(METRICS)
    assert summary.measures == pytest.approx(summarize(table))
    drawn = bootstrap_measures(ordered, resample_counts(60, RESAMPLES, SEED))
    assert summary.replicates["ccc_valence"] == pytest.approx(drawn["ccc_valence"], abs=1e-6)
    assert summary.interval("ccc_valence") == pytest.approx(percentile_interval(drawn["ccc_valence"]), abs=1e-6)
    best = ordered[[f"prob_{name}" for name in EXPRESSIONS]].to_numpy().argmax(axis=1)
    right = [EXPRESSIONS[index] == name for index, name in zip(best, ordered["expression"], strict=True)]
    assert summary.correct.tolist() == right
    assert summary.correct.mean() == pytest.approx(summary.measures["accuracy"])


def test_rows_in_another_order_make_the_same_summary() -> None:
    table = predictions()
    assert same(summarise_predictions(table), summarise_predictions(table.iloc[::-1]))


def test_an_interval_without_finite_resamples_is_nan() -> None:
    nothing = Summary(
        measures={},
        replicates={"corr_valence": np.full(4, np.nan, np.float32)},
        correct=np.zeros(0, bool),
        collapse=(),
        num_images=4,
    )
    assert np.isnan(nothing.interval("corr_valence")).all()


def test_the_file_gives_the_same_result(run: Run, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_summary(run, KEY)
    assert kept.is_file()
    assert [path.name for path in kept.parent.iterdir() if path.suffix == ".tmp"] == []

    def refuse(_table: pd.DataFrame) -> Summary:
        raise AssertionError("computed again")

    monkeypatch.setattr(summaries, "summarise_predictions", refuse)
    assert load_summary(run, KEY) is first
    assert same(again(run), first)


def test_undefined_measures_and_collapse_come_back(run: Run, kept: Path) -> None:
    table = predictions()
    table["pred_valence"] = np.float32(0.25)
    store(run.path, table)
    first = load_summary(run, KEY)
    assert np.isnan(first.measures["corr_valence"])
    assert "valence" in first.collapse[0]
    assert same(again(run), first)


@pytest.mark.parametrize("missing", ["expression", "affect", "labels"])
def test_networks_and_images_that_say_less(run: Run, kept: Path, missing: str) -> None:
    table = predictions()
    if missing == "expression":
        table[[f"prob_{name}" for name in EXPRESSIONS]] = np.nan
    elif missing == "affect":
        table[["pred_valence", "pred_arousal"]] = np.nan
    else:
        table["expression"] = None
    store(run.path, table)
    first = load_summary(run, KEY)
    assert ("accuracy" in first.measures) is (missing == "affect")
    assert len(first.correct) == (60 if missing == "affect" else 0)
    assert same(again(run), first)


def test_other_predictions_make_another_summary(run: Run, kept: Path) -> None:
    first = load_summary(run, KEY)
    old = kept.read_bytes()
    store(run.path, predictions(seed=1))
    kept.write_bytes(old)  # the file of the old predictions, as if it had been left behind
    second = again(run)
    assert not same(second, first)
    assert same(second, summarise_predictions(predictions(seed=1)))
    assert kept.read_bytes() != old


def test_other_code_makes_another_summary(run: Run, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_summary(run, KEY)
    old = kept.read_bytes()
    monkeypatch.setattr(summaries, "_code_digest", lambda: "other code")
    again(run)
    assert kept.read_bytes() != old


def test_one_more_measure_makes_another_summary_at_once(run: Run, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "toy" not in load_summary(run, KEY).measures
    monkeypatch.setitem(METRICS, "toy", replace(METRICS["accuracy"], name="toy"))
    # Nothing is cleared: a process that has the old summary in memory notices too.
    found = load_summary(run, KEY)
    assert found.measures["toy"] == found.measures["accuracy"]
    assert same(again(run), found)


def test_any_damage_is_noticed(run: Run, kept: Path) -> None:
    first = load_summary(run, KEY)
    good = kept.read_bytes()
    # Single bits all over the archive, headers and ends among them; what is not noticed must do no harm.
    for place in [*range(0, 120), *range(120, len(good), len(good) // 60), *range(len(good) - 300, len(good))]:
        kept.write_bytes(good[:place] + bytes([good[place] ^ 0x41]) + good[place + 1 :])
        digest = json.loads(str(np.load(io.BytesIO(good))["about"]))["digest"]
        read = summaries._read(kept, digest)
        assert read is None or same(read, first), place
    for damaged in (b"", b"PK", good[: len(good) // 2], b"\x93NUMPY"):
        kept.write_bytes(damaged)
        assert same(again(run), first)
    assert same(again(run), first)


def test_an_array_whose_header_does_not_end_is_damage(run: Run, kept: Path) -> None:
    first = load_summary(run, KEY)
    with zipfile.ZipFile(kept) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(kept, "w") as archive:
        for name, content in arrays.items():
            # A quotation of three marks that nothing closes.
            archive.writestr(name, content.replace(b"{'descr': '", b"{'descr''''", 1))
    assert same(again(run), first)


@pytest.mark.parametrize("header", ["{'descr': (", "{'descr' '<f4'", "\x00", "[" * 50])
def test_a_header_that_is_no_python_is_damage(run: Run, kept: Path, header: str) -> None:
    first = load_summary(run, KEY)
    text = header.ljust(117) + "\n"
    with zipfile.ZipFile(kept, "w") as archive:
        for name in ("about", "replicates", "correct"):
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode())
    assert same(again(run), first)


def test_a_folder_that_cannot_be_written_to_costs_only_time(
    run: Run, kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    summary = load_summary(run, KEY)
    assert same(summary, summarise_predictions(predictions()))
    assert sorted(path.name for path in kept.parent.iterdir()) == ["metrics.json", "predictions.parquet"]
    assert "No space left" in caplog.text


def test_others_may_read_what_is_kept(run: Run, kept: Path) -> None:
    load_summary(run, KEY)
    assert kept.stat().st_mode & 0o044 == 0o044


def test_missing_and_damaged_predictions_are_named(run: Run, kept: Path) -> None:
    with pytest.raises(CheckpointError, match=r"faces-val.*predictions\.parquet' cannot be read .*Evaluate the run again"):
        load_summary(run, "faces-val")
    (kept.parent / "predictions.parquet").write_bytes(b"PAR1 no table PAR1")
    # Without a digest, as earlier versions stored measures, the damage itself is met.
    (kept.parent / "metrics.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"predictions\.parquet' cannot be read"):
        load_summary(run, KEY)
    with pytest.raises(CheckpointError, match=r"predictions\.parquet' cannot be read"):
        read_predictions(run, KEY)


def test_predictions_that_make_no_sense_are_named(run: Run, kept: Path) -> None:
    table = predictions()
    table.loc[3, "pred_valence"] = np.nan
    store(run.path, table)
    with pytest.raises(CheckpointError, match=r"predictions\.parquet' cannot be used \(predicted valence of some images"):
        load_summary(run, KEY)


def test_only_the_wanted_columns_are_read(run: Run) -> None:
    assert list(read_predictions(run, KEY, ["expression", "prob_fear"]).columns) == ["expression", "prob_fear"]
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_predictions(run, KEY, ["colour"])
