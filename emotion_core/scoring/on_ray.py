"""Scoring on a Ray cluster: actors of Ray Data hold the network, and each does tasks as a process of this machine would.

An actor only watches over one process of :mod:`emotion_core.scoring.pool`, so limits, pictures that crash a decoder and the
bits of the table are the same. What goes through Ray is where a task stands in the plan, and its counts: pictures and rows go
from and to the folders that all nodes see. Ray starts an actor of a lost node again, and gives its tasks to others.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from typing import Any

from emotion_core.errors import ConfigError, EmotionCoreError, ScoringError
from emotion_core.scoring.places import place_of
from emotion_core.scoring.pool import Done, Pool
from emotion_core.scoring.store import PLAN, Store
from emotion_core.scoring.worker import Settings


class Actor:
    """Does tasks, one row of a batch each.

    Args:
        settings: of :class:`~emotion_core.scoring.worker.Settings`.
        folder: address of the scored folder.
        parts: address of the folder for files of tasks.
    """

    def __init__(self, settings: dict[str, Any], folder: str, parts: str) -> None:
        self._plan = place_of(folder).child(PLAN)
        self._pool: Pool | None = None
        self._settings, self._parts = Settings(**settings), parts

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Do the tasks of a batch: ``number``, and ``start`` and ``length`` of its line in the plan.

        What the command has to hear is an answer too: Ray would try a task that raises again and again.
        """
        said = []
        try:
            self._pool = self._pool or Pool(self._settings, self._parts, 1)
            with self._plan.open() as file:
                for number, start, length in zip(batch["number"], batch["start"], batch["length"], strict=True):
                    file.seek(int(start))
                    task = json.loads(file.read(int(length)))
                    for done in self._pool.run(iter([(int(number), task)])):
                        if done.number >= 0:
                            said.append({"done": done.number, "counts": done.counts, "facts": self._pool.facts})
        except EmotionCoreError as error:
            said.append({"failed": str(error)})
        except OSError as error:
            said.append({"failed": f"'{self._plan.shown}' cannot be read on a node ({error.strerror or error})."})
        return {"said": [json.dumps(each) for each in said]}

    def __del__(self) -> None:
        if self._pool is not None:
            self._pool.close()


def run_on_ray(store: Store, left: set[int], settings: Settings, workers: int | None) -> Iterator[Done]:
    """Do tasks on the cluster that ``RAY_ADDRESS`` names, or on one that is started on this machine.

    Args:
        store: the scored folder, which all nodes see under the same address.
        left: numbers of tasks that are not done.
        settings: of the processes.
        workers: actors; as many as the cluster has cores (or GPUs, with a ``device`` that is one) for by default.

    Yields:
        One result a task, as they end.

    Raises:
        ConfigError: Ray is not installed, or there is no such cluster.
        ScoringError: a node cannot go on.
    """
    try:
        import ray
        import ray.data
        from ray.exceptions import RayError
    except ImportError as error:
        raise ConfigError("The engine 'ray' needs a further package: pip install 'ray[data]'.") from error
    mine = not ray.is_initialized()
    if mine:
        address = os.environ.get("RAY_ADDRESS")
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if not address else None,
            )
        except (ConnectionError, RayError, ValueError) as error:
            raise ConfigError(f"There is no Ray cluster at '{address}': start one with 'ray start --head'.") from error
    try:
        yield from _run(ray, store, left, settings, workers)
    except RayError as error:
        raise ScoringError(
            f"Ray cannot go on ({str(error).strip().splitlines()[0]}). What is done stays; the same command goes on."
        ) from error
    finally:
        if mine:
            ray.shutdown()


def _run(ray: Any, store: Store, left: set[int], settings: Settings, workers: int | None) -> Iterator[Done]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    on_gpu = settings.device.startswith("cuda") or (settings.device == "auto" and ray.cluster_resources().get("GPU", 0) > 0)
    places = int(ray.cluster_resources().get("GPU" if on_gpu else "CPU", 1)) if workers is None else workers
    count = max(1, min(places, len(left)))
    lines = [line for line in store.lines() if line["number"] in left]
    results = ray.data.from_items(lines, override_num_blocks=min(len(lines), max(count * 4, 200))).map_batches(
        Actor,
        fn_constructor_args=(settings.to_dict(), store.place.address, store.parts.address),
        batch_size=1,
        concurrency=(1, count) if count > 1 else 1,
        num_cpus=1,
        num_gpus=1 if on_gpu else None,
    )
    for row in results.iter_rows():
        said = json.loads(row["said"])
        if "failed" in said:
            raise ScoringError(said["failed"])
        store.computed_by(said["facts"])
        yield Done(number=said["done"], counts=said["counts"])
