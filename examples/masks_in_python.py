"""Landmarks, rules, masks of one picture, step by step and without a file between them.

python examples/masks_in_python.py [OUTPUT_FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from wsegs.io.images import read_image
from wsegs.landmarks.chain import landmarks_of_image
from wsegs.reports.canvas import write_png
from wsegs.reports.overlay import mask_overlay, region_overlay
from wsegs.rules import load_rules

output = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="wsegs-"))
picture = Path(__file__).parent / "faces" / "astronaut.jpg"

# 1. The face: dlib's detector first, then MTCNN's. Landmarks are x, y in pixels of the picture.
image = read_image(picture)
face = landmarks_of_image(image)
if face.landmarks is None:
    sys.exit(f"{picture}: no face")
print(f"{picture.name}: {len(face.landmarks)} landmarks, found by {face.found_by}")

# 2. The base regions: one integer a pixel, bit r is region r.
rules = load_rules("attparsenet-2020")
(regions,) = rules.draw(face.landmarks[None], image.shape[:2])
for r, name in enumerate(rules.region_names):
    print(f"  {name:<12} {np.count_nonzero(regions >> r & 1):6d} pixels")

# 3. The attributes: Boolean expressions over regions. A mask is drawn where the label calls for it (1: present).
lookup = rules.lookup(["Smiling", "Eyeglasses", "Wavy_Hair"])
masks = lookup.expand(regions, np.array([1, 0, 1], np.int8))
for name, mask in zip(lookup.attribute_names, masks, strict=True):
    print(f"  {name:<12} {np.count_nonzero(mask):6d} pixels")

# 4. To look at.
write_png(region_overlay(image, regions, rules.region_names, face.landmarks), output / "regions.png")
write_png(mask_overlay(image, masks[0]), output / "smiling.png")
print(f"pictures in {output}")
