"""Runs in the environment of the others' packages, without ours: ``fer``'s video mode over a film.

``python film_in_python.py FILM`` prints frames, seconds, and seconds of processor time, without loading the network.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import time

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")


def main(film: str) -> None:
    """Every frame, one expression a face, nothing drawn."""
    import cv2
    from fer.classes import Video
    from fer.fer import FER

    network = FER()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        video = Video(film, outdir=folder)
        frames = int(video.cap.get(cv2.CAP_PROP_FRAME_COUNT))
        started, used = time.perf_counter(), time.process_time()
        video.analyze(network, display=False, save_frames=False, save_video=False, annotate_frames=False, zip_images=False)
        took, spent = time.perf_counter() - started, time.process_time() - used
    print(frames, took, spent)


if __name__ == "__main__":
    main(sys.argv[1])
