"""Your own regions and attributes: a rule file (own_rules.yaml) and labels (own_labels.csv) on the example faces.

    python examples/own_rules.py [OUTPUT_FOLDER]

The same with commands:

    wsegs landmarks --data examples/faces --labels examples/own_labels.csv
    wsegs masks --rules examples/own_rules.yaml --frame face
    wsegs preview
    wsegs preview --all-attributes --image grace_hopper.jpg -o attributes.png
"""

import sys
import tempfile
from pathlib import Path

import wsegs
from wsegs.reports.preview import preview_store

output = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="wsegs-"))
here = Path(__file__).parent

dataset = wsegs.open_dataset(here / "faces", labels=here / "own_labels.csv")
table = wsegs.find_landmarks(dataset, output / "landmarks.h5", jobs=1)
with wsegs.build_store(table, here / "own_rules.yaml", output / "masks.h5", frame="face", jobs=1) as store:
    for name in store.images:
        masks = store[name]
        drawn = [
            f"{a} ({m.mean():.1%} of the frame)" for a, m in zip(store.attribute_names, masks, strict=True) if m.any()
        ]
        print(f"{name}: {', '.join(drawn)}")
    preview_store(store, output / "preview.png")
    preview_store(store, output / "attributes.png", attributes="all", image="grace_hopper.jpg")
print(f"pictures in {output}")
