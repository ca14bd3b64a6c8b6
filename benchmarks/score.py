"""Does scoring many pictures keep the cores busy with the pictures alone, and does its memory stay flat?

Run with ``python -m benchmarks.score --pictures 100000``. The pictures are small portraits in a tar archive, each of one face.
The pure work is the same pictures decoded, searched and read in one process of one thread, without tables and plans.
What the engine reaches of it is pure processor time over the engine's, times the share of time in which its processes had work;
processor time does not depend on what else the machine does. Exits with status 1 where that is less than 90 %, or where memory
grows by more than 10 % from a quarter of the pictures to the end.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from matplotlib.cbook import get_sample_data
from PIL import Image

from emotion_core.results.find import DEFAULT_RUN
from emotion_core.scoring import Settings, score
from emotion_core.scoring.plan import Task, plan
from emotion_core.scoring.pool import Pool, cores
from emotion_core.scoring.sources import Sources
from emotion_core.scoring.worker import FACES, Scorer, one_thread

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def write_pictures(path: Path, number: int, side: int) -> None:
    """A tar archive of portraits of 32 sizes and qualities."""
    contents = []
    with Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)) as portrait:
        for kind in range(32):
            stream = io.BytesIO()
            portrait.resize((side - 16 + kind, side + kind)).save(stream, "JPEG", quality=70 + kind % 20)
            contents.append(stream.getvalue())
    with tarfile.open(path, "w") as archive:
        for each in range(number):
            info = tarfile.TarInfo(f"{each:07d}.jpg")
            info.size = len(contents[each % 32])
            archive.addfile(info, io.BytesIO(contents[each % 32]))


def pure(scorer: Scorer, tasks: Sequence[Task]) -> float:
    """Processor s a picture of decoding, detection and reading."""
    from emotion_core.images import read_image
    from emotion_core.predict import find_faces

    reader, pictures = Sources(), 0
    begun = time.process_time()
    for task in tasks:
        contents = [content for *_, content in reader.items(task) if isinstance(content, bytes)]
        pictures += len(contents)
        crops = [face.crop for photo in find_faces(contents, scorer._detector, read=read_image) for face in photo.faces]
        scorer.predictor.read(crops, batch_size=FACES)
    seconds = time.process_time() - begun
    reader.close()
    return seconds / pictures


def used(pid: int) -> tuple[float, float]:
    """Processor s and resident MB of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * PAGE / 1e6


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.score", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=10_000, help="(default %(default)s)")
    parser.add_argument("--side", type=int, default=192, help="of the pictures, px (default %(default)s)")
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--run", default=DEFAULT_RUN)
    arguments = parser.parse_args(argv)
    pools: list[Pool] = []
    marks: list[tuple[int, float, list[float]]] = []
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "pictures.tar"
        write_pictures(archive, arguments.pictures, arguments.side)
        settings = Settings(run=arguments.run, device="cpu")

        def progress(done: int, total: int) -> None:
            if pools and (not marks or done >= marks[-1][0] + total / 20):
                each = [used(pid) for pid in (os.getpid(), *pools[0].pids)]
                marks.append((done, sum(cpu for cpu, _ in each), [size for _, size in each]))

        scored = score(
            [str(archive)], f"{folder}/out", settings, workers=arguments.workers, progress=progress, started=pools.append
        )
        one_thread()
        tasks = list(plan([str(archive)]))[:4]
        scorer = Scorer(settings)
        pure(scorer, tasks[:1])
        alone = min(pure(scorer, tasks) for _ in range(2))
    first, last = marks[max(1, len(marks) // 4)], marks[-1]
    engine = (last[1] - first[1]) / (last[0] - first[0])
    share = alone / engine * (1 - scored.idle)
    print(f"{scored.faces:,} faces in {scored.pictures:,} pictures, {arguments.workers} processes, {scored.seconds:.0f} s")
    print(
        f"processor time a picture: {1000 * alone:.2f} ms pure, {1000 * engine:.2f} ms engine; processes idle {scored.idle:.1%}"
    )
    print(f"reached of what the pure work allows: {share:.1%}")
    print("MB resident (command, processes), by pictures done:")
    for done, _, sizes in [*marks[:: max(1, len(marks) // 8)], last]:
        print(f"{done:>10,}  " + "  ".join(f"{size:7.1f}" for size in sizes))
    grown = max(end / start for start, end in zip(first[2], last[2], strict=True)) - 1
    print(f"memory grows by {grown:+.1%} from a quarter of the pictures to the end")
    return int(share < 0.9 or grown > 0.1)


if __name__ == "__main__":
    sys.exit(main())
