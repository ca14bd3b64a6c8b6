"""``score``: many pictures into a table."""

from __future__ import annotations

import argparse
import sys

from emotion_core.cli.options import AddCommand, device_option, prior_option, runtime_option
from emotion_core.films.decode import RATE
from emotion_core.metrics.conformal import COVERAGE
from emotion_core.results.find import DEFAULT_RUN
from emotion_core.texts import printable


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    score = command("score", _score, "read the faces of any number of pictures into a table; the same command goes on")
    score.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="folders, patterns in quotes ('photos/**/*.jpg'), ZIP and tar archives, Parquet files with pictures or "
        "their paths, films; also s3://bucket/path",
    )
    score.add_argument("--out", required=True, metavar="DIR", help="folder for the table, or s3://bucket/path")
    score.add_argument("--run", default=DEFAULT_RUN, help="run folder, or name of a run (default: %(default)s)")
    score.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    score.add_argument("--maps", action="store_true", help="keep the heat maps of all outputs too")
    score.add_argument("--image-column", metavar="NAME", help="column of Parquet files with pictures or their paths")
    score.add_argument(
        "--rate",
        type=float,
        default=RATE,
        metavar="FPS",
        help=f"frames of a film that are read each second (default: {RATE:g})",
    )
    score.add_argument(
        "--whole-image",
        choices=("never", "fallback", "always"),
        default="never",
        help="take the whole picture as one face: never, where no face is found, or without looking (face crops)",
    )
    score.add_argument("--flip", action="store_true", help="flip test-time augmentation, in twice the time")
    prior_option(score, "everyday")
    score.add_argument("--coverage", type=float, default=COVERAGE, metavar="RATE", help="of sets of expressions (default: 0.9)")
    device_option(score)
    runtime_option(score)


def _score(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from emotion_core.scoring import Settings, score

    settings = Settings(
        run=arguments.run,
        device=arguments.device,
        runtime=arguments.runtime,
        prior=arguments.prior or "everyday",
        coverage=arguments.coverage,
        flip=arguments.flip,
        whole=arguments.whole_image,
        maps=arguments.maps,
        rate=arguments.rate,
    )
    where = printable(arguments.out)
    with tqdm(unit="picture", smoothing=0.05, disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            if bar.total is None:
                # What was done before says nothing of the rate.
                bar.total, bar.initial, bar.n = total, done, done
                if done:
                    print(f"{done:,} of {total:,} pictures were done before; the list is the one made then.", file=sys.stderr)
            bar.n = max(bar.n, done)
            bar.update(0)

        try:
            scored = score(
                arguments.sources,
                arguments.out,
                settings,
                workers=arguments.workers,
                column=arguments.image_column,
                progress=progress,
            )
        except KeyboardInterrupt:
            print(f"Stopped; what is done stays in {where}, and the same command goes on.", file=sys.stderr)
            raise
    rate = (scored.pictures - scored.before) / max(scored.seconds, 1e-9)
    print(f"{scored.faces:,} faces in {scored.pictures:,} pictures, {scored.unread:,} could not be read: {where}/table")
    print(f"{scored.seconds:,.1f} s, {rate:,.1f} pictures a second.", file=sys.stderr)
    return 0
