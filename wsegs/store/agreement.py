"""Check that a mask store agrees with its sources: rules, landmarks, images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs import __version__
from wsegs.datasets.tables.columns import respelled
from wsegs.datasets.typed_labels import Categories
from wsegs.errors import DataError
from wsegs.geometry.matrices import transform_points
from wsegs.io.images import image_size, reason
from wsegs.landmarks.relabel import Labelled, find_label_difference, relabel_command
from wsegs.landmarks.table import read_landmarks
from wsegs.rules import RuleSet
from wsegs.store.findings import Findings
from wsegs.store.images import find_root
from wsegs.store.reader import MaskStore

_ROWS = 64  # drawn at a time


def check_rules(findings: Findings, store: MaskStore, rules: RuleSet | None, redraw: int | None) -> None:
    """Compare a store's rules with ``rules``, and the regions of ``redraw`` images (None: all) with a new drawing.

    Regions that were refined by pixels are not compared.
    """
    if rules is not None:
        findings.checked["rules"] = rules.source
        if rules.sha256 != store.rules.sha256:
            findings.add(
                f"it was drawn by other rules than {rules.source}: sha256 {store.rules.sha256[:12]}..., not"
                f" {rules.sha256[:12]}..."
            )
    rows: NDArray[np.intp] = np.arange(len(store))
    if redraw is not None and redraw < len(rows):
        rows = rows[np.linspace(0, len(rows) - 1, redraw).round().astype(np.intp)]
    refined = store.provenance.get("refined") or {}
    drawn_bits = sum(1 << r for r, name in enumerate(store.region_names) if name not in refined.get("regions", ()))
    keep = store.rules.dtype.type(drawn_bits)
    findings.checked["redrawn"] = len(rows)
    with tqdm(total=len(rows), unit="image", desc="redraw", disable=None) as bar:
        for first in range(0, len(rows), _ROWS):
            some = rows[first : first + _ROWS]
            expected = store.rules.draw(store.landmarks[some], store.size)
            for row, regions in zip(some.tolist(), expected, strict=True):
                _compare_drawn(findings, store, row, regions, keep)
            bar.update(len(some))


def _compare_drawn(findings: Findings, store: MaskStore, row: int, expected: NDArray[Any], keep: np.generic) -> None:
    try:
        (stored,) = store.regions([row])
    except DataError:
        return  # _verify_rows has a finding already
    different = (stored ^ expected) & keep
    if different.any():
        bits = int(np.bitwise_or.reduce(different, axis=None))
        names = [name for r, name in enumerate(store.region_names) if bits >> r & 1]
        made_by = (
            "" if store.wsegs_version == __version__ else f"; drawn by wsegs {store.wsegs_version}, now {__version__}"
        )
        findings.add(
            f"its regions are not what the rules draw from its landmarks ({', '.join(names)}:"
            f" {np.count_nonzero(different)} pixels){made_by}",
            store.images[row],
        )


def check_landmarks(findings: Findings, store: MaskStore, path: Path) -> NDArray[np.int32]:
    """Compare a store with a landmark table, by name.

    Returns
    -------
    (N, 2) width and height of the store's source images as the table has them; 0 where it has not.
    """
    table = read_landmarks(path).as_scheme(store.scheme)
    findings.checked["landmarks"] = str(path)
    row_of = {name: row for row, name in enumerate(table.images)}
    mine = np.array([row for row, name in enumerate(store.images) if name in row_of], np.intp)
    theirs = np.array([row_of[store.images[row]] for row in mine], np.intp)
    for name in store.images:
        if name not in row_of:
            findings.add(f"is not in {path}", name)
    wanted = table.found if store.frame.kind == "face" else table.usable
    stored = set(store.images)
    for row in np.flatnonzero(wanted):
        if table.images[row] not in stored:
            findings.add(f"is in {path} and not in the store", table.images[row])

    landmarks = table.landmarks[theirs]
    affine = store.frame.affine(table.scheme.five_points(landmarks), table.image_size[theirs])
    points = transform_points(landmarks, affine)
    columns = {name: column for column, name in enumerate(respelled(table.attribute_names, store.attribute_names))}
    labels = np.full((len(mine), len(store.attribute_names)), -1, np.int8)
    for column, name in enumerate(store.attribute_names):
        if name in columns:
            labels[:, column] = table.attributes[theirs, columns[name]]
    pairs: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
        "its frame lies elsewhere": (store.affine[mine], affine),
        "its landmarks are others": (store.landmarks[mine], points),
        "its labels are others": (store.attributes[mine], labels),
        "its identity is another": (store.identity[mine], table.identity[theirs]),
        "its split is another": (store.split[mine], table.split[theirs]),
        "its landmarks were found by another detector": (store.status[mine], table.status[theirs]),
    }
    for name, numbers in store.numbers.items():
        expected = table.numbers.get(name, np.full(len(table), np.nan, np.float32))
        pairs[f"its '{name}' is another"] = (numbers[mine], expected[theirs])
    for name, category in store.categories.items():
        other = table.categories.get(name)
        if other is None or other.names != category.names:
            other = Categories(category.names, np.full(len(table), -1, np.int64))
        pairs[f"its '{name}' is another"] = (category.codes[mine], other.codes[theirs])
    for problem, (ours, expected) in pairs.items():
        same = (ours == expected) | ((ours != ours) & (expected != expected))  # nan equals nan here
        for row in mine[~same.reshape(len(mine), -1).all(axis=1)]:
            findings.add(f"{problem} than in {path}", store.images[row])
    sizes = np.zeros((len(store), 2), np.int32)
    sizes[mine] = table.image_size[theirs]
    return sizes


def check_labels(findings: Findings, labelled: Labelled, data: Path | None, landmarks: Path | None) -> None:
    """Compare the labels of a store or landmark table with those that its data set has now.

    Parameters
    ----------
    findings
        Findings to add to.
    labelled
        The store or table.
    data
        The data set; None for that in which landmarks were found.
    landmarks
        The table that takes new labels, if it is known.
    """
    difference = find_label_difference(labelled, data)
    if difference is not None:
        findings.add(f"{difference}; {relabel_command(landmarks or 'LANDMARKS')} takes the new ones")


def check_images(
    findings: Findings,
    names: Sequence[str],
    sizes: NDArray[np.int32] | None,
    provenance: Mapping[str, Any],
    data: Path,
) -> None:
    """Check that a data set has the images of a file, in the sizes that they had.

    Parameters
    ----------
    findings
        Findings to add to.
    names
        N names.
    sizes
        (N, 2) width and height, 0 where unknown; None if all are unknown.
    provenance
        Provenance of the file, which names its data set.
    data
        The data set.
    """
    root = find_root(provenance, names[0] if names else "", data, str(findings.path))
    findings.checked["images"] = str(root)
    for row, name in enumerate(tqdm(names, unit="image", desc="images", disable=None)):
        path = root / name
        if not path.is_file():
            findings.add(f"is not in {root}", name)
            continue
        if sizes is None or sizes[row, 0] <= 0:
            continue
        try:
            size = image_size(path)
        except DataError as error:
            findings.add(f"cannot be read in {root} ({reason(error, path)})", name)
            continue
        if size != tuple(sizes[row].tolist()):
            expected = "x".join(str(side) for side in sizes[row])
            findings.add(
                f"is {size[0]}x{size[1]} in {root}, expected {expected} as when its landmarks were found", name
            )
