"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from typing import Protocol

from emotion_core.data.datasets import DATASETS
from emotion_core.data.plain_csv import COLUMNS
from emotion_core.errors import ConfigError


class AddCommand(Protocol):
    """Registers one command and hands out its parser."""

    def __call__(self, name: str, handler: object, text: str) -> argparse.ArgumentParser:
        """``handler`` takes the parsed arguments and returns the exit status; ``text`` says in a line what the command does."""
        ...


def device_option(command: argparse.ArgumentParser) -> None:
    """``--device``."""
    command.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu, cuda, cuda:0, mps")


def runtime_option(command: argparse.ArgumentParser) -> None:
    """``--runtime``."""
    command.add_argument(
        "--runtime",
        default="auto",
        choices=("auto", "torch", "onnxruntime", "openvino"),
        help="what computes the network: torch, or its exported graph in onnxruntime or openvino, which are faster on CPUs; "
        "auto (the default) is torch for a few faces and on a GPU, else onnxruntime",
    )


def prior_option(command: argparse.ArgumentParser, default: str) -> None:
    """``--prior``; ``default`` says in words what counts without it."""
    command.add_argument(
        "--prior",
        metavar="MIX",
        help="how frequent each expression is expected to be: balanced, everyday (FER+'s training votes), trained (as it was "
        "in training), estimate (from the pictures at hand), eight numbers as neutral=0.4,happiness=0.3,…, or a TOML or JSON "
        f"file with them (default: {default})",
    )


def out_option(command: argparse.ArgumentParser, default: str | None = None) -> None:
    """``--out``, the run that is made; required without a ``default``."""
    text = "name of the new run (RUN, or EXPERIMENT/RUN of an experiment there is), or its folder"
    command.add_argument(
        "--out", required=default is None, metavar="NAME", help=text + (f" (default: {default})" if default else "")
    )


def data_options(command: argparse.ArgumentParser) -> None:
    """``--data-root`` and ``--skip-broken``."""
    command.add_argument("--data-root", metavar="DIR", help="folder that holds the datasets (default: EMOTION_DATA)")
    command.add_argument("--skip-broken", action="store_true", help="leave broken samples out instead of refusing them")


def dataset_help() -> str:
    """Names of the datasets there are."""
    return (
        f"{', '.join(DATASETS)}, or a CSV file with the columns {', '.join(COLUMNS)}, or a ZIP archive with such a labels.csv"
    )


def named_data_root(arguments: argparse.Namespace) -> str | None:
    """The folder that holds the datasets, if one is named: drawn faces and files do without."""
    return arguments.data_root or os.environ.get("EMOTION_DATA") or None


def data_root(arguments: argparse.Namespace) -> str:
    """The folder that holds the datasets.

    Raises:
        ConfigError: neither the option nor the environment names one.
    """
    root = named_data_root(arguments)
    if root is None:
        raise ConfigError("Where are the datasets? Pass their folder with --data-root, or set EMOTION_DATA.")
    return root
