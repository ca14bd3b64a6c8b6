"""The numbers of others, as they reported them."""

from __future__ import annotations

import pandas as pd
import pytest

from emotion_core.errors import DataError
from emotion_core.results import reported
from emotion_core.results.reported import load_reported


def test_figures_of_the_reports_stand_under_their_backbones():
    systems = {
        (system.source.split("-")[1], system.backbone): system for system in load_reported() if "report-" in system.source
    }
    assert systems["1", "resnet50"].measures["ccc_valence"] == 0.3224
    assert systems["1", "resnet50"].num_classes == 7
    assert systems["2", "densenet121"].measures["accuracy"] == 0.338333
    assert systems["5", "efficientnet_b0"].measures["f1_macro"] == 0.7681


def test_every_row_of_the_reference_is_there_once(shared_data):
    rows = pd.read_csv(shared_data.parent / "reference" / "reported_results.csv")
    kept = {
        (system.source, system.backbone, system.protocol, metric): value
        for system in load_reported()
        for metric, value in system.measures.items()
    }
    assert len(kept) == len(rows)
    for row in rows.itertuples():
        assert kept[row.source, row.backbone, row.protocol, row.metric] == pytest.approx(row.value, abs=0, nan_ok=True)


def test_damaged_table_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path):
    (tmp_path / "reported_results.csv").write_text(
        ",".join(reported.COLUMNS) + "\nsome,affectnet,8,test,vgg16,frozen,accuracy,high\n"
    )
    monkeypatch.setattr(reported.resources, "files", lambda package: tmp_path)
    load_reported.cache_clear()
    with pytest.raises(DataError, match="Line 2 of the reported results"):
        load_reported()
    load_reported.cache_clear()
