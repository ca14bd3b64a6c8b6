"""Runs in the environment of the others' packages, without ours: one network over a list of pictures.

``python in_python.py fer|facex found|whole PICTURES.txt OUT.csv``. ``found`` reads the largest face that the package's own
detector finds, and the whole picture where it finds none; ``whole`` takes every picture for the face.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")


def _fer(whole: bool) -> Callable[[str], dict[str, float]]:
    import cv2
    from fer.fer import FER

    network = FER()

    def read(path: str) -> dict[str, float]:
        picture = cv2.imread(path)
        faces = [] if whole else network.detect_emotions(picture)
        if not faces:
            height, width = picture.shape[:2]
            faces = network.detect_emotions(picture, [(0, 0, width, height)])
        return max(faces, key=lambda face: face["box"][2] * face["box"][3])["emotions"]

    return read


def _facex(whole: bool) -> Callable[[str], dict[str, float]]:
    import cv2
    import facex

    network = facex.EmotionClassifier(str(Path(facex.__file__).parent / "assets" / "model_optimized.tflite"))

    def read(path: str) -> dict[str, float]:
        picture = cv2.imread(path)
        faces = [] if whole else network.predict(picture)
        if faces:
            return max(faces, key=lambda face: face["bbox"][2] * face["bbox"][3])["emot"]
        return network.detect_emotion(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))

    return read


def main(name: str, mode: str, pictures: str, out: str) -> None:
    """Write a row a picture: ``image`` and the package's own names of the expressions."""
    read = {"fer": _fer, "facex": _facex}[name](mode == "whole")
    with Path(out).open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for path in Path(pictures).read_text(encoding="utf-8").splitlines():
            scores = {label: float(score) for label, score in read(path).items()}
            if writer is None:
                writer = csv.DictWriter(file, ["image", *scores])
                writer.writeheader()
            writer.writerow({"image": path, **scores})


if __name__ == "__main__":
    main(*sys.argv[1:])
