"""A database of its own for a test, of each kind that reviews can be kept in."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

POSTGRES = "EMOTION_TEST_POSTGRES_URL"
"""Environment variable with the address of a PostgreSQL server in which tests may make databases; `.ci/run` starts one."""


@pytest.fixture
def postgres_address() -> Iterator[str]:
    """An empty PostgreSQL database."""
    if POSTGRES not in os.environ:
        pytest.skip(f"needs a PostgreSQL server in {POSTGRES}")
    server = make_url(os.environ[POSTGRES])
    name = f"reviews_{uuid.uuid4().hex}"
    engine = create_engine(server.set(drivername="postgresql+pg8000"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


@pytest.fixture
def sqlite_address(tmp_path: Path) -> str:
    """A SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'reviews.sqlite'}"


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    found: str = request.getfixturevalue(f"{request.param}_address")
    return found
