"""The command line: every use case of the library, one command each."""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from emotion_core import __version__
from emotion_core.cli import (
    app,
    audit,
    compare,
    ensemble,
    evaluate,
    explain,
    exporting,
    feature_map,
    importing,
    predict,
    profile,
    remeasure,
    reviews,
    runs,
    score,
    slices,
    soup,
    train,
)
from emotion_core.errors import EmotionCoreError

COMMANDS = (
    predict, score, train, evaluate, remeasure, ensemble, soup, importing, exporting,
    compare, profile, explain, feature_map, slices, audit, reviews, runs, app,
)  # fmt: skip
"""Modules with commands, in the order of ``--help``."""

COMMAND = "emotion-core"
"""What an installed package adds to the shell."""
DESCRIPTION = "Train, judge and explain networks that read emotion from faces."
EPILOG = """\
first steps:
  python -m emotion_core predict photo.jpg
      find each face; print its expression, valence and arousal
  python -m emotion_core predict *.jpg --json --cam overlays/ > faces.jsonl
      one JSON object a line, and a Grad-CAM overlay for each of the ten outputs of each face
  python -m emotion_core train --preset quickstart
      a small network on drawn faces: no data needed, two minutes
  python -m emotion_core train --preset pretrain-ferplus --data-root DIR --out my-ferplus
  python -m emotion_core train --preset best --data-root DIR --init my-ferplus --out mine
      train; the same command again goes on where it was interrupted
  python -m emotion_core evaluate mine --dataset affectnet-3999 --data-root DIR --split test
      measure a run on the test images and store the result with it

environment:
  EMOTION_DATA          folder that holds the datasets; the default of --data-root
  EMOTION_CHECKPOINTS   folders that hold runs, separated as in PATH: new runs go into the first, shipped ones stay behind them
  EMOTION_SCORES        folder of scored tables that the app shows; scores/ by default
  EMOTION_SHIPPED_RUNS  'hide' leaves the shipped runs out where EMOTION_CHECKPOINTS names a folder
  EMOTION_REVIEWS_URL   database of reviews: postgresql://user:password@host/name; a file beside the runs by default
  EMOTION_RUNTIME       what --runtime auto means: torch, onnxruntime or openvino
  EMOTION_CACHE         folder for exported graphs of networks; they are made again where it is emptied
  EMOTION_FACE_MODEL    another YuNet file, or haar for OpenCV's Haar cascade

`python -m emotion_core COMMAND --help` explains a command. `emotion-core`, which an installed package adds, is the same.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments; those of the process by default.

    Returns:
        Exit status: 0 when all went well, 1 when something failed, 2 when the command was not understood.
    """
    for stream in (sys.stdout, sys.stderr):
        # A file name may hold what a terminal's encoding has no letter for: it is escaped rather than the end of the command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for chatty in ("accelerate", "httpx", "PIL", "timm"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    # It has a handler and a level of its own, made when it is imported.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    try:
        status: int = arguments.handler(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has enough, as in 'runs | head'. What is left in the buffer must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
    except EmotionCoreError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    prog = COMMAND if Path(sys.argv[0]).stem == COMMAND else "python -m emotion_core"
    parser = argparse.ArgumentParser(prog=prog, description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"emotion_core {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, handler: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", formatter_class=raw)
        added.set_defaults(handler=handler)
        return added

    for module in COMMANDS:
        module.add(command)
    return parser
