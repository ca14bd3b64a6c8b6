"""Scoring is interrupted in every way, and the table is the same in the end."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from emotion_core.errors import ConfigError, ScoringError
from emotion_core.scoring import Scored, engine, plan, pool, score, store
from emotion_core.scoring.places import Place
from emotion_core.scoring.pool import Pool
from emotion_core.scoring.store import Store, read_manifest
from tests.scoring import stub

KILLS = int(os.environ.get("EMOTION_TEST_KILLS", "2"))
PICTURES = max(100, 40 * KILLS)


@pytest.fixture(autouse=True)
def stubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    patch(monkeypatch)
    monkeypatch.setattr(engine, "Pool", stub.InProcess)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes, which take a second to start."""
    monkeypatch.setattr(engine, "Pool", Pool)


def patch(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((plan, "TASK"), (store, "SHARD"), (store, "digest_of_run"), (pool, "WORKER"), (engine, "find_run")):
        monkeypatch.setattr(module, name, getattr(module, name))
    stub.patch()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PICTURES):
        (folder / f"{number:03d}.jpg").write_bytes(f"picture {number}".encode())
    return folder


@pytest.fixture(scope="module")
def undisturbed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The table's files, scored at once by one process."""
    out = tmp_path_factory.mktemp("scores") / "undisturbed"
    with pytest.MonkeyPatch.context() as patched:
        patch(patched)
        patched.setattr(engine, "Pool", stub.InProcess)
        scored = score([str(photos)], str(out), stub.settings(), workers=1)
    assert (scored.pictures, scored.faces, scored.rows, scored.unread, scored.before) == (PICTURES, PICTURES, PICTURES, 0, 0)
    assert not (out / "parts").exists()
    return stub.table_of(str(out))


def test_table_has_every_picture_once_in_files_of_whole_shards(undisturbed: dict[str, bytes]):
    import io

    tables = [pq.read_table(io.BytesIO(content)) for content in undisturbed.values()]
    assert {table.num_rows for table in tables[:-1]} == {32}
    assert len(tables) == -(-PICTURES // 32)
    names = [Path(name).name for table in tables for name in table["source"].to_pylist()]
    assert names == [f"{number:03d}.jpg" for number in range(PICTURES)]


def test_command_killed_at_random_moments_leaves_the_table_of_an_undisturbed_one(
    photos: Path, undisturbed: dict[str, bytes], tmp_path: Path
):
    out = str(tmp_path / "out")
    command = [sys.executable, "-m", "tests.scoring.stub", str(photos), out]
    moments = random.Random(5)
    killed = 0
    while killed < KILLS:
        target = len(list(Path(out).glob("parts/*"))) + moments.randrange(4)
        with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(moments.uniform(0, 0.5))
            while process.poll() is None and len(list(Path(out).glob("parts/*"))) < target:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.01)
            if process.poll() is not None:
                break
            process.kill()
            killed += 1
    assert killed
    scored = score([str(photos)], out, stub.settings(), workers=1)
    assert stub.table_of(out) == undisturbed
    assert scored.rows == PICTURES
    assert sorted(os.listdir(out)) == [".lock", "manifest.json", "plan.jsonl", "table"]


def test_killed_processes_are_replaced_and_their_tasks_done_again(
    photos: Path, undisturbed: dict[str, bytes], tmp_path: Path, processes: None
):
    out = str(tmp_path / "out")
    pools: list[Pool] = []
    killed = []

    def progress(done: int, total: int) -> None:
        if pools and done > 20 * (len(killed) + 1) and len(killed) < 2:
            killed.append(pools[0].pids[0])
            os.kill(killed[-1], signal.SIGKILL)

    score([str(photos)], out, stub.settings(), workers=1, progress=progress, started=pools.append)
    assert len(set(killed)) == 2
    assert stub.table_of(out) == undisturbed


def test_pictures_that_end_the_process_are_rows_and_all_others_are_done(tmp_path: Path, processes: None):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, content in {"1.jpg": "fine", "2.jpg": "crash", "3.jpg": "fine too", "4.jpg": "crash slowly"}.items():
        (photos / name).write_text(content)
    scored = score([str(photos)], str(tmp_path / "out"), stub.settings(), workers=1)
    assert (scored.rows, scored.faces, scored.unread) == (4, 2, 2)
    reasons = pq.read_table(tmp_path / "out" / "table")["error"].to_pylist()
    assert reasons[0] is None
    assert "crashes" in reasons[1]
    assert "more than 10 seconds" in reasons[3]


class Interrupted:
    """Scores until so many pictures are done, and is interrupted there."""

    def __init__(self, photos: Path, out: Path) -> None:
        self.photos, self.out = str(photos), str(out)

    def __call__(self, error: BaseException, at: int = 40, **more: Any) -> None:
        def progress(done: int, total: int) -> None:
            if done >= at:
                raise error

        with pytest.raises(type(error)):
            score([self.photos], self.out, stub.settings(), workers=1, progress=progress)

    def go_on(self, **changes: Any) -> Scored:
        sources = changes.pop("sources", [self.photos])
        return score(sources, self.out, stub.settings(**changes), workers=1)


