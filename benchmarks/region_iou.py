"""Regions of rule files against human parsing masks: intersection over union, side by side.

    python benchmarks/region_iou.py FOLDER [--rules attparsenet-2020 celeba] [--half first|second|all]

FOLDER holds ``images/NAME.jpg`` and ``masks/NAME.png`` in the layout of CelebAMask-HQ merged to one palette picture a
face (0 background, 1 skin, 2 nose, ..., 18 cloth). Images and masks are scaled to 218x218, landmarks come from dlib
(upsampled once where nothing was found). A region counts on the images where its human class has ten pixels or more;
left and right are one class. ``--turn`` and ``--scale`` move images' masks and landmarks alike, to see whether rules
survive a tilted or another face size. The shipped rules/celeba.yaml was fitted on the half called first.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from wsegs.landmarks.chain import landmarks_of_image
from wsegs.rules import RuleSet, load_rules

SIZE = 218
LEAST_PIXELS = 10
UNKNOWN = 255  # the class of pixels outside of a turned photo: they count for nobody
HUMAN_CLASSES = {
    "eyes": (4, 5),
    "eyebrows": (6, 7),
    "nose": (2,),
    "mouth": (10, 11, 12),
    "ears": (8, 9),
    "top_of_head": (13, 14),
    "below_chin": (17,),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rules", nargs="+", default=["attparsenet-2020", "celeba"], help="names or paths")
    parser.add_argument("--half", choices=["first", "second", "all"], default="all")
    parser.add_argument("--turn", type=float, default=0.0, help="degrees")
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()

    rule_files = [load_rules(name) for name in arguments.rules]
    images = sorted((arguments.folder / "images").glob("*.jpg"))
    images = [image for image in images if arguments.half in ("all", half_of(image.name))]
    sources, landmarks = read_faces(images, arguments.folder / "masks")
    masks, landmarks, size = moved(sources, landmarks, arguments.turn, arguments.scale)

    found = np.isfinite(landmarks).all(axis=(1, 2))
    print(f"{len(images)} images ({arguments.half}), {found.sum()} with a face, {size[0]}x{size[1]}")
    print(f"{'region':<14}{'images':>8}" + "".join(f"{rules.name:>20}" for rules in rule_files))
    scores = [region_scores(rules, masks[found], landmarks[found], size) for rules in rule_files]
    for region in HUMAN_CLASSES:
        columns = [score[region] for score in scores]
        means = "".join(f"{np.nanmean(column):>20.3f}" for column in columns)
        print(f"{region:<14}{np.isfinite(columns[0]).sum():>8}{means}")
    means = [np.mean([np.nanmean(column) for column in score.values()]) for score in scores]
    print(f"{'mean':<22}" + "".join(f"{mean:>20.3f}" for mean in means))


def half_of(name: str) -> str:
    """Return the half to which an image belongs, by a hash of its name."""
    return ("first", "second")[int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2]


def read_faces(images: list[Path], mask_folder: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Return class numbers in the masks' own size, and landmarks (N, 68, 2) in 218x218; nan where no face was found."""
    masks = []
    landmarks = np.full((len(images), 68, 2), np.nan)
    for i, path in enumerate(tqdm(images, unit="face", disable=None)):
        image = cv2.imread(str(path))
        if image is None:
            raise SystemExit(f"{path}: not an image")
        masks.append(read_palette(mask_folder / f"{path.stem}.png"))
        small = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)[:, :, ::-1]
        face = landmarks_of_image(np.ascontiguousarray(small), ("dlib",))
        if face.landmarks is not None:
            landmarks[i] = face.landmarks
    return masks, landmarks


def read_palette(path: Path) -> np.ndarray:
    """Return the class numbers of a palette picture, (H, W) uint8, which OpenCV would turn into colours."""
    with Image.open(path) as picture:
        return np.array(picture)


def moved(
    masks: list[np.ndarray], landmarks: np.ndarray, turn: float, scale: float
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Turn and scale masks and landmarks alike about the centre, in a frame that grows with them.

    Each mask is sampled once, from its own size. What lies outside of the photo is ``UNKNOWN``.
    """
    side = max(1, round(SIZE * scale))
    matrix = cv2.getRotationMatrix2D(((SIZE - 1) / 2, (SIZE - 1) / 2), turn, scale)
    matrix[:, 2] += (side - SIZE) / 2
    warped = np.empty((len(masks), side, side), np.uint8)
    for i, mask in enumerate(masks):
        # Unmoved, this samples the pixels that cv2.resize takes with INTER_NEAREST.
        factor = SIZE / mask.shape[0]
        whole = matrix @ np.array([[factor, 0, factor / 2], [0, factor, factor / 2], [0, 0, 1]])
        options = {"flags": cv2.INTER_NEAREST, "borderMode": cv2.BORDER_CONSTANT, "borderValue": (UNKNOWN,)}
        warped[i] = cv2.warpAffine(mask, whole, (side, side), **options)
    return warped, landmarks @ matrix[:, :2].T + matrix[:, 2], (side, side)


def region_scores(
    rules: RuleSet, masks: np.ndarray, landmarks: np.ndarray, size: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Return the intersection over union of each region on each image, nan where the class is not there."""
    regions = rules.draw(landmarks, size)
    scores = {}
    for region, classes in HUMAN_CLASSES.items():
        human = np.isin(masks, classes)
        drawn = (regions >> rules.region_names.index(region) & 1).astype(bool) & (masks != UNKNOWN)
        union = (human | drawn).sum(axis=(1, 2))
        score = (human & drawn).sum(axis=(1, 2)) / np.maximum(union, 1)
        scores[region] = np.where(human.sum(axis=(1, 2)) >= LEAST_PIXELS, score, np.nan)
    return scores


if __name__ == "__main__":
    main()
