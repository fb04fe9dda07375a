"""Verify a file of features: every byte by its digest, each image by its checksum."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsegs.errors import DataError
from wsegs.features.format import MEAN_FACE, UNREADABLE
from wsegs.features.reader import FeatureStore
from wsegs.io.integrity import check_digest
from wsegs.store.findings import Findings

_BLOCK = 256


def verify_features(path: Path) -> Findings:
    """Find damage in a file of features, and name the images that have it."""
    findings = Findings(path, "file of features", {"sha256": check_digest(path)})
    if findings.checked["sha256"] == "broken":
        findings.add("its sha256 differs: a byte was changed, added or lost since the file was written")
    try:
        with FeatureStore(path) as features:
            _verify_rows(findings, features)
    except DataError as error:
        findings.add(str(error).removeprefix(f"{path}: "))
    return findings


def _verify_rows(findings: Findings, features: FeatureStore) -> None:
    images, status = features.images, features.status
    for row in np.flatnonzero(status > MEAN_FACE):
        findings.add(f"its status is {status[row]}, expected {UNREADABLE} to {MEAN_FACE}", images[row])
    wrong: set[int] = set()
    for mirrored in (False, True) if features.has_mirrored else (False,):
        stated = features.stated(mirrored)
        for first in range(0, len(images), _BLOCK):
            rows = np.arange(first, min(first + _BLOCK, len(images)))
            matrix = features.read(rows, mirrored=mirrored)
            wrong.update(rows[features.checksums(rows, matrix) != stated[rows]].tolist())
            broken = ~np.isfinite(matrix).all(axis=1) & (status[rows] != UNREADABLE)
            for row in rows[broken]:
                findings.add("has features that are no numbers", images[row])
    for place in sorted(wrong):
        findings.add("its data do not have the checksum that they were written with", images[place])
    findings.checked["checksums"] = len(images)
