"""How quickly does Errors open on a large evaluation, and does looking at many images cost memory?

Run with ``python -m benchmarks.errors``. Makes two runs with 40,000 predictions each and 5,000 noise pictures in a temporary
folder, then opens the page (``app.py`` with AppTest) in fresh processes: once for the times, once for many views that each show
other images: another page of the gallery, another order, another row of the matrix, another open image.

Prints wall time and processor time; the targets are for an idle core, so processor time is held against them. Memory is what
the process holds after a third of the views, two thirds and all of them. Exits with status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.pages import Watch, fresh, open_page, print_header, print_times
from benchmarks.store import random_predictions

NAME = "benchmarks.errors"
TARGETS = {"page, cold": 1.5, "page, warm": 0.3, "click on a cell": 0.5, "an image opens": 0.5}
GROWTH = 40
"""MiB that views may add once caches are full; one table takes 13."""
VIEWS = 500


def write_runs(folder: Path, images: int, pictures: int) -> None:
    """Two runs without weights, and pictures for the first images by name."""
    from PIL import Image

    from emotion_core.metrics.summary import summarize
    from emotion_core.results.find import DEFAULT_RUN
    from emotion_core.results.run import RunInfo, write_evaluation, write_info

    experiment = (folder / "checkpoints" / DEFAULT_RUN).parent
    experiment.mkdir(parents=True)
    (experiment / "experiment.toml").write_text('title = "Benchmark"\n')
    for number, name in enumerate((DEFAULT_RUN, "second")):
        table = random_predictions(images, 1.2 + 0.2 * number, number)
        path = folder / "checkpoints" / name
        write_info(path, RunInfo(network={"backbone": "resnet50", "input_size": 112}, finished=True))
        measures = {key: {"value": value, "low": value, "high": value} for key, value in summarize(table).items()}
        metrics = {"dataset": "noise", "split": "test", "images": images, "fingerprint": "f", "measures": measures}
        write_evaluation(path, "noise", "test", metrics, table)
    (folder / "data" / "noise" / "images").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for number in range(pictures):
        stream = io.BytesIO()
        Image.fromarray(generator.integers(0, 256, (112, 112, 3), dtype=np.uint8)).save(stream, format="JPEG")
        (folder / "data" / "noise" / "images" / f"{number:06}.jpg").write_bytes(stream.getvalue())


def measure_times() -> dict[str, object]:
    """What a visitor waits for."""
    watch = Watch()
    app = open_page("errors")
    watch.note("Streamlit, before the page")
    app.run()
    watch.note("page, cold")
    app.run()
    watch.note("page, warm")
    for true, said in (("fear", "surprise"), ("anger", "disgust")):
        app.multiselect(key="true").set_value([true])
        app.multiselect(key="said").set_value([said])
        watch.restart()
        app.run()
    watch.note("click on a cell")
    app.query_params["image"] = "images/000001.jpg"
    app.run()
    watch.note("an image opens")
    app.query_params["image"] = ""
    app.selectbox(key="address-second-baseline").select("second")
    watch.restart()
    app.run()
    watch.note("a second run, first time")
    assert not app.exception
    assert not {"torch", "sklearn"} & set(sys.modules)
    return {"times": watch.times}


def measure_views(views: int) -> dict[str, object]:
    """Memory over many views."""
    from emotion_core.inspection.sorting import ORDERS
    from emotion_core.labels import EXPRESSIONS

    app = open_page("errors")
    app.run()
    orders = [name for name in ORDERS if name not in ("disagreement", "name")]
    held: dict[int, float] = {}
    app.segmented_control(key="outcome").select("all")
    app.selectbox(key="sort").select("name")
    app.run()
    for view in range(1, views + 1):
        # The same visitor throughout; what is shown is another each time.
        app.query_params["image"] = f"images/{view:06}.jpg"
        app.selectbox(key="sort").select(orders[view % len(orders)] if view % 2 else "name")
        app.session_state["page"] = 1 + view % 200
        if view % 5 == 0:
            app.multiselect(key="true").set_value([EXPRESSIONS[view // 5 % 8]])
        elif view % 5 == 2:
            app.multiselect(key="true").set_value([])
        app.run()
        assert not app.exception, app.exception[0].message
        if view in (max(1, views // 3), 2 * views // 3, views):
            gc.collect()
            held[view] = resident()
    return {"held": held}


def resident() -> float:
    """Memory of this process, MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("This system does not say how much memory a process holds.")


def main() -> int:
    """Make the runs, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=40_000)
    parser.add_argument("--views", type=int, default=VIEWS)
    parser.add_argument("--part", choices=("times", "views"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(measure_times() if arguments.part == "times" else measure_views(arguments.views)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment = {
            "EMOTION_CHECKPOINTS": str(folder / "checkpoints"),
            "EMOTION_SHIPPED_RUNS": "hide",
            "EMOTION_DATA": str(folder / "data"),
        }
        write_runs(folder, arguments.images, pictures=min(arguments.images, 5_000))
        fresh(NAME, "times", environment)  # once for the disk and for compiled modules
        print_header()
        missed = print_times(fresh(NAME, "times", environment)["times"], TARGETS)
        views = fresh(NAME, "views", environment, "--views", str(arguments.views))["held"]
        held = {int(view): mib for view, mib in views.items()}
        for view, mib in held.items():
            print(f"{f'memory after {view} views':<28}{mib:8.0f} MiB")
        first, last = held[min(held)], held[max(held)]
        missed |= last - first > GROWTH
        print(f"{'growth':<28}{last - first:+8.1f} MiB{'':>4}{GROWTH:8}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
