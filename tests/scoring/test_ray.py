"""Scoring on a Ray cluster of two nodes, one of which is lost in the middle.

Ray is no requirement of the tests, since it takes minutes to install and half a minute to start: without it they are skipped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emotion_core.scoring import engine, score
from tests.scoring import stub
from tests.scoring.test_engine import patch

ray = pytest.importorskip("ray", reason="needs ray[data], which is not among the requirements of the tests")
pytestmark = pytest.mark.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]
PICTURES = 400


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20}
    started = Cluster(initialize_head=True, head_node_args=head)
    second = started.add_node(num_cpus=1, object_store_memory=80 << 20)
    ray.init(
        address=started.address,
        runtime_env={"worker_process_setup_hook": stub.patch, "env_vars": {"PYTHONPATH": str(ROOT)}},
        log_to_driver=False,
        logging_level=40,
    )
    yield started, second
    ray.shutdown()
    started.shutdown()


def test_lost_node_leaves_the_table_of_the_local_engine(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    patch(monkeypatch)
    monkeypatch.setattr(engine, "Pool", stub.InProcess)
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(PICTURES):
        (photos / f"{number:03d}.jpg").write_bytes(f"picture {number}".encode())
    local, far = str(tmp_path / "local"), str(tmp_path / "ray")
    score([str(photos)], local, stub.settings())
    nodes, second = cluster
    lost = []

    def progress(done: int, total: int) -> None:
        if done >= total // 4 and not lost:
            lost.append(done)
            nodes.remove_node(second, allow_graceful=False)

    scored = score([str(photos)], far, stub.settings(), engine="ray", workers=2, progress=progress)
    assert lost
    assert scored.rows == PICTURES
    assert stub.table_of(far) == stub.table_of(local)
    assert not os.path.exists(f"{far}/parts")
