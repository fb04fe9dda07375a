"""Landmarks, rules, masks of one picture, step by step and without a file between them.

python examples/masks_in_python.py [OUTPUT_FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import wsegs
from wsegs.io.images import read_image
from wsegs.landmarks.chain import landmarks_of_image

output = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="wsegs-"))
picture = Path(__file__).parent / "faces" / "astronaut.jpg"

# 1. The face: dlib's detector first, then MTCNN's. Landmarks are x, y in pixels of the picture.
image = read_image(picture)
face = landmarks_of_image(image)
if face.landmarks is None:
    sys.exit(f"{picture}: no face")
print(f"{picture.name}: {len(face.landmarks)} landmarks, found by {face.found_by}")

# 2. The base regions: one integer a pixel, bit r is region r.
size = image.shape[:2]
rules = wsegs.load_rules("attparsenet-2020")
regions = wsegs.draw(rules, face.landmarks, size)
for r, name in enumerate(rules.region_names):
    print(f"  {name:<12} {np.count_nonzero(regions >> r & 1):6d} pixels")

# 3. The attributes: Boolean expressions over regions.
attributes = ["Smiling", "Eyeglasses", "Wavy_Hair"]
masks = wsegs.draw(rules, face.landmarks, size, attributes)
for name, mask in zip(attributes, masks, strict=True):
    print(f"  {name:<12} {np.count_nonzero(mask):6d} pixels")

# 4. To look at.
wsegs.draw_overlay(image, regions, face.landmarks, output=output / "regions.png")
wsegs.draw_overlay(image, masks[0], output=output / "smiling.png")
print(f"pictures in {output}")
