"""Threads that read pictures, and end when nobody waits for them any more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def reading_pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """So many threads. Whoever is stopped inside, as by a visitor, does not wait for the pictures that are left."""
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
