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
"""


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    export = command("export", _export, "write a trained network for other programs: ONNX, OpenVINO, Hugging Face")
    export.epilog = EPILOG
    export.add_argument("run", metavar="RUN", help="run folder, or name of a run")
    export.add_argument(
        "--to", required=True, choices=("onnx", "openvino", "huggingface"), help="what for; huggingface has the weights too"
    )
    export.add_argument("--out", required=True, metavar="DIR", type=Path, help="folder that is made")


def _export(arguments: argparse.Namespace) -> int:
    from emotion_core.exporting import export_run

    for path in export_run(find_run(arguments.run), arguments.to, arguments.out):
        print(f"{path} ({path.stat().st_size:,} bytes)")
    return 0
