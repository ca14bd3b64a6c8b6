"""The database that keeps what people add: SQLite beside the runs, or PostgreSQL by its address."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Connection,
    DateTime,
    Dialect,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from emotion_core.errors import ReviewStoreError
from emotion_core.results.find import checkpoints_folder

SCHEMA_VERSION = 2
"""1 had no queue."""
FILE = "reviews.sqlite"
ADDRESS = "EMOTION_REVIEWS_URL"
"""Environment variable with the database's address."""

WAIT = 30
"""How long to wait for a busy database, s."""

_LOCK = 0x656D6F74
"""PostgreSQL's advisory lock under which tables are made; any number that nobody else uses."""


class _Utc(TypeDecorator[datetime]):
    """Moments in UTC: SQLite knows no time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


TABLES = MetaData()

REVIEWS = Table(
    "reviews",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("dataset", String(200), nullable=False),
    Column("sample_id", String(1000), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("expression", String(20)),
    Column("note", Text, nullable=False),
    Column("reviewer", String(80), nullable=False),
    Column("at", _Utc, nullable=False),
    Index("reviews_image", "dataset", "sample_id"),
    sqlite_autoincrement=True,
)

WITHDRAWALS = Table(
    "review_withdrawals",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("review_id", ForeignKey("reviews.id"), nullable=False, index=True),
    Column("reviewer", String(80), nullable=False),
    Column("at", _Utc, nullable=False),
    sqlite_autoincrement=True,
)

SLICES = Table(
    "review_slices",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("dataset", String(200), nullable=False),
    Column("split", String(80), nullable=False),
    Column("filter_json", Text, nullable=False),
    Column("reviewer", String(80), nullable=False),
    Column("at", _Utc, nullable=False),
    UniqueConstraint("dataset", "split", "name"),
    sqlite_autoincrement=True,
)

CLAIMS = Table(
    "review_claims",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("dataset", String(200), nullable=False),
    Column("split", String(80), nullable=False),
    Column("sample_id", String(1000), nullable=False),
    Column("opinion", Integer, nullable=False),
    Column("source", String(20), nullable=False),
    Column("reviewer", String(80), nullable=False),
    Column("at", _Utc, nullable=False),
    # Nobody else is handed the same opinion on the same image.
    UniqueConstraint("dataset", "split", "sample_id", "opinion"),
    sqlite_autoincrement=True,
)

_SCHEMA = Table("review_schema", TABLES, Column("version", Integer, nullable=False))


def database_url(address: str | None = None) -> URL:
    """Where reviews are kept.

    Args:
        address: of a SQLite file (``sqlite:////path``) or a PostgreSQL database (``postgresql://user:password@host/name``);
            ``EMOTION_REVIEWS_URL`` when ``None``, and ``reviews.sqlite`` beside the runs when that is not set either.

    Raises:
        ReviewStoreError: it is not such an address. The message never repeats it, for it may hold a password.
    """
    given = address if address is not None else os.environ.get(ADDRESS, "")
    if not given:
        return URL.create("sqlite", database=str(checkpoints_folder().absolute() / FILE))
    hint = f"Give 'sqlite:////path/to/file' or 'postgresql://user:password@host/name' in {ADDRESS}."
    try:
        url = make_url(given.strip())
    except (ArgumentError, ValueError):
        raise ReviewStoreError(f"The address of the reviews is not one of a database. {hint}") from None
    backend = url.get_backend_name()
    if backend == "postgres":
        backend, url = "postgresql", url.set(drivername="postgresql")
    if backend not in ("sqlite", "postgresql"):
        raise ReviewStoreError(f"Reviews cannot be kept in a database of the kind '{backend}'. {hint}")
    if backend == "postgresql" and url.drivername == "postgresql":
        url = url.set(drivername="postgresql+pg8000")
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise ReviewStoreError(f"Reviews have to last, so the address needs a file. {hint}")
    return url


def describe_url(url: URL) -> str:
    """What messages call the database; without password, and without options that may hold one."""
    if url.get_backend_name() == "sqlite":
        return f"'{url.database}'"
    host = url.host or url.query.get("unix_sock") or "localhost"
    port = f":{url.port}" if url.port else ""
    return f"the database '{url.database or ''}' of '{url.username or ''}' at '{host}{port}'"


def open_engine(url: URL) -> Engine:
    """An engine for the database; nothing is connected to yet.

    Raises:
        ReviewStoreError: the driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": WAIT})

        @event.listens_for(engine, "connect")
        def _settings(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA foreign_keys = ON")

        return engine
    arguments = {"timeout": WAIT} if url.drivername == "postgresql+pg8000" else {}
    try:
        return create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=arguments)
    except (ImportError, SQLAlchemyError) as error:
        raise ReviewStoreError(
            f"PostgreSQL needs a driver that is not there ({error}). Install it with 'pip install pg8000', "
            f"or unset {ADDRESS} to keep reviews in a file."
        ) from None


def make_tables(engine: Engine) -> None:
    """Make the tables where there are none; several processes may do so at once.

    Raises:
        ReviewStoreError: a newer version of the program made them, or the database cannot be used.
    """
    with reached(engine.url), engine.connect() as connection:
        made = inspect(connection).has_table(_SCHEMA.name)
        version = connection.scalar(select(_SCHEMA.c.version)) if made else None
        connection.rollback()
        if version is None or version < SCHEMA_VERSION:
            _make(connection)
            version = connection.scalar(select(_SCHEMA.c.version))
    if version != SCHEMA_VERSION:
        raise ReviewStoreError(
            f"The reviews in {describe_url(engine.url)} have schema version {version}; this version reads {SCHEMA_VERSION}. "
            "Update the program."
        )


def _write_ahead(connection: Connection) -> None:
    """Let readers and one writer not wait for each other from here on; the file remembers it.

    SQLite does not wait for others by itself here: while another process begins as well, it says that the file is locked.
    """
    until = time.monotonic() + WAIT
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            return
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > until:
                raise
            connection.rollback()
            time.sleep(0.02)


def _make(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        _write_ahead(connection)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    TABLES.create_all(connection)
    version = connection.scalar(select(_SCHEMA.c.version))
    if version is None:
        connection.execute(_SCHEMA.insert().values(version=SCHEMA_VERSION))
    elif version < SCHEMA_VERSION:
        connection.execute(_SCHEMA.update().values(version=SCHEMA_VERSION))
    connection.commit()


@contextmanager
def reached(url: URL) -> Iterator[None]:
    """Turn whatever the database or its driver raises into one sentence.

    Raises:
        IntegrityError: a row breaks a rule of its table; only who wrote it can say what that means.
        ReviewStoreError: what happened, where, and what to do; never a password.
    """
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, OSError, TypeError) as error:
        cause: BaseException = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        reason, remedy = _sqlite_words(str(cause), url) if url.get_backend_name() == "sqlite" else _postgres_words(cause)
        if url.password:
            reason = reason.replace(str(url.password), "***")
        # The cause is not chained: its text is the driver's, and may repeat what is in the address.
        raise ReviewStoreError(f"Reviews cannot be kept in {describe_url(url)}: {reason}. {remedy}") from None


_SQLITE = (
    ("readonly", "the file or its folder is read-only", "Make both writable"),
    ("unable to open", "the file cannot be opened", "Make its folder, and make both readable and writable"),
    ("locked", "another program has held it for too long", "Try again"),
    ("full", "the disk is full", "Make room"),
    ("not a database", "the file is not a database", "Move it away"),
    ("malformed", "the file is damaged", "Restore it from a copy"),
)


def _sqlite_words(message: str, url: URL) -> tuple[str, str]:
    for mark, reason, remedy in _SQLITE:
        if mark in message:
            folder = Path(str(url.database)).parent
            if mark == "unable to open" and not folder.is_dir():
                reason = "its folder does not exist"
            elif mark == "unable to open" and not _writable(folder):
                reason, remedy = "its folder is read-only", "Make it writable"
            return reason, f"{remedy}, or name another place in {ADDRESS}."
    return _one_line(message), f"Name another place in {ADDRESS}."


def _writable(folder: Path) -> bool:
    """Whether files can be made in a folder; the permissions alone do not say so of a file system that is read-only."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


_POSTGRES = {
    "28P01": ("the user name or the password is wrong", f"Correct {ADDRESS}."),
    "28000": ("the server does not let this user in", f"Correct {ADDRESS}, or the server's pg_hba.conf."),
    "3D000": ("the server has no such database", "Make it with 'createdb', or correct " + ADDRESS + "."),
    "42501": ("the user may not do this", "Grant it the rights to make and write tables."),
    "25006": ("the database is read-only", "Name one that can be written to in " + ADDRESS + "."),
    "53300": ("the server has too many connections", "Try again later."),
    "53100": ("the server's disk is full", "Make room on it."),
}


def _postgres_words(cause: BaseException) -> tuple[str, str]:
    answer = _answer(cause)
    if answer.get("C") in _POSTGRES:
        return _POSTGRES[answer["C"]]
    if answer:
        return _one_line(str(answer.get("M", "it refused"))), f"Correct {ADDRESS}, or ask who runs the server."
    if isinstance(cause, TypeError):
        return "the address has an option that the driver does not know", f"Correct {ADDRESS}."
    return "the server does not answer", f"Start it, or correct {ADDRESS}."


def _answer(error: BaseException | None) -> dict[str, str]:
    """The server's own words in what pg8000 raises: C is the code, M the message; empty where the server said nothing."""
    # When the server hangs up after its answer, pg8000 may fail to say goodbye and raise that instead.
    while error is not None:
        if error.args and isinstance(error.args[0], dict):
            return error.args[0]
        error = error.__context__
    return {}


def _one_line(message: str) -> str:
    return re.sub(r"\s+", " ", message).strip().rstrip(".")
