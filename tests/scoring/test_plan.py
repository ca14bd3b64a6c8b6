"""What sources hold: tasks, their order, and what is said of those that cannot be read."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion_core.errors import ConfigError, ImageError
from emotion_core.scoring import plan as plan_module
from emotion_core.scoring import sources as sources_module
from emotion_core.scoring.places import Place, place_of
from emotion_core.scoring.plan import Task, plan
from emotion_core.scoring.sources import Sources


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "TASK", 3)


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def items(tasks: list[Task]) -> list[tuple[str, str, str]]:
    """Source, key and content of all pictures; an error as its words."""
    reader = Sources()
    found = [
        (Path(source).name, key, content.decode() if isinstance(content, bytes) else str(content))
        for task in tasks
        for source, key, content in reader.items(task)
    ]
    reader.close()
    return found


def test_folder_gives_its_pictures_in_order_and_in_tasks(tmp_path: Path):
    write(tmp_path, "b/2.jpg", "b/10.png", "a.jpeg", "notes.txt", "._a.jpeg", "b/c/1.webp")
    tasks = list(plan([str(tmp_path)]))
    assert [task["names"] for task in tasks] == [["a.jpeg", "b/10.png", "b/2.jpg"], ["b/c/1.webp"]]
    assert sum(task["pictures"] for task in tasks) == 4
    assert items(tasks) == [(Path(name).name, "", name) for task in tasks for name in task["names"]]


def test_archives_and_films_of_a_folder_are_tasks_in_their_place(tmp_path: Path):
    write(tmp_path, "a.jpg", "c.mp4", "d.jpg")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("in/1.jpg", b"one")
    tasks = list(plan([str(tmp_path)]))
    assert [task["kind"] for task in tasks] == ["files", "zip", "film", "files"]
    assert items(tasks[1:2]) == [("b.zip", "in/1.jpg", "one")]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.jpg", ["1.jpg"]),
        ("**/*.jpg", ["1.jpg", "x/2.jpg", "x/y/3.jpg"]),
        ("x/?.jpg", ["x/2.jpg"]),
        ("[x-z]/**", ["x/2.jpg", "x/y/3.jpg"]),
    ],
)
def test_patterns_mean_what_a_shell_means(tmp_path: Path, pattern: str, found: list[str]):
    write(tmp_path, "1.jpg", "x/2.jpg", "x/y/3.jpg")
    [task] = plan([f"{tmp_path}/{pattern}"])
    assert [f"{task['at']}/{name}".removeprefix(f"{tmp_path}/") for name in task["names"]] == found


def tar_of(path: Path, contents: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


SHARD = {"0.jpg": b"zero", "0.json": b"{}", "1.jpg": b"one", "2.png": b"two", "3.jpg": b"three"}
PICTURES = [("0.jpg", "zero"), ("1.jpg", "one"), ("2.png", "two"), ("3.jpg", "three")]


def test_tar_shards_give_their_pictures(tmp_path: Path):
    path = tar_of(tmp_path / "s.tar", SHARD)
    tasks = list(plan([str(path)]))
    assert [task["pictures"] for task in tasks] == [3, 1]
    assert items(tasks) == [("s.tar", name, content) for name, content in PICTURES]


def test_compressed_tar_is_one_task_with_the_same_pictures(tmp_path: Path):
    [task] = plan([str(tar_of(tmp_path / "s.tar.gz", SHARD, "w:gz"))])
    assert [(key, content) for _, key, content in items([task])] == PICTURES


@pytest.mark.parametrize(("ending", "mode"), [("tar", "w"), ("tgz", "w:gz")])
def test_of_a_shard_cut_in_the_middle_what_comes_before_is_read(tmp_path: Path, ending: str, mode: str):
    import random

    noise = {f"{number}.jpg": random.Random(number).randbytes(5000) for number in range(4)}
    whole = tar_of(tmp_path / f"s.{ending}", noise, mode)
    whole.write_bytes(whole.read_bytes()[:12_000])
    reader = Sources()
    found = [(key, content) for task in plan([str(whole)]) for _, key, content in reader.items(task)]
    reader.close()
    assert [key for key, content in found if content == noise.get(key)] == ["0.jpg", "1.jpg"]
    reason = found[-1][1]
    assert isinstance(reason, ImageError)
    assert "cut short" in str(reason)


def test_zip_cut_in_the_middle_is_said(tmp_path: Path):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.jpg", b"x" * 5000)
    path.write_bytes(path.read_bytes()[:3000])
    [(_, _, reason)] = items(list(plan([str(path)])))
    assert reason.startswith("The ZIP archive is cut short or damaged")


def test_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sources_module, "MAX_BYTES", 1000)
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.jpg", bytes(1_000_000))
        archive.writestr("2.jpg", b"two")
    # One that says it is small is not believed.
    content = path.read_bytes()
    liar = content.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (tmp_path / "liar.zip").write_bytes(liar)
    [honest, two, lie, other] = items(list(plan([str(path), str(tmp_path / "liar.zip")])))
    assert honest[2] == "The picture has 1,000,000 bytes, more than the 1,000 allowed."
    assert two[2] == other[2] == "two"
    assert "cannot be unpacked" in lie[2] or "bytes, more than" in lie[2]


def parquet(path: Path, /, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=4)
    return path


def test_parquet_gives_bytes_of_a_column_or_of_a_structure(tmp_path: Path):
    values = [f"picture {number}".encode() for number in range(6)]
    plain = parquet(tmp_path / "plain.parquet", label=pa.array(range(6)), image=pa.array([*values[:5], None], pa.binary()))
    pairs = [{"bytes": value, "path": "x"} for value in values]
    nested = parquet(tmp_path / "nested.parquet", image=pa.array(pairs))
    tasks = list(plan([str(plain), str(nested)]))
    assert [(task["row"], task["pictures"]) for task in tasks] == [(0, 3), (3, 1), (4, 2)] * 2
    found = items(tasks)
    assert [content for _, _, content in found[:5]] == [value.decode() for value in values[:5]]
    assert found[5] == ("plain.parquet", "5", "The row has no picture.")
    assert [(key, content) for _, key, content in found[6:]] == [(str(n), v.decode()) for n, v in enumerate(values)]


def test_paths_in_a_parquet_file_stay_below_its_folder(tmp_path: Path):
    folder = write(tmp_path / "in", "1.jpg")
    write(tmp_path, "secret.jpg")
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    names = ["1.jpg", "../secret.jpg", "link.jpg", "/etc/passwd", "gone.jpg", None]
    path = parquet(folder / "list.parquet", path=pa.array(names))
    contents = [content for *_, content in items(list(plan([str(path)])))]
    assert contents[0] == "1.jpg"
    assert all("leads out" in each for each in (*contents[1:4], contents[5]))
    assert contents[4] == "The file is no longer there."


def test_parquet_without_pictures_is_said_and_the_rest_is_done(tmp_path: Path):
    write(tmp_path, "z.jpg")
    parquet(tmp_path / "a.parquet", label=pa.array([1, 2]))
    first, second = items(list(plan([str(tmp_path)])))
    assert first[2].startswith("The Parquet file has no column with pictures, as bytes or paths; it has label.")
    assert second[2] == "z.jpg"


def test_files_that_go_or_change_after_they_were_listed_are_said(tmp_path: Path):
    write(tmp_path / "photos", "1.jpg", "2.jpg", "empty.jpg")
    (tmp_path / "photos" / "empty.jpg").write_bytes(b"")
    shard = tar_of(tmp_path / "s.tar", SHARD)
    tasks = list(plan([str(tmp_path / "photos"), str(shard)]))
    (tmp_path / "photos" / "1.jpg").unlink()
    shard.write_bytes(shard.read_bytes() + bytes(512))
    found = [content for *_, content in items(tasks)]
    assert found[:3] == ["The file is no longer there.", "2.jpg", "The picture is empty (0 bytes)."]
    assert set(found[3:]) == {sources_module.CHANGED}
    assert len(found) == 3 + 4


def test_pipes_and_folders_with_a_pictures_name_are_not_waited_for(tmp_path: Path):
    import os

    os.mkfifo(tmp_path / "pipe.jpg")
    [(_, _, reason)] = items(list(plan([str(tmp_path)])))
    assert reason == "It is not an ordinary file."


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["{0}/nothing"], "no file or folder"),
        (["{0}/*.jpg"], "No file is called"),
        (["{0}", "{0}/"], "name each once"),
        (["{0}", "{0}/a.png"], "hold the same pictures"),
        (["s3://key:secret@bucket/x"], "holds a key"),
        (["nowhere://x/y"], "cannot be reached"),
    ],
)
def test_impossible_sources_are_said(tmp_path: Path, sources: list[str], message: str):
    write(tmp_path, "a.png")
    with pytest.raises(ConfigError, match=message):
        list(plan([source.format(tmp_path) for source in sources]))


def test_addresses_are_kept_and_shown_without_their_options():
    place = place_of("s3://bucket/folder/?region=eu-west-1&scheme=http&endpoint_override=localhost:1")
    assert place == Place("bucket/folder", "s3://bucket?region=eu-west-1&scheme=http&endpoint_override=localhost:1")
    assert place.shown == "s3://bucket/folder"
    assert place_of(place.child("a b%.jpg").address) == place.child("a b%.jpg")
