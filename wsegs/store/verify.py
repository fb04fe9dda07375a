"""Verify a mask store or a landmark table: every byte by its digest, each image by its checksum, then its sources."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs.errors import DataError, MissingError
from wsegs.io.checksum import pixels_checksum, row_checksums
from wsegs.io.hdf5 import open_hdf5, reason_of
from wsegs.io.integrity import check_digest, check_structure, find_format
from wsegs.io.processes.subprocess_call import SubprocessError, call_in_subprocess
from wsegs.landmarks.label_columns import label_columns
from wsegs.landmarks.table import FORMAT as TABLE_FORMAT
from wsegs.landmarks.table import NO_FACE, UNREADABLE, checked_columns, read_landmarks
from wsegs.rules import AttributeLookup, RuleSet
from wsegs.store.agreement import check_images, check_labels, check_landmarks, check_rules
from wsegs.store.findings import Findings
from wsegs.store.format import CHECKED, FORMAT_NAME
from wsegs.store.reader import MaskStore
from wsegs.store.stored_crops import StoredCrops

_DAMAGE = (OSError, RuntimeError, LookupError, ValueError, TypeError, MemoryError)
_LIMIT = 30.0  # seconds to read a damaged file, and one more for each megabyte


def verify_file(
    path: str | Path,
    *,
    rules: RuleSet | None = None,
    landmarks: Path | None = None,
    data: Path | None = None,
    redraw: int | None = 100,
) -> Findings:
    """Find damage in a mask store or a landmark table, and disagreement with its sources.

    Parameters
    ----------
    path
        ``masks.h5`` or ``landmarks.h5``; its contents tell which.
    rules
        Rules that a mask store should have been drawn by.
    landmarks
        Landmark table that a mask store should have been drawn from. Its labels, too, are compared with those that the
        data set has now, where it is still where it was.
    data
        Data set that should have the images, in the sizes that they had, and the labels.
    redraw
        Number of images of a mask store, evenly spaced, to draw again from its own landmarks and rules and compare;
        None for all. Regions that were refined by pixels are left out.

    Raises
    ------
    MissingError
        If a file does not exist.
    DataError
        If the file is neither, or the landmark table to compare with cannot be read.
    OptionError
        If the data set cannot be opened.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: expected a mask store or a landmark table, got a directory")
    if not path.exists():
        raise MissingError(f"{path}: no such file")
    findings = Findings(path, kind_of_file(path), {"sha256": check_digest(path)})
    if findings.checked["sha256"] == "broken":
        findings.add("its sha256 differs: a byte was changed, added or lost since the file was written")
    try:
        structure = check_structure(path)
        if structure != "whole":
            _verify_rows_in_subprocess(findings)
        if structure == "broken":
            return findings
        if findings.kind == "landmark table":
            if structure == "whole":
                _verify_rows(findings, None)
            table = read_landmarks(path)
            if data is not None:
                check_images(findings, table.images, table.image_size, table.provenance, data)
                check_labels(findings, table, data, path)
        else:
            with MaskStore(path) as store:
                if structure == "whole":
                    _verify_rows(findings, store.lookup)
                _verify_values(findings, store)
                check_rules(findings, store, rules, redraw)
                sizes = store.image_sizes if landmarks is None else check_landmarks(findings, store, landmarks)
                if data is not None:
                    check_images(findings, store.images, sizes, store.provenance, data)
                if landmarks is not None or data is not None:
                    check_labels(findings, store, data, landmarks)
    except DataError as error:
        if not str(error).startswith(f"{path}: "):
            raise  # about a file that it is compared with
        findings.add(str(error).removeprefix(f"{path}: "))
    return findings


def kind_of_file(path: Path) -> Literal["mask store", "landmark table"]:
    """Return what a file is by the name of its format; one without a name is taken for a mask store."""
    return "landmark table" if find_format(path, [TABLE_FORMAT, FORMAT_NAME]) == TABLE_FORMAT else "mask store"


def _verify_rows_in_subprocess(findings: Findings) -> None:
    """Run :func:`_verify_rows` in a subprocess, since damaged structures may crash libhdf5 or never let it end."""
    seconds = _LIMIT + findings.path.stat().st_size / 1e6
    try:
        found = json.loads(
            call_in_subprocess("wsegs.store.verify:verify_rows", str(findings.path), findings.kind, seconds=seconds)
        )
        findings.lines += found["findings"]
        findings.checked |= found["checked"]
    except SubprocessError as error:
        findings.add(f"its structure is damaged: which images are concerned cannot be said ({error})")
        findings.checked["checksums"] = "unreadable"


def verify_rows(path: str, kind: Literal["mask store", "landmark table"]) -> bytes:
    """Return the findings of :func:`_verify_rows` as JSON; called in a subprocess."""
    findings = Findings(Path(path), kind)
    _verify_rows(findings, None)
    return json.dumps(findings.as_json()).encode()


