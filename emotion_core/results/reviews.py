"""What people say about images: wrong label, ambiguous, not a face, bad crop. Nothing that was said is overwritten.

Every mark is a row of its own, and so is every withdrawal. Two people who mark the same image at once therefore lose
nothing, and it stays known who said what and when. What counts is worked out when it is read: of each reviewer the newest
mark that was not withdrawn, and of an image what more than half of its reviewers say.

A dataset that is known by its content (:mod:`emotion_core.data.identity`) keeps its reviews when its file is renamed, and never
has those of another file of the same name.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unicodedata import category

import pandas as pd
from sqlalchemy import Column, ColumnElement, Executable, Select, func, literal, select
from sqlalchemy.exc import IntegrityError

from emotion_core.data.identity import MARK, fingerprint_in
from emotion_core.errors import ReviewError
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.database import (
    REVIEWS,
    SLICES,
    WITHDRAWALS,
    database_url,
    describe_url,
    make_tables,
    open_engine,
    reached,
)
from emotion_core.results.tables import no_formula
from emotion_core.results.verdicts import VERDICTS, combine_reviews

LONGEST_NOTE = 2000
LONGEST_NAME = 80
LONGEST_FILTER = 20_000
"""Characters."""

COLUMNS = ("id", "dataset", "sample_id", "verdict", "expression", "note", "reviewer", "at")
SLICE_COLUMNS = ("name", "filter_json", "reviewer", "at")
_KINDS = {"id": "int64", "at": "datetime64[us, UTC]", "withdrawn_at": "datetime64[us, UTC]"}


@dataclass(frozen=True, kw_only=True)
class Review:
    """What one person says about one image.

    Attributes:
        dataset: name of the dataset.
        sample_id: id of the image, at most 1,000 characters.
        verdict: one of :data:`~emotion_core.results.verdicts.VERDICTS`.
        expression: the right one of :data:`~emotion_core.labels.EXPRESSIONS` where the label is wrong, else ``None``.
        note: free text, at most 2,000 characters.
        reviewer: who says so, 1 to 80 printable characters; runs of spaces count as one.
        at: when, UTC; set by the store.
        id: number in the store; set by it.

    Raises:
        ReviewError: a field is missing, too long, or not one of what is known.
    """

    dataset: str
    sample_id: str
    verdict: str
    expression: str | None = None
    note: str = ""
    reviewer: str
    at: datetime | None = None
    id: int | None = None

    def __post_init__(self) -> None:
        _check_line("name of the dataset", self.dataset, 200)
        _check_line("id of the image", self.sample_id, 1000)
        object.__setattr__(self, "reviewer", reviewer_name(self.reviewer))
        if self.verdict not in VERDICTS:
            raise ReviewError(f"There is no verdict '{self.verdict}'. Known: {', '.join(VERDICTS)}.")
        if self.verdict == "wrong label":
            if self.expression not in EXPRESSIONS:
                raise ReviewError(f"A wrong label needs the right expression: one of {', '.join(EXPRESSIONS)}.")
        elif self.expression is not None:
            raise ReviewError(f"Only a wrong label has a right expression, '{self.verdict}' has none.")
        if len(self.note) > LONGEST_NOTE:
            raise ReviewError(f"The note has {len(self.note):,} characters; at most {LONGEST_NOTE:,} are kept. Shorten it.")
        # PostgreSQL keeps no NUL, and neither database half a surrogate pair.
        if any(category(letter) in ("Cc", "Cs") and letter not in "\n\r\t" for letter in self.note):
            raise ReviewError("The note has characters that cannot be kept. Type it again without control characters.")


class ReviewStore:
    """Reviews and saved filters, shared by all users of a server. Threads and processes may use it at once.

    Args:
        url: as in :func:`~emotion_core.results.database.database_url`.

    Raises:
        ReviewStoreError: the address is not one of a database, or its driver is missing. Every other method raises it too, when
            the database cannot be reached or used.
    """

    def __init__(self, url: str | None = None) -> None:
        self._url = database_url(url)
        self._engine = open_engine(self._url)
        self._lock = threading.Lock()
        self._ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def place(self) -> str:
        """Where reviews are kept, in words and without a password."""
        return describe_url(self._url)

    @property
    def backend(self) -> str:
        """``"sqlite"`` or ``"postgresql"``."""
        return self._url.get_backend_name()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def add(self, review: Review) -> Review:
        """Keep a review.

        Returns:
            It with its number and the moment it was kept.
        """
        kept = replace(review, at=_now(), id=None)
        values = {name: getattr(kept, name) for name in COLUMNS if name != "id"}
        return replace(kept, id=self.write(REVIEWS.insert().values(values).returning(REVIEWS.c.id)))

    def add_all(self, reviews: Sequence[Review]) -> list[int]:
        """Keep several reviews, or none of them.

        Returns:
            Their numbers, in the order given.
        """
        moment = _now()
        rows = [{name: getattr(review, name) for name in COLUMNS if name != "id"} | {"at": moment} for review in reviews]
        return sorted(self.write_many(REVIEWS.insert().values(rows).returning(REVIEWS.c.id)))

    def withdraw(self, id: int, by: str) -> None:
        """Take an own review back; it stays in the history. The one that the same reviewer had given before stands again.

        What somebody else says can only be contradicted, by a review of one's own.

        Args:
            id: of the review.
            by: who takes it back: the one who gave it.

        Raises:
            ReviewError: there is no such review, it is somebody else's, or ``by`` is not a name.
        """
        columns = [WITHDRAWALS.c.review_id, WITHDRAWALS.c.reviewer, WITHDRAWALS.c.at]
        name = reviewer_name(by)
        own = (REVIEWS.c.id == id, REVIEWS.c.reviewer == name)
        values = select(REVIEWS.c.id, literal(name), literal(_now(), columns[2].type)).where(*own)
        if self.write(WITHDRAWALS.insert().from_select(columns, values).returning(WITHDRAWALS.c.id)) is None:
            given = self.read(select(REVIEWS.c.reviewer).where(REVIEWS.c.id == id), ["reviewer"])["reviewer"]
            if given.empty:
                raise ReviewError(f"There is no review {id} in {self.place}.")
            raise ReviewError(
                f"Review {id} is {given.iloc[0]}'s, and only they take it back. Say what you see in a review of your own."
            )

    def latest(self, dataset: str) -> pd.DataFrame:
        """The newest standing review of each reviewer for each image, oldest first.

        Returns:
            A row each with :data:`COLUMNS`.
        """
        withdrawn = select(WITHDRAWALS.c.review_id)
        newest = (
            select(func.max(REVIEWS.c.id))
            .where(same_dataset(REVIEWS.c.dataset, dataset), REVIEWS.c.id.not_in(withdrawn))
            .group_by(REVIEWS.c.sample_id, REVIEWS.c.reviewer)
        )
        return self.read(select(REVIEWS).where(REVIEWS.c.id.in_(newest)).order_by(REVIEWS.c.id), COLUMNS)

    def datasets(self) -> list[str]:
        """Names of the datasets that have standing reviews; of one that was renamed, one of its names."""
        standing = select(REVIEWS.c.dataset).where(REVIEWS.c.id.not_in(select(WITHDRAWALS.c.review_id)))
        names = self.read(standing.distinct().order_by(REVIEWS.c.dataset), ["dataset"])["dataset"]
        return list({fingerprint_in(name) or name: name for name in names}.values())

    def history(self, dataset: str, sample_id: str) -> pd.DataFrame:
        """Everything that was ever said about an image, oldest first.

        Returns:
            A row a review with :data:`COLUMNS`, ``withdrawn_by`` and ``withdrawn_at``.
        """
        return self.histories(dataset, [sample_id])

    def histories(self, dataset: str, sample_ids: Sequence[str]) -> pd.DataFrame:
        """Likewise of several images, as :meth:`history` gives it."""
        return self._history(same_dataset(REVIEWS.c.dataset, dataset), REVIEWS.c.sample_id.in_(list(sample_ids)))

    def verdicts(self, dataset: str) -> pd.DataFrame:
        """What the reviewers of each image say together.

        Returns:
            A row an image, by id, with the columns of
            :func:`~emotion_core.results.verdicts.combine_reviews`.
        """
        return combine_reviews(self.latest(dataset))

    def to_csv(self, dataset: str | None = None) -> str:
        """All reviews as CSV, withdrawn ones too.

        A note may begin with ``=``: a spreadsheet would run it as a formula, which can send what else the sheet holds to a
        stranger. Text that begins like a formula therefore gets a leading apostrophe.

        Args:
            dataset: only this one.
        """
        table = self._history(*([] if dataset is None else [same_dataset(REVIEWS.c.dataset, dataset)]))
        words = ["dataset", "sample_id", "note", "reviewer", "withdrawn_by"]
        for name in words:
            table[name] = [no_formula(value) if isinstance(value, str) else value for value in table[name]]
        return table.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ", lineterminator="\n")

    def save_slice(self, name: str, dataset: str, split: str, filter_json: str, by: str) -> None:
        """Keep a filter under a name.

        Args:
            name: 1 to 80 printable characters, one of its kind in ``dataset`` and ``split``.
            dataset: name of the dataset.
            split: name of the split.
            filter_json: a JSON object.
            by: who keeps it.

        Raises:
            ReviewError: the name is taken, or a value is not one that can be kept.
        """
        _check_line("name of the slice", name, LONGEST_NAME)
        _check_line("name of the dataset", dataset, 200)
        _check_line("name of the split", split, 80)
        values = {"name": name, "dataset": dataset, "split": split, "filter_json": _json_object(filter_json),
                  "reviewer": reviewer_name(by), "at": _now()}  # fmt: skip
        try:
            self.write(SLICES.insert().values(values).returning(SLICES.c.id))
        except IntegrityError:
            raise ReviewError(f"There is a slice '{name}' already. Choose another name, or remove it first.") from None

    def slices(self, dataset: str, split: str) -> pd.DataFrame:
        """Saved filters by name, a row each with :data:`SLICE_COLUMNS`."""
        mine = (same_dataset(SLICES.c.dataset, dataset), SLICES.c.split == split)
        wanted = select(*(SLICES.c[name] for name in SLICE_COLUMNS)).where(*mine)
        return self.read(wanted.order_by(SLICES.c.name), SLICE_COLUMNS)

    def remove_slice(self, name: str, dataset: str, split: str) -> None:
        """Forget a saved filter.

        Raises:
            ReviewError: there is none of that name.
        """
        mine = (SLICES.c.name == name, same_dataset(SLICES.c.dataset, dataset), SLICES.c.split == split)
        if self.write(SLICES.delete().where(*mine).returning(SLICES.c.id)) is None:
            raise ReviewError(f"There is no slice '{name}' for the {split} split of '{dataset}'.")

    def _history(self, *conditions: Any) -> pd.DataFrame:
        first = select(func.min(WITHDRAWALS.c.id)).group_by(WITHDRAWALS.c.review_id)
        taken = select(WITHDRAWALS).where(WITHDRAWALS.c.id.in_(first)).subquery()
        columns = [*REVIEWS.c, taken.c.reviewer.label("withdrawn_by"), taken.c.at.label("withdrawn_at")]
        joined = select(*columns).outerjoin_from(REVIEWS, taken, taken.c.review_id == REVIEWS.c.id)
        return self.read(joined.where(*conditions).order_by(REVIEWS.c.id), (*COLUMNS, "withdrawn_by", "withdrawn_at"))

    def write(self, statement: Executable) -> int | None:
        """Run one statement, and return the first value that it returns.

        SQLite makes one statement wait for its turn, unlike a transaction that reads before it writes.
        """
        return next(iter(self.write_many(statement)), None)

    def write_many(self, statement: Executable) -> list[Any]:
        """Likewise; returns the first value of every row that it returns."""
        self._prepare()
        with reached(self._url), self._engine.begin() as connection:
            return list(connection.execute(statement).scalars())

    def read(self, statement: Select[Any], columns: Sequence[str]) -> pd.DataFrame:
        """What a query finds, a row each."""
        rows: Sequence[Any] = []
        # Looking at reviews makes no file: the folder of the runs may be one that can only be read.
        if self._url.get_backend_name() != "sqlite" or Path(str(self._url.database)).exists():
            self._prepare()
            with reached(self._url), self._engine.connect() as connection:
                rows = connection.execute(statement).all()
        # As objects, so that what is missing is None, whether or not the other rows have it.
        table = pd.DataFrame([tuple(row) for row in rows], columns=list(columns), dtype=object)
        return table.astype({name: kind for name, kind in _KINDS.items() if name in columns})

    def _prepare(self) -> None:
        with self._lock:
            if not self._ready:
                make_tables(self._engine)
                self._ready = True


def same_dataset(column: Column[str], dataset: str) -> ColumnElement[bool]:
    """Whether a row is about this dataset, under whatever name its content had."""
    fingerprint = fingerprint_in(dataset)
    return column.endswith(f"{MARK}{fingerprint}", autoescape=True) if fingerprint else column == dataset


def reviewer_name(name: str) -> str:
    shown = " ".join(name.split())
    _check_line("name of the reviewer", shown, LONGEST_NAME)
    return shown


def _check_line(what: str, text: str, longest: int) -> None:
    if not text.strip():
        raise ReviewError(f"The {what} is missing.")
    if len(text) > longest:
        raise ReviewError(f"The {what} has {len(text):,} characters; at most {longest:,} are kept.")
    if not text.isprintable():
        raise ReviewError(f"The {what} has characters that cannot be shown.")


def _json_object(text: str) -> str:
    if len(text) > LONGEST_FILTER:
        raise ReviewError(f"The filter has {len(text):,} characters; at most {LONGEST_FILTER:,} are kept.")
    try:
        text.encode()
        whole = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise ReviewError("The filter is not a JSON object.")
    return text


def _now() -> datetime:
    return datetime.now(UTC)
