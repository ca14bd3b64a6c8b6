"""``export``: a trained network for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from emotion_core.cli.options import AddCommand
from emotion_core.results.find import find_run

EPILOG = """\
The folder holds the network's graph, preprocess.json (size, mean, std, crop, classes, temperature and prior), the detector,
the run's card, SHA256SUMS, and example.py, which reads a photo and needs nothing of ours.

  python -m emotion_core export joint/custom_cnn --to onnx --out exported
  python exported/example.py photo.jpg overlay.png
  python -m emotion_core export joint/custom_cnn --to huggingface --out model && hf upload OWNER/NAME model

MLflow gets the run with its parameters, measures with their intervals, history and files, in a folder or at an address. A run
that is there already and has not changed is not written again.

  python -m emotion_core export joint/custom_cnn --to mlflow --out mlflow && mlflow ui --backend-store-uri sqlite:///mlflow/mlflow.db
  python -m emotion_core export joint/custom_cnn --to mlflow --out http://localhost:5000
"""


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    export = command("export", _export, "write a trained network for other programs: ONNX, OpenVINO, Hugging Face, MLflow")
    export.epilog = EPILOG
    export.add_argument("run", metavar="RUN", help="run folder, or name of a run")
    export.add_argument(
        "--to",
        required=True,
        choices=("onnx", "openvino", "huggingface", "mlflow"),
        help="what for; huggingface and mlflow get the weights too",
    )
    export.add_argument(
        "--out", required=True, metavar="DIR", help="folder that is made; for mlflow, also one that is there, or a tracking URI"
    )


def _export(arguments: argparse.Namespace) -> int:
    from emotion_core.exporting import export_run, export_to_mlflow

    run = find_run(arguments.run)
    if arguments.to == "mlflow":
        print(f"{run.name}: MLflow run {export_to_mlflow(run, arguments.out)} in {arguments.out}")
        return 0
    for path in export_run(run, arguments.to, Path(arguments.out)):
        print(f"{path} ({path.stat().st_size:,} bytes)")
    return 0
