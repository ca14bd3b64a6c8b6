"""Pictures from, and a table into, an object store: a server on this machine that speaks S3."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emotion_core.errors import ConfigError
from emotion_core.scoring import engine, score
from emotion_core.scoring.places import Place, place_of
from tests.scoring import stub
from tests.scoring.test_engine import patch

moto = pytest.importorskip("moto.server", reason="needs moto[server]")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """Options of an address that lead to the server."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patched:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "testing")
        patched.setenv("AWS_EC2_METADATA_DISABLED", "true")
        options = f"?scheme=http&endpoint_override={host}:{port}&region=us-east-1&allow_bucket_creation=true"
        place_of(f"s3://bucket{options}")._system.create_dir("bucket")
        yield options
    server.stop()


def test_table_in_a_store_is_that_of_a_folder(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    patch(monkeypatch)
    monkeypatch.setattr(engine, "Pool", stub.InProcess)
    names = [f"in/{number:02d} a%b.jpg" for number in range(20)]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in names[:9]:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            archive.addfile(info, io.BytesIO(name.encode()))
    contents = {**{name: name.encode() for name in names}, "shard.tar": stream.getvalue(), "notes.txt": b"no picture"}
    for name, content in contents.items():
        place_of(f"s3://bucket/photos/{store}").child(name).write(content)
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(content)
    out = f"s3://bucket/scores/mine{store}"
    interrupted = []

    def stop(done: int, total: int) -> None:
        if done >= 8 and not interrupted:
            interrupted.append(done)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score([f"s3://bucket/photos{store}"], out, stub.settings(), progress=stop)
    far = score([f"s3://bucket/photos{store}"], out, stub.settings())
    near = score([str(tmp_path / "photos")], str(tmp_path / "out"), stub.settings())
    assert far.before >= 8
    assert (far.rows, far.faces, far.unread) == (near.rows, near.faces, near.unread) == (29, 29, 0)

    def rows(folder: Place) -> list[dict]:
        files = [folder.child("table").child(name) for name in folder.child("table").names()]
        found = [row for file in files for row in pq.read_table(io.BytesIO(file.read())).to_pylist()]
        return [{**row, "source": row["source"].rpartition("photos/")[2]} for row in found]

    assert rows(place_of(out)) == rows(Place(str(tmp_path / "out")))
    assert place_of(out).child("parts").names() == []
    assert b"endpoint_override" not in place_of(out).child("manifest.json").read()


def test_patterns_and_missing_folders_in_a_store(store: str):
    from emotion_core.scoring.plan import plan

    place_of(f"s3://bucket/{store}").child("p/x/1.jpg").write(b"1")
    [task] = plan([f"s3://bucket/p/**/*.jpg{store}"])
    assert task["names"] == ["x/1.jpg"]
    with pytest.raises(ConfigError, match="no file or folder 's3://bucket/nothing'"):
        list(plan([f"s3://bucket/nothing{store}"]))
