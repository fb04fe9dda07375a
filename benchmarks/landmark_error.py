"""Landmark error on faces with human landmarks: dlib alone against the chain, and where found points lie on average.

    python benchmarks/landmark_error.py FOLDER

FOLDER holds images with a ``.pts`` of the same name (300-W and its parts). The error of a face is the mean distance of
its 68 points from the human ones, divided by the distance between the outer corners of the eyes. Where an image has
several faces, the one that overlaps the box about the human points counts, as if the data set had given that box; a
face that is not found, or whose box does not touch it, is a miss and no part of the mean.

The second table has the mean signed offset of found points from human ones in percent of the same distance, x to the
image's right and y down, with its standard error over faces. It is the landmarker's own: no mask is read here.
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

GROUPS = {
    "jaw": range(17),
    "eyebrows": range(17, 27),
    "nose bridge": range(27, 31),
    "nostrils": range(31, 36),
    "eyes": range(36, 48),
    "upper lids": (37, 38, 43, 44),
    "lower lids": (40, 41, 46, 47),
    "eye corners": (36, 39, 42, 45),
    "mouth": range(48, 68),
}
SUFFIXES = (".jpg", ".jpeg", ".png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--predictor", help="a dlib shape predictor of 68 points")
    parser.add_argument("--chains", nargs="+", default=["dlib", "mtcnn", "dlib,mtcnn"], help="what to compare")
    arguments = parser.parse_args()

    images = sorted(file for file in arguments.folder.iterdir() if file.suffix.lower() in SUFFIXES)
    imported = read_imports([arguments.folder], [file.name for file in images])
    images = [file for file, found in zip(images, imported.found, strict=True) if found]
    human = imported.landmarks[imported.found].astype(np.float64)

    distance = IBUG68.inter_ocular_distance(human)[:, None, None] / 100
    offsets = {}
    print(f"{'detectors':<14}{'source':<10}{'faces':>6}{'misses':>8}{'NME %':>8}{'median':>8}{'> 10 %':>8}")
    for names in arguments.chains:
        found = find_landmarks(images, human, ChainOptions(tuple(names.split(",")), arguments.predictor))
        offsets[names] = (found - human) / distance
        errors = np.linalg.norm(offsets[names], axis=2).mean(axis=1)
        groups = defaultdict(list)
        for file, error in zip(images, errors, strict=True):
            groups[file.name.split("_")[0]].append(error)
        for source, group in [*sorted(groups.items()), ("all", errors)]:
            values = np.array(group)
            hit = values[np.isfinite(values)]
            figures = f"{hit.mean():>8.2f}{np.median(hit):>8.2f}{(hit > 10).sum():>8}" if len(hit) else ""
            print(f"{names:<14}{source:<10}{len(values):>6}{np.isnan(values).sum():>8}{figures}")

    print(f"\n{'detectors':<14}{'points':<16}{'x %':>8}{'+-':>6}{'y %':>8}{'+-':>6}")
    for names, of_faces in offsets.items():
        hit = of_faces[np.isfinite(of_faces).all(axis=(1, 2))]
        for group, points in (*GROUPS.items(), ("all", range(68))):
            of_group = hit[:, list(points)].mean(axis=1)
            mean, error = of_group.mean(axis=0), of_group.std(axis=0, ddof=1) / np.sqrt(len(hit))
            print(f"{names:<14}{group:<16}" + "".join(f"{m:>+8.2f}{e:>6.2f}" for m, e in zip(mean, error, strict=True)))


def find_landmarks(images: list[Path], human: np.ndarray, options: ChainOptions) -> np.ndarray:
    """Return the landmarks of each image, (N, 68, 2) x and y in pixels; nan where the face was missed."""
    chain = load_chain(options)
    found = np.full(human.shape, np.nan)
    for i, file in enumerate(images):
        low, high = human[i].min(axis=0), human[i].max(axis=0)
        landmarks = chain.find(read_image(file), np.concatenate([low, high - low])).landmarks
        if landmarks is not None:
            found[i] = landmarks
    return found


if __name__ == "__main__":
    main()
