"""Landmark error on faces with human landmarks: dlib alone against the chain.

    python benchmarks/landmark_error.py FOLDER

FOLDER holds images with a ``.pts`` of the same name (300-W and its parts). The error of a face is the mean distance of
its 68 points from the human ones, divided by the distance between the outer corners of the eyes. Where an image has
several faces, the one that overlaps the box about the human points counts, as if the data set had given that box; a
face that is not found, or whose box does not touch it, is a miss and no part of the mean.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from wsegs.io.images import read_image
from wsegs.landmarks.chain import ChainOptions, load_chain
from wsegs.landmarks.imports import read_imports
from wsegs.schemes import IBUG68

SUFFIXES = (".jpg", ".jpeg", ".png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--predictor", help="a dlib shape predictor of 68 points")
    parser.add_argument("--chains", nargs="+", default=["dlib", "mtcnn", "dlib,mtcnn"], help="what to compare")
    arguments = parser.parse_args()

    images = sorted(file for file in arguments.folder.iterdir() if file.suffix.lower() in SUFFIXES)
    truth = read_imports([arguments.folder], [file.name for file in images])
    images = [file for file, found in zip(images, truth.found, strict=True) if found]
    human = truth.landmarks[truth.found].astype(np.float64)

    print(f"{'detectors':<14}{'source':<10}{'faces':>6}{'misses':>8}{'NME %':>8}{'median':>8}{'> 10 %':>8}")
    for names in arguments.chains:
        errors = errors_of(images, human, ChainOptions(tuple(names.split(",")), arguments.predictor))
        groups = defaultdict(list)
        for file, error in zip(images, errors, strict=True):
            groups[file.name.split("_")[0]].append(error)
        for source, group in [*sorted(groups.items()), ("all", errors)]:
            values = np.array(group)
            hit = values[np.isfinite(values)]
            figures = f"{hit.mean():>8.2f}{np.median(hit):>8.2f}{(hit > 10).sum():>8}" if len(hit) else ""
            print(f"{names:<14}{source:<10}{len(values):>6}{np.isnan(values).sum():>8}{figures}")


def errors_of(images: list[Path], human: np.ndarray, options: ChainOptions) -> np.ndarray:
    """Return the error of each image in percent of the inter-ocular distance; nan where the face was missed."""
    chain = load_chain(options)
    distance = IBUG68.inter_ocular_distance(human)
    errors = np.full(len(images), np.nan)
    for i, file in enumerate(images):
        low, high = human[i].min(axis=0), human[i].max(axis=0)
        landmarks = chain.find(read_image(file), np.concatenate([low, high - low])).landmarks
        if landmarks is not None:
            errors[i] = 100 * np.linalg.norm(landmarks - human[i], axis=1).mean() / distance[i]
    return errors


if __name__ == "__main__":
    main()
