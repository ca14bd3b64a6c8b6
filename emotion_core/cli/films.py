"""What ``predict`` prints of a film: a line a frame that is read."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tqdm import tqdm

from emotion_core.cli.predict import Overlays, describe
from emotion_core.errors import ConfigError, FilmError
from emotion_core.faces import load_detector
from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.films.annotate import annotate
from emotion_core.films.gaps import Gaps, clock
from emotion_core.films.opening import MAX_RATE, open_film
from emotion_core.films.reading import FilmFrame, read_film
from emotion_core.films.table import FilmLog, smooth_table
from emotion_core.results.files import strict_json
from emotion_core.texts import printable

if TYPE_CHECKING:
    from emotion_core.predict import Predictor


def check_annotated(out: Path | None, films: Sequence[str], *, photos: bool) -> None:
    """Raise :class:`ConfigError` where ``--annotated`` cannot mean one film, or would replace it."""
    if out is None:
        return
    if len(films) != 1 or photos:
        raise ConfigError("--annotated draws on one film: name one film and nothing else.")
    if out.suffix.lower() != ".mp4":
        raise ConfigError(f"--annotated writes MP4: let the name end with .mp4, not '{out.name}'.")
    if out.exists() and os.path.exists(films[0]) and out.samefile(films[0]):
        raise ConfigError(f"--annotated would replace the film itself: choose another name than '{out}'.")


def read_to_lines(path: str, predictor: Predictor, arguments: argparse.Namespace, overlays: Overlays | None) -> bool:
    """Read a film and print a line a frame, as soon as it is read.

    Args:
        path: of the film.
        predictor: reads its faces.
        arguments: of the command.
        overlays: writes overlays, where they are asked for.

    Returns:
        Whether it went well. Frames before the one where it failed are printed.
    """
    name = printable(path)
    gaps, log = Gaps(), FilmLog()
    try:
        with open_film(path, rate=arguments.rate) as film, _bar(film.info.seconds) as bar:
            for frame in read_film(
                predictor, film, load_detector(), name=path, whole=arguments.whole_image, flip=arguments.flip
            ):
                record = frame.to_dict()
                if overlays is not None:
                    overlays.write(frame.prediction, record, f"{os.path.basename(path)}-{frame.number:06d}.jpg")
                print(strict_json(record) if arguments.json else _lines(name, frame), flush=True)
                gaps.update(frame)
                if arguments.annotated is not None:
                    log.add(frame)
                bar.update(min(frame.time, bar.total or frame.time) - bar.n)
            for note in (*film.notes(), *gaps.notes()):
                print(f"{name}: {note}", file=sys.stderr)
        if arguments.annotated is not None:
            _annotate(path, log, predictor, arguments)
    except FilmError as error:
        print(strict_json({"image": path, "error": str(error)}) if arguments.json else f"{name}: {printable(str(error))}")
        return False
    return True


def _annotate(path: str, log: FilmLog, predictor: Predictor, arguments: argparse.Namespace) -> None:
    """Go through the film once more and draw; what is shown is smoothed with past and future alike."""
    out: Path = arguments.annotated
    temporary = out.with_name(out.name + ".tmp")
    try:
        with open_film(path, rate=MAX_RATE) as film, _bar(film.info.seconds) as bar, temporary.open("wb+") as file:
            times = annotate(
                film,
                smooth_table(log.table()),
                file,
                step=1 / arguments.rate,
                fps=min(film.info.rate or 25.0, MAX_RATE),
                colours=EXPRESSION_COLOURS,
                predictor=None if arguments.heat_map == "none" else predictor,
                output=arguments.heat_map,
                flip=arguments.flip,
            )
            for time in times:
                bar.update(min(time, bar.total or time) - bar.n)
        os.replace(temporary, out)
    except OSError as error:
        raise ConfigError(f"'{out}' cannot be written ({error.strerror or error}).") from error
    finally:
        temporary.unlink(missing_ok=True)
    print(f"{printable(path)}: with its faces drawn in, at {printable(str(out))}", file=sys.stderr)


def _lines(name: str, frame: FilmFrame) -> str:
    record = frame.to_dict()
    at = f"{name} {clock(frame.time)}"
    if not record["faces"]:
        return f"{at}: no face found by {record['detector']}"
    lines = describe(frame.prediction, record, at).splitlines()
    faces = [
        f"{line}; track {track}" + (f", over time {smoothed.expression}" if smoothed.expression else "")
        for line, track, smoothed in zip(lines, frame.tracks, frame.smoothed, strict=False)
    ]
    return "\n".join([*faces, *lines[len(faces) :]])


def _bar(seconds: float | None) -> tqdm[NoReturn]:
    # As for photos: where results go to a file and somebody waits.
    hidden = sys.stdout.isatty() or not sys.stderr.isatty()
    form = "{l_bar}{bar}| {n:.0f}/{total:.0f} s [{elapsed}<{remaining}]" if seconds else None
    return tqdm(total=seconds, unit="s", disable=hidden, bar_format=form)
