"""Use an exported network with onnxruntime, NumPy and a reader of images alone; wsegs is not needed.

    wsegs export-model runs/basic -o basic.onnx
    python examples/onnx_without_wsegs.py basic.onnx examples/faces/astronaut.jpg

The picture is resized to the network's size as it is. A network that was trained on aligned faces expects the face
where ``crop`` in the card says that it was.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
card = json.loads(session.get_modelmeta().custom_metadata_map["wsegs"])
height, width = card["crop"]["size"]

given = {}
for entry in card["inputs"]:
    shape = [1, *entry["shape"][1:]]
    if entry["name"] == "images":  # uint8, RGB, channels first
        picture = Image.open(sys.argv[2]).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
        given["images"] = np.asarray(picture).transpose(2, 0, 1)[None]
    elif entry["name"] == "points":
        given["points"] = np.full(shape, np.nan, np.float32)  # not known: where they are on average
    else:
        given["regions"] = np.zeros(shape, np.int64)  # not known: those of the mean face

logits = session.run(["attributes"], given)[0][0]
for attribute, logit in sorted(zip(card["attributes"], logits, strict=True), key=lambda pair: -pair[1]):
    present = "present" if logit >= attribute["threshold"] else "absent"
    print(f"{attribute['name']:<24}{1 / (1 + np.exp(-logit)):8.3f}  {present}")
