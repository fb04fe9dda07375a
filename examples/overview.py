"""The picture at the top of the README: one face, its landmarks, its base regions, and the masks that its labels name.

python examples/overview.py [OUTPUT_FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import wsegs
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.reports.canvas import write_png
from wsegs.reports.contact_sheet import SheetFace, attribute_sheet, contact_sheet
from wsegs.reports.overlay import scale_picture

output = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="wsegs-"))

dataset = wsegs.open_dataset(Path(__file__).parent / "faces")
dataset = dataset.select([dataset.images.index("astronaut.jpg")])
table = wsegs.find_landmarks(dataset, output / "landmarks.h5", jobs=1)
with wsegs.build_store(table, "celeba", output / "masks.h5", frame="face", jobs=1) as store:
    image = warp_image(read_image(dataset.path(0)), store.affine[0], store.size)
    face = SheetFace(store.images[0], image, store.landmarks[0], store.regions([0])[0], "dlib")
    left = contact_sheet([face], store.region_names, "Landmarks and base regions")

    # Of the attributes that share a mask, the first; six fill the sheet.
    masks = {store[0][c].tobytes(): c for c in reversed(np.flatnonzero(store.attributes[0] == 1))}
    shown = sorted(masks.values())[:6]
    names = [store.attribute_names[c] for c in shown]
    right = attribute_sheet(face, names, store.attributes[0, shown], store[0][shown], np.ones(len(shown), bool))

height = max(left.shape[0], right.shape[0])
sheets = [np.pad(s, ((0, height - s.shape[0]), (0, 0), (0, 0)), constant_values=255) for s in (left, right)]
write_png(scale_picture(np.concatenate(sheets, axis=1), 0.65), output / "overview.png")
print(output / "overview.png")
