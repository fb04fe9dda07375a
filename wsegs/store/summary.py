"""Summarise a mask store: counts of images and labels, coverage of regions and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from tqdm import tqdm

from wsegs.store.reader import MaskStore


def describe_store(store: MaskStore, sample: int | None = 2000) -> dict[str, Any]:
    """Return a JSON-able summary of a mask store.

    Parameters
    ----------
    store
        An open store.
    sample
        Coverage is measured on this many faces, evenly spaced over the store; on all, if None.

    Returns
    -------
    Counts of images, splits and statuses; for each region the share of faces where it is not empty and the mean
    share of the frame that it covers there; for each attribute the counts of labels and, over the faces that have
    it, the mean share of the frame that its mask covers; how many images are kept and their bytes (None: no images are
    in the store); and the provenance.
    """
    faces = np.flatnonzero(store.status != 0)
    if sample is not None and len(faces) > sample:
        faces = faces[np.linspace(0, len(faces) - 1, sample).round().astype(np.intp)]
    pixels = float(np.prod(store.size))
    region_area = np.zeros((len(faces), len(store.region_names)))
    mask_area = np.zeros((len(faces), len(store.attribute_names)))
    for row, index in enumerate(tqdm(faces, unit="face", desc="coverage", disable=None)):
        (regions,) = store.regions([index])
        for r in range(len(store.region_names)):
            region_area[row, r] = np.count_nonzero(regions >> regions.dtype.type(r) & 1) / pixels
        # Most pixels of a face share a few combinations of regions, so areas are counted by combination.
        combinations, counts = np.unique(regions, return_counts=True)
        mask_area[row] = store.lookup.coverage(combinations[None])[:, 0] @ counts / pixels
    return {
        "store": str(store.path),
        "bytes": store.path.stat().st_size,
        "images": len(store),
        "size": list(store.size),
        "frame": store.frame.as_json(),
        "scheme": store.scheme.name,
        "crops": None if not store.has_images else _crops(store.crop_bytes),
        "splits": {
            name: int(np.count_nonzero(store.split == code))
            for code, name in enumerate(("train", "validation", "test"))
        },
        "landmarks": {
            name: int(np.count_nonzero(store.status == code)) for code, name in enumerate(store.status_names)
        },
        "coverage_measured_on": len(faces),
        "regions": [
            {"name": name, "faces": _share(region_area[:, r] > 0), "area": _mean_where(region_area[:, r])}
            for r, name in enumerate(store.region_names)
        ],
        "attributes": [
            {
                "name": name,
                "present": int(np.count_nonzero(store.attributes[:, c] == 1)),
                "absent": int(np.count_nonzero(store.attributes[:, c] == 0)),
                "unknown": int(np.count_nonzero(store.attributes[:, c] == -1)),
                "area": _mean_where(mask_area[:, c]),
            }
            for c, name in enumerate(store.attribute_names)
        ],
        "rules": {"source": store.rules.source, "sha256": store.rules.sha256},
        "wsegs": store.wsegs_version,
        "provenance": store.provenance,
    }


def _crops(lengths: np.ndarray) -> dict[str, int]:
    return {"images": int(np.count_nonzero(lengths)), "bytes": int(lengths.sum())}


def _share(condition: np.ndarray) -> float:
    return float(condition.mean()) if condition.size else 0.0


def _mean_where(area: np.ndarray) -> float:
    """Return the mean of the areas that are not zero; 0 if all are."""
    return float(area[area > 0].mean()) if (area > 0).any() else 0.0
