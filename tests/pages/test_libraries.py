"""Pages open without the libraries that take longest to import: whoever only looks does not wait for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from emotion_core.results.find import DEFAULT_RUN
from emotion_core.results.run import append_history
from tests import stored
from tests.pages.opening import REPOSITORY
from tests.pages.training.driving import line
from tests.stored import random_predictions, write_run

OPEN = """
import sys
from tests.pages.opening import make_app

def opened(page, forbidden, **query):
    app = make_app(page)
    app.query_params.update(query)
    app.run()
    assert not app.exception, app.exception
    loaded = forbidden & set(sys.modules)
    assert not loaded, (page, loaded)
    return app

# The page that may load least comes first.
networks = {"torch", "timm", "sklearn"}
assert len(opened("training", networks | {"scipy.stats"}, run="trained").get("plotly_chart")) == 4
assert len(opened("compare", networks | {"scipy.stats"}).dataframe[0].value) == 2
assert opened("about", networks).title[0].value == "About"
errors = opened("errors", networks, image="images/3.jpg", baseline=sys.argv[1])
assert len(errors.get("plotly_chart")) == 1
assert len(opened("affect_map", {"torch", "timm"}).get("plotly_chart")) == 5
"""


def test_pages_that_show_results_do_not_load_the_networks_library(checkpoints: Path) -> None:
    second = f"{DEFAULT_RUN.split('/')[0]}/second"
    for seed, name in enumerate((DEFAULT_RUN, second)):
        stored.store(write_run(checkpoints / name), random_predictions(seed), "affectnet-3999")
    trained = write_run(checkpoints / "trained", training={"epochs": 8})
    for epoch in range(1, 5):
        append_history(trained, line(epoch))
    # A process of its own, which nobody has imported anything into.
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", OPEN, second],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
