"""Photos and a labels.csv with one new attribute, Nose_Strip, for own-attribute.md.

    python examples/make_own_attribute.py [OUTPUT_FOLDER]

The two faces in examples/faces, moved, scaled, turned, mirrored, lit and with noise, in 350 ways: 300 to learn from, 50
to test on. Half of them wear a drawn strip across the nose, as athletes do. Of the others, most have a strip as large
elsewhere on the face: what counts is where it is.
"""

import csv
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from wsegs.io.images import read_image
from wsegs.landmarks.chain import landmarks_of_image

COUNTS = {"train": 300, "test": 50}
HEIGHT, WIDTH = 240, 200
# Landmarks whose mean is the middle of a strip: one on the nose, and those elsewhere.
NOSE = [28, 29]
ELSEWHERE = [[2, 31], [14, 35], [8, 57], [21, 22], None]

output = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="wsegs-"))
output.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(0)


def add_strip(image, points, where):
    """Return the image with a strip of sticking plaster between some landmarks, of any colour of skin or lighter."""
    left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    across = right - left
    middle = points[where].mean(axis=0) + random.normal(0, 0.03, 2) * np.linalg.norm(across)
    length, width = np.linalg.norm(across) * random.uniform([0.35, 0.08], [0.5, 0.13])
    angle = np.degrees(np.arctan2(across[1], across[0])) + random.normal(0, 8)
    corners = cv2.boxPoints((tuple(map(float, middle)), (length, width), angle))
    strip = np.zeros(image.shape[:2], np.float32)
    cv2.fillPoly(strip, [np.rint(16 * corners).astype(int)], 1, cv2.LINE_AA, shift=4)
    colour = random.uniform([150, 110, 80], [250, 225, 200])
    return image + strip[..., None] * random.uniform(0.4, 0.9) * (colour - image)


def vary(image, points):
    """Return the face moved, scaled, turned, mirrored, lit otherwise and with noise: uint8 (HEIGHT, WIDTH, 3)."""
    middle = points.mean(axis=0)
    scale = random.uniform(75, 105) / np.linalg.norm(points[16] - points[0])
    matrix = cv2.getRotationMatrix2D(tuple(map(float, middle)), random.uniform(-15, 15), scale)
    matrix[:, 2] += np.array([WIDTH / 2, HEIGHT * 0.55]) - middle + random.uniform(-15, 15, 2)
    varied = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    varied = varied[:, ::-1] if random.random() < 0.5 else varied
    lit = (varied - 128.0) * random.uniform(0.7, 1.2) + 128 + random.uniform(-30, 30)
    return np.clip(lit + random.normal(0, random.uniform(2, 12), lit.shape), 0, 255).astype(np.uint8)


faces = []
for name in ("astronaut", "grace_hopper"):
    picture = read_image(Path(__file__).parent / "faces" / f"{name}.jpg")
    faces.append((name, picture.astype(np.float32), landmarks_of_image(picture).landmarks))

rows = [("file", "Nose_Strip", "split", "identity")]
for split, count in COUNTS.items():
    for number in range(count):
        person = number // 2 % 2
        name, picture, points = faces[person]
        worn = number % 2 == 0
        where = NOSE if worn else ELSEWHERE[random.integers(len(ELSEWHERE))]
        if where is not None:
            picture = add_strip(picture, points, where)
        file = f"{split}_{number:03d}_{name}.jpg"
        cv2.imwrite(str(output / file), vary(picture, points)[..., ::-1])
        rows.append((file, int(worn), split, person))
with (output / "labels.csv").open("w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows(rows)
print(f"{len(rows) - 1} photos and labels.csv in {output}")
