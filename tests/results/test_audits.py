"""Stored audits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotion_core.cli import main
from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.audit import audit
from emotion_core.errors import CheckpointError
from emotion_core.results.audits import audit_path, read_audit, write_audit
from emotion_core.results.find import list_runs


@pytest.fixture
def data(tmp_path: Path, write_affectnet: Callable[..., Path]) -> Path:
    """Twelve pictures; the last is the first again, with another expression."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    rows = [(number % 2, 0.1, 0.1, pixels[number]) for number in range(11)] + [(1, 0.1, 0.1, pixels[0])]
    write_affectnet(tmp_path, rows)
    return tmp_path


def test_what_the_audit_found_is_read_back(data: Path, tmp_path: Path) -> None:
    found = audit(load_affectnet(data))
    folder = tmp_path / "runs"
    path = write_audit(found, folder)
    kept = read_audit("affectnet-3999", folder)
    assert kept is not None
    assert kept.conflicts == {"images/0.jpg", "images/11.jpg"}
    assert kept.leaked == {sample for ids in found.duplicates.leaked.values() for sample in ids}
    assert path == folder / "audit-affectnet-3999.json"
    # A file beside the runs is no run.
    assert list_runs(folder) == []


def test_the_command_stores_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path / "runs"))
    assert main(["audit", "affectnet-3999", "--data-root", str(data)]) == 0
    assert read_audit("affectnet-3999") is None
    assert main(["audit", "affectnet-3999", "--data-root", str(data), "--store"]) == 0
    assert str(audit_path("affectnet-3999")) in capsys.readouterr().err
    kept = read_audit("affectnet-3999")
    assert kept is not None
    assert len(kept.conflicts) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "not readable JSON"),
        ("[]", "not an audit of version 1"),
        ('{"version": 2}', "not an audit of version 1"),
        ('{"version": 1, "conflicts": []}', "lacks the list 'leaked'"),
        ('{"version": 1, "conflicts": [1], "leaked": []}', "lacks the list 'conflicts'"),
    ],
)
def test_a_damaged_audit_says_how_to_mend_it(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "audit-faces.json").write_text(text)
    with pytest.raises(CheckpointError, match=f"{reason}.*audit faces --store"):
        read_audit("faces", tmp_path)


def test_names_that_lead_out_are_refused(tmp_path: Path) -> None:
    for name in ("../faces", "a/b", "", ".hidden"):
        with pytest.raises(CheckpointError, match="cannot name an audit"):
            read_audit(name, tmp_path)
    (tmp_path / "file").write_text("")
    from types import SimpleNamespace

    found = SimpleNamespace(dataset="faces", conflicts=(), duplicates=SimpleNamespace(leaked={}))
    with pytest.raises(CheckpointError, match=r"cannot be written \(.*Make its folder writable"):
        write_audit(found, tmp_path / "file")  # type: ignore[arg-type]