def _verify_rows(findings: Findings, lookup: AttributeLookup | None) -> None:
    """Compare each row with its checksum; decode a store's pixels and, with ``lookup``, compare its dense masks."""
    is_store = findings.kind == "mask store"
    with open_hdf5(findings.path) as file:
        columns = (*(CHECKED if is_store else checked_columns(file)), *label_columns(file))
        names, stated = _names(findings, file), None
        if "checksum" in file:
            stated = _column(findings, file, "checksum")
        arrays = [_column(findings, file, name) for name in columns]
        begun = _verify_pixels(findings, file, names, lookup) if is_store else None
        if "crops" in file:
            _verify_crops(findings, file, names)
    if stated is None or names is None:
        findings.checked["checksums"] = "none" if stated is None else "unreadable"
        return
    whole = [array for array in arrays if array is not None and len(array) == len(names) == len(stated)]
    if len(whole) < len(columns):
        return  # there is a finding already
    actual = row_checksums(names, whole, None if begun is None else begun.clip(0))
    for row in np.flatnonzero((actual != stated) & (True if begun is None else begun >= 0)):
        findings.add("its data do not have the checksum that they were written with", names[row])
    findings.checked["checksums"] = len(names)


def _names(findings: Findings, file: h5py.File) -> list[str] | None:
    values = _column(findings, file, "image")
    if values is None or values.dtype.kind not in "OS":
        return None
    return [value.decode("utf-8", "surrogateescape") for value in values.tolist()]


def _column(findings: Findings, file: h5py.File, name: str) -> NDArray[Any] | None:
    """Return a dataset of one value a row; if it is damaged return None, and add which rows cannot be read."""
    try:
        values: NDArray[Any] = file[name][:]
    except _DAMAGE as error:
        places = _unreadable_rows(file, name)
        findings.add(f"'{name}'{places} cannot be read ({reason_of(error)})")
        return None
    return values


def _unreadable_rows(file: h5py.File, name: str) -> str:
    """Return in words which rows of a dataset cannot be read, chunk by chunk."""
    try:
        step, rows = file[name].chunks[0], len(file[name])
    except _DAMAGE:
        return ""
    bad = []
    for start in range(0, rows, step):
        try:
            file[name][start : start + step]
        except _DAMAGE:
            bad.append(f"{start} to {min(start + step, rows) - 1}")
    return f" of rows {', '.join(bad)}" if bad else ""


def _verify_pixels(
    findings: Findings, file: h5py.File, names: list[str] | None, lookup: AttributeLookup | None
) -> NDArray[np.int64]:
    """Return the crc32 of each image's regions, int64 (N,); -1 where they cannot be decoded."""
    regions, masks = file["regions"], None if lookup is None else file.get("masks")
    sums = np.full(len(regions), -1, np.int64)
    labels = None if masks is None else _column(findings, file, "attributes")
    for row in tqdm(range(len(regions)), unit="image", desc="verify", disable=None):
        image = f"row {row}" if names is None else names[row]
        try:
            pixels = regions[row]
        except _DAMAGE as error:
            findings.add(f"its regions cannot be decoded ({reason_of(error)})", image)
            continue
        sums[row] = pixels_checksum(pixels)
        if masks is None or labels is None or lookup is None:
            continue
        try:
            if not np.array_equal(masks[row], lookup.expand(pixels, labels[row])):
                findings.add("its masks are not those of its regions and labels", image)
        except _DAMAGE as error:
            findings.add(f"its masks cannot be decoded ({reason_of(error)})", image)
    return sums


def _verify_crops(findings: Findings, file: h5py.File, names: list[str] | None) -> None:
    """Compare each image inside a store with its checksum."""
    try:
        crops = StoredCrops(file)
    except _DAMAGE as error:  # DataError among them
        findings.add(f"the images in it cannot be read: {reason_of(error)}")
        return
    for row in range(len(crops.lengths)):
        try:
            crops.read(row)
        except ValueError as error:
            findings.add(f"its image is damaged: {error}", f"row {row}" if names is None else names[row])


def _verify_values(findings: Findings, store: MaskStore) -> None:
    """Find values that the format does not allow, and names that occur twice."""
    rows = {
        "labels are not 1, 0 or -1": (np.abs(store.attributes.astype(int)) > 1).any(axis=1),
        "its split is not 0, 1 or 2": (store.split < 0) | (store.split > 2),
        "its status has no name": (store.status >= len(store.status_names)) & (store.status != UNREADABLE),
        "its status and its landmarks disagree on whether it has a face": (
            ((store.status != NO_FACE) & (store.status != UNREADABLE)) != np.isfinite(store.landmarks).all(axis=(1, 2))
        ),
    }
    for problem, wrong in rows.items():
        for row in np.flatnonzero(wrong):
            findings.add(problem, store.images[row])
    for name, count in Counter(store.images).items():
        if count > 1:
            findings.add(f"is there {count} times", name)
