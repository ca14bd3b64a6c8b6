"""Which images a reviewer is handed next, so that two do not look at the same one unless they are asked to.

What is handed out is a claim: a row that only one reviewer can have. A claim on which nothing was said for :data:`PATIENCE` may
go to somebody else. From which pile an image came stays known, since only those drawn at random say how many labels are wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import pandas as pd
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from emotion_core.errors import ReviewError
from emotion_core.metrics.human import annotator_alpha
from emotion_core.metrics.intervals import wilson_interval
from emotion_core.results.database import CLAIMS
from emotion_core.results.reviews import ReviewStore, reviewer_name, same_dataset
from emotion_core.results.verdicts import VERDICTS, combine_reviews

SOURCES: tuple[str, ...] = ("doubtful label", "runs disagree", "random")
"""Piles, in the order in which they are emptied when nobody chooses one."""

PATIENCE = timedelta(minutes=15)
"""After which a claim without a verdict may go to somebody else."""

AT_ONCE = 100
"""Rows in one statement."""


@dataclass(frozen=True, kw_only=True)
class WrongLabels:
    """How many labels of a split are wrong, from the images that were drawn at random.

    Attributes:
        drawn: images drawn at random.
        judged: those of them on which more than half of the reviewers give one verdict.
        disputed: those of them on which no verdict has a majority; they do not count.
        wrong: those that are judged to have a wrong label.
        share: wrong of judged, in [0, 1]; ``None`` where none is judged.
        low: lower end of its 95 % Wilson interval.
        high: its upper end.
    """

    drawn: int
    judged: int
    disputed: int
    wrong: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far reviewers agree.

    Attributes:
        images: judged by two or more.
        alpha: Krippendorff's, nominal, over the five verdicts, 0 by chance and at most 1; ``nan`` where it is not defined.
    """

    images: int
    alpha: float


class ReviewQueue:
    """The queue of one split, shared by all who use the same store.

    Args:
        store: where reviews are kept.
        dataset: name of the dataset.
        split: of it.
    """

    def __init__(self, store: ReviewStore, dataset: str, split: str) -> None:
        self._store, self._dataset, self._split = store, dataset, split
        self._own = (same_dataset(CLAIMS.c.dataset, dataset), CLAIMS.c.split == split)

    def claim(
        self,
        piles: Sequence[tuple[str, Iterable[str]]],
        reviewer: str,
        count: int,
        *,
        second: bool = False,
        without: Collection[str] = (),
        now: datetime | None = None,
    ) -> list[str]:
        """Hand out the next images.

        Args:
            piles: names from :data:`SOURCES` with ids, most wanted first; a later one is used when those before are empty.
            reviewer: who gets them.
            count: how many at most.
            second: a second opinion: only images that somebody else has judged, instead of only those that nobody has.
            without: images that the reviewer has before them already.
            now: the moment; the present one by default.

        Returns:
            Ids, most wanted first; fewer than ``count``, or none, where there are no more.

        Raises:
            ReviewError: the name is none.
            ReviewStoreError: the database cannot be reached or used.
        """
        name, moment = reviewer_name(reviewer), now or datetime.now(UTC)
        latest = self._store.latest(self._dataset)
        judged = Counter(latest["sample_id"])
        own = set(latest.loc[latest["reviewer"] == name, "sample_id"])
        claims = self._claims()
        fresh = claims[claims["at"] >= pd.Timestamp(moment - PATIENCE)]
        taken = set(fresh.loc[fresh["reviewer"] != name, ["sample_id", "opinion"]].itertuples(index=False, name=None))
        found: list[str] = []
        for source, ids in piles:
            if source not in SOURCES:
                raise ReviewError(f"There is no pile '{source}'. Known: {', '.join(SOURCES)}.")
            order = list(ids)
            kept_out = own.union(without, found)
            wanted = (
                (sample, judged[sample] + 1)
                for sample in order
                if sample not in kept_out and bool(judged[sample]) == second and (sample, judged[sample] + 1) not in taken
            )
            mine: list[str] = []
            while len(found) + len(mine) < count and (some := list(islice(wanted, count - len(found) - len(mine)))):
                got = self._take(some, source, name, moment)
                mine += [sample for sample, _ in some if sample in got]
            if source == "random" and mine and not second:
                # All that come before in the random order were drawn too, whoever has judged them, and for whatever reason.
                self._take([(sample, 0) for sample in order[: order.index(mine[-1]) + 1]], source, name, moment)
            found += mine
        return found

    def wrong_labels(self) -> WrongLabels:
        """The share of wrong labels, from the images drawn at random."""
        claims = self._claims()
        drawn = set(claims.loc[claims["opinion"] == 0, "sample_id"])
        verdicts = combine_reviews(self._store.latest(self._dataset))
        mine = verdicts[verdicts["sample_id"].isin(drawn)]
        judged = int(mine["verdict"].notna().sum())
        wrong = int((mine["verdict"] == "wrong label").sum())
        counts = {"drawn": len(drawn), "judged": judged, "disputed": len(mine) - judged, "wrong": wrong}
        if not judged:
            return WrongLabels(**counts)
        low, high = wilson_interval(wrong / judged, judged)
        return WrongLabels(**counts, share=wrong / judged, low=low, high=high)

    def _take(self, wanted: Sequence[tuple[str, int]], source: str, name: str, moment: datetime) -> set[str]:
        """Claim images; returns those that nobody else has claimed meanwhile."""
        dialect = sqlite if self._store.backend == "sqlite" else postgresql
        mine = {"dataset": self._dataset, "split": self._split, "source": source, "reviewer": name, "at": moment}
        open_again = (CLAIMS.c.at < moment - PATIENCE) | (CLAIMS.c.reviewer == name)
        taken: set[str] = set()
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            insert = dialect.insert(CLAIMS).values(
                [{**mine, "sample_id": sample, "opinion": number} for sample, number in some]
            )
            claimed = insert.on_conflict_do_update(
                index_elements=[CLAIMS.c.dataset, CLAIMS.c.split, CLAIMS.c.sample_id, CLAIMS.c.opinion],
                set_={column: insert.excluded[column] for column in ("source", "reviewer", "at")},
                where=open_again,
            )
            taken.update(self._store.write_many(claimed.returning(CLAIMS.c.sample_id)))
        return taken

    def _claims(self) -> pd.DataFrame:
        columns = ("sample_id", "opinion", "source", "reviewer", "at")
        return self._store.read(select(*(CLAIMS.c[name] for name in columns)).where(*self._own), columns)


def agreement(latest: pd.DataFrame) -> Agreement:
    """How far reviewers agree on the images that two or more of them judged.

    Args:
        latest: one row a reviewer and image, with ``sample_id`` and ``verdict``.
    """
    if latest.empty:
        return Agreement(images=0, alpha=float("nan"))
    votes = pd.crosstab(latest["sample_id"], latest["verdict"]).reindex(columns=list(VERDICTS), fill_value=0)
    several = votes[votes.sum(axis=1) >= 2]
    return Agreement(images=len(several), alpha=annotator_alpha(several.to_numpy()) if len(several) else float("nan"))
