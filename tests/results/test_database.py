"""Where reviews are kept, and what is said when that place cannot be used."""

from __future__ import annotations

import errno
import sqlite3
import sys
from pathlib import Path

import pytest
from sqlalchemy import event, make_url
from sqlalchemy.exc import OperationalError

from emotion_core.errors import ReviewStoreError
from emotion_core.results import database
from emotion_core.results.database import ADDRESS, database_url, describe_url
from emotion_core.results.reviews import Review, ReviewStore

SECRET = "hunter2"
MARK = Review(dataset="faces", sample_id="a", verdict="fine", reviewer="Ann")


def refused(address: str) -> str:
    """What adding to a store says, which has to be free of the password, tracebacks included."""
    with pytest.raises(ReviewStoreError) as caught, ReviewStore(address) as store:
        store.add(MARK)
    message = str(caught.value)
    assert SECRET not in message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "\n" not in message
    return message


def test_reviews_lie_beside_the_runs_unless_an_address_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(ADDRESS, raising=False)
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path))
    with ReviewStore() as store:
        store.add(MARK)
        assert store.place == f"'{tmp_path / 'reviews.sqlite'}'"
    assert (tmp_path / "reviews.sqlite").is_file()
    monkeypatch.setenv(ADDRESS, f"sqlite:///{tmp_path / 'other.sqlite'}")
    with ReviewStore() as store:
        assert store.latest("faces").empty
        assert store.place == f"'{tmp_path / 'other.sqlite'}'"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+pg8000"])
def test_postgresql_gets_its_driver(scheme: str):
    url = database_url(f"{scheme}://ann:{SECRET}@db.example:5433/faces")
    assert url.drivername == "postgresql+pg8000"
    assert describe_url(url) == "the database 'faces' of 'ann' at 'db.example:5433'"


def test_sqlite_waits_keeps_its_rules_and_lets_readers_read(sqlite_address: str):
    with ReviewStore(sqlite_address) as store:
        store.add(MARK)
        with store._engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
        path = sqlite_address.removeprefix("sqlite:///")
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        assert len(store.latest("faces")) == 1
        writer.close()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            f"postgresql://ann:{SECRET}@host:port/faces",
            "not one of a database. Give 'sqlite:////path/to/file' or 'postgresql://",
        ),
        (f"ann:{SECRET}", "not one of a database"),
        (f"mysql://ann:{SECRET}@host/faces", "kind 'mysql'"),
        ("sqlite://", "Reviews have to last"),
        ("sqlite:///:memory:", "Reviews have to last"),
    ],
)
def test_an_address_that_is_none_is_not_repeated(address: str, message: str):
    assert message in refused(address)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pg8000", None)
    assert "pip install pg8000" in refused(f"postgresql://ann:{SECRET}@host/faces")
    assert "needs a driver" in refused(f"postgresql+nothing://ann:{SECRET}@host/faces")


def test_a_server_that_is_down_is_named():
    # Nothing listens on port 1.
    message = refused(f"postgresql://ann:{SECRET}@127.0.0.1:1/faces")
    assert "the database 'faces' of 'ann' at '127.0.0.1:1': the server does not answer. Start it, or correct " in message
    assert "does not answer" in refused(f"postgresql://ann:{SECRET}@/faces?unix_sock=/nowhere/socket")
    assert "an option that the driver does not know" in refused(f"postgresql://ann@127.0.0.1:1/faces?sslpassword={SECRET}")


def test_the_answers_of_a_server_are_put_in_words(postgres_address: str):
    url = make_url(postgres_address)

    def changed(**parts: str) -> str:
        return refused(url.set(**parts).render_as_string(hide_password=False))

    # Several times, because the server may or may not have hung up before the driver does.
    for _ in range(10):
        assert "the user name or the password is wrong" in changed(password=SECRET)
    assert "the user name or the password is wrong" in changed(username="nobody_of_that_name", password=SECRET)
    assert "has no such database. Make it with 'createdb'" in changed(database="missing")


def test_rights_on_a_server_are_put_in_words(postgres_address: str):
    from sqlalchemy import create_engine, text

    url = make_url(postgres_address)
    with ReviewStore(postgres_address) as store:
        store.add(MARK)
    engine = create_engine(url.set(drivername="postgresql+pg8000"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{url.database}" SET default_transaction_read_only = on'))
    engine.dispose()
    assert "the database is read-only" in refused(postgres_address)
    with ReviewStore(postgres_address) as store:
        assert len(store.latest("faces")) == 1


def test_files_that_cannot_be_used_are_named(tmp_path: Path):
    message = refused(f"sqlite:///{tmp_path}/none/reviews.sqlite")
    assert f"'{tmp_path}/none/reviews.sqlite': its folder does not exist. Make its folder" in message
    assert "the file cannot be opened" in refused(f"sqlite:///{tmp_path}")
    (tmp_path / "text.sqlite").write_text("not a database at all, but words" * 40)
    assert "the file is not a database. Move it away, or name another place in EMOTION_REVIEWS_URL." in refused(
        f"sqlite:///{tmp_path}/text.sqlite"
    )


def test_a_folder_that_nothing_can_be_made_in_is_called_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    # As an administrator, tests can write everywhere: a folder of the database's name makes SQLite refuse as a disk would.
    monkeypatch.setattr(database.tempfile, "TemporaryFile", refuse)
    (tmp_path / "reviews.sqlite").mkdir()
    assert "its folder is read-only. Make it writable, or name another place" in refused(f"sqlite:///{tmp_path}/reviews.sqlite")


def test_a_file_that_is_read_only_or_held_is_named(sqlite_address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "WAIT", 0)
    with ReviewStore(sqlite_address) as store:
        store.add(MARK)
        other = sqlite3.connect(sqlite_address.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert "another program has held it for too long. Try again" in refused(sqlite_address)
        other.close()

        # As an administrator, tests can write everywhere; SQLite itself then has to refuse.
        @event.listens_for(store._engine, "checkout")
        def _read_only(connection: sqlite3.Connection, *_: object) -> None:
            connection.execute("PRAGMA query_only = ON")

        with pytest.raises(ReviewStoreError, match=r"the file or its folder is read-only\. Make both writable"):
            store.add(MARK)


class Locked:
    """A connection that finds the file locked some times: SQLite says so at once where two processes switch to WAL together."""

    def __init__(self, times: int, reason: str) -> None:
        self.times, self.reason, self.asked = times, reason, 0

    def exec_driver_sql(self, statement: str) -> None:
        assert statement == "PRAGMA journal_mode = WAL"
        self.asked += 1
        if self.asked <= self.times:
            raise OperationalError(statement, {}, sqlite3.OperationalError(self.reason))

    def rollback(self) -> None:
        pass


def test_a_file_that_two_processes_set_up_at_once_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    connection = Locked(3, "database is locked")
    database._write_ahead(connection)
    assert connection.asked == 4
    monkeypatch.setattr(database, "WAIT", 0)
    for connection in (Locked(10_000, "database is locked"), Locked(1, "disk I/O error")):
        with pytest.raises(OperationalError):
            database._write_ahead(connection)