@pytest.fixture
def interrupted(photos: Path, tmp_path: Path) -> Interrupted:
    return Interrupted(photos, tmp_path / "out")


def test_what_is_finished_is_not_done_again(interrupted: Interrupted, undisturbed: dict[str, bytes]):
    interrupted(KeyboardInterrupt())
    before = {path: path.stat().st_mtime_ns for path in Path(interrupted.out).rglob("*.parquet")}
    assert before
    shards = read_manifest(Place(interrupted.out)).shards
    assert list(shards) == ["0"]
    scored = interrupted.go_on()
    assert scored.before >= 32
    assert stub.table_of(interrupted.out) == undisturbed
    first = Path(interrupted.out) / "table" / "faces-00000.parquet"
    assert first.stat().st_mtime_ns == before[first]
    again = interrupted.go_on()
    assert again.before == again.pictures == PICTURES


def test_another_setting_run_or_source_refuses_to_mix(interrupted: Interrupted, tmp_path: Path):
    interrupted(KeyboardInterrupt(), at=8)
    with pytest.raises(ConfigError, match=r"another flip \(False, now True\)"):
        interrupted.go_on(flip=True)
    with pytest.raises(ConfigError, match="another list of sources"):
        interrupted.go_on(sources=[interrupted.photos + "/*.jpg"])
    stub.patch("two")
    with pytest.raises(ConfigError, match=r"another run \(stub, now stub\)"):
        interrupted.go_on()


def test_damaged_files_of_the_table_are_made_again(interrupted: Interrupted, undisturbed: dict[str, bytes]):
    interrupted(KeyboardInterrupt(), at=48)
    shard = Path(interrupted.out) / "table" / "faces-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    part = next((Path(interrupted.out) / "parts").iterdir())
    part.write_bytes(b"PAR1")
    assert interrupted.go_on().before < 48
    assert stub.table_of(interrupted.out) == undisturbed


def test_changed_plan_is_noticed(interrupted: Interrupted):
    interrupted(KeyboardInterrupt(), at=8)
    listed = Path(interrupted.out) / "plan.jsonl"
    listed.write_text(listed.read_text().replace("000.jpg", "111.jpg"))
    with pytest.raises(ScoringError, match=r"plan\.jsonl' was changed"):
        interrupted.go_on()


def test_two_commands_do_not_share_a_folder(tmp_path: Path, photos: Path):
    held = Store(Place(str(tmp_path / "out")))
    with pytest.raises(ScoringError, match="Another command"):
        score([str(photos)], str(tmp_path / "out"), stub.settings())
    held.close()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A disk that is full for tables until it is called."""
    real, full = Place.create, [True]

    def create(place: Place) -> Any:
        if full[0] and "faces-" in place.path:
            raise OSError(errno.ENOSPC, "No space left on device", place.path)
        return real(place)

    monkeypatch.setattr(Place, "create", create)
    return lambda: full.__setitem__(0, False)


def test_full_disk_is_said_and_nothing_is_lost(
    interrupted: Interrupted, undisturbed: dict[str, bytes], full_disk: Callable[[], None]
):
    with pytest.raises(ScoringError, match=r"No space left on device.*Free some space; the same command then goes on"):
        interrupted.go_on()
    full_disk()
    assert interrupted.go_on().before >= 32
    assert stub.table_of(interrupted.out) == undisturbed


def test_folder_that_cannot_be_written_by_the_processes_is_said(interrupted: Interrupted):
    interrupted(KeyboardInterrupt(), at=8)
    parts = Path(interrupted.out) / "parts"
    for path in parts.iterdir():
        path.unlink()
    parts.rmdir()
    parts.write_text("in the way")
    with pytest.raises(ScoringError, match="cannot be used"):
        interrupted.go_on()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"out": "{photos}/table"}, "lies inside"),
        ({"out": "{other}"}, "holds other files, such as 'mine.txt'"),
        ({"workers": 0}, "one process at least"),
        ({"prior": "estimate"}, "cannot be estimated"),
        ({"sources": ["{other}"]}, "There are no pictures"),
    ],
)
def test_impossible_calls_are_said(photos: Path, tmp_path: Path, change: dict[str, Any], message: str):
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    places = {"photos": photos, "other": other}
    sources = [each.format(**places) for each in change.get("sources", [str(photos)])]
    out = change.get("out", str(tmp_path / "out")).format(**places)
    prior = change.get("prior", "everyday")
    with pytest.raises(ConfigError, match=message):
        score(sources, out, stub.settings(prior=prior), workers=change.get("workers", 1))


def test_damaged_manifest_is_said(tmp_path: Path, photos: Path):
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ScoringError, match=r"manifest\.json' cannot be used"):
        score([str(photos)], str(tmp_path), stub.settings())
