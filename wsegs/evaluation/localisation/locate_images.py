"""Locate the faces of many images, in processes, and go on where an interrupted call stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from wsegs.datasets.boxes import write_boxes
from wsegs.datasets.index import FaceDataset
from wsegs.errors import DataError, WsegsError
from wsegs.evaluation.localisation.networks import Locator
from wsegs.evaluation.localise import Located, locate, moved, window_part
from wsegs.io.files import write_table
from wsegs.io.images import read_image, reason
from wsegs.io.journal import Journal
from wsegs.io.lock import locks_output
from wsegs.io.processes.parallel import WorkerLostError, run_in_workers

SMALLEST = 16
"""Pixels of the shorter side of an image that is searched: one cell of a response map."""

Draw = Callable[[Locator, Path, str, Sequence[Located]], None]
"""Draws an image: the networks, its file, its name, its faces."""

_JOURNAL = "wsegs-locate-journal 1"


class Found(NamedTuple):
    """What was found in an image: faces, the best first, or why there is none; ``searched`` where it could be."""

    faces: tuple[Located, ...]
    reason: str = ""
    searched: bool = True


@dataclass(frozen=True)
class LocatedFaces:
    """The faces of a data set.

    Attributes
    ----------
    images
        N names.
    found
        N results.
    """

    images: tuple[str, ...]
    found: tuple[Found, ...]

    @property
    def located(self) -> int:
        """Number of images with a face."""
        return sum(bool(found.faces) for found in self.found)

    @property
    def missing(self) -> list[tuple[str, str]]:
        """Names of the images without a face, and why."""
        return [(name, found.reason) for name, found in zip(self.images, self.found, strict=True) if not found.faces]


def find_in_image(locator: Locator, path: Path) -> Found:
    """Return the faces that an LNet, or two, find in an image file."""
    try:
        image = read_image(path)
    except DataError as error:
        return Found((), reason(error, path), searched=False)
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        why = f"expected an image of at least {SMALLEST} pixels a side, got {height}x{width} (HxW)"
        return Found((), why, searched=False)
    networks = locator.networks()
    faces = locate(
        networks[0], image, longest_side=locator.sides[0], threshold=locator.thresholds[0], count=locator.faces
    )
    if not faces:
        return Found((), "no response: the map of LNet_o is 0 everywhere")
    if len(networks) == 1:
        return Found(tuple(faces))
    within: list[Located] = []
    for window in faces:
        part, corner = window_part(image, window.box)
        found = locate(networks[1], part, longest_side=locator.sides[1], threshold=locator.thresholds[1])
        within += [moved(face, corner) for face in found]
    return Found(tuple(within), "" if within else "no response: the map of LNet_s is 0 everywhere in LNet_o's window")


@locks_output()
def locate_images(
    dataset: FaceDataset,
    locator: Locator,
    output: Path,
    *,
    draw: Draw | None = None,
    jobs: int = -1,
    force: bool = False,
) -> LocatedFaces:
    """Locate the faces of every image and write ``output``, a row for each face.

    An interrupted call leaves ``output.partial``; the same call goes on from there. Beside ``output`` it writes
    ``.missing.csv``: the images without a face, and why.

    Parameters
    ----------
    dataset
        The images.
    locator
        The networks and their thresholds.
    output
        A CSV file; see :mod:`wsegs.datasets.boxes`.
    draw
        Draws each image that is searched; pickles. None draws none.
    jobs
        Processes; -1 is one a core.
    force
        Drop an unfinished call of other options.

    Raises
    ------
    DataError
        If no image has a face; the message says why not of the first.
    WsegsError
        If a worker dies or the disk is full; what was found is kept.
    """
    paths = [dataset.path(row) for row in range(len(dataset))]
    names = hashlib.sha256("\n".join(map(str, paths)).encode("utf-8", "surrogateescape")).hexdigest()
    header = {"images": names, **locator.describe(), "draw": repr(draw)}
    found: list[Found | None] = [None] * len(dataset)
    partial = output.with_name(f"{output.name}.partial")
    with Journal(partial, _JOURNAL, header, force=force) as journal:
        for row, value in journal.read():
            found[row] = _decoded(value)
        todo = [row for row, known in enumerate(found) if known is None]
        calls = ((locator, row, paths[row], dataset.images[row], draw) for row in todo)
        results = run_in_workers(_find, calls, jobs=jobs, ordered=False, batch_size=1)
        try:
            with (
                closing(results),
                tqdm(total=len(found), initial=len(found) - len(todo), unit="image", disable=None) as bar,
            ):
                for batch in _batches(results):
                    journal.write((row, _encoded(one)) for row, one in batch)
                    for row, one in batch:
                        found[row] = one
                    bar.update(len(batch))
        except WorkerLostError as error:
            raise WsegsError(f"{error}; what was found is kept in {partial}: run the same command again") from error
        located = LocatedFaces(dataset.images, tuple(one for one in found if one is not None))
        if not located.located:
            name, why = located.missing[0]
            journal.remove()
            raise DataError(f"{dataset.root}: no face in any of {len(dataset)} images; the first, '{name}': {why}")
        missing = output.with_suffix(".missing.csv")
        missing.unlink(missing_ok=True)
        if located.missing:
            write_table(missing, ("name", "reason"), located.missing)
        write_boxes(output, _rows(located))
        journal.remove()
    return located


def _find(locator: Locator, row: int, path: Path, name: str, draw: Draw | None) -> tuple[int, Found]:
    import torch

    torch.set_num_threads(1)  # there is a process for each core
    found = find_in_image(locator, path)
    if draw is not None and found.searched:
        draw(locator, path, name, found.faces)
    return row, found


def _batches(results: Iterator[tuple[int, Found]]) -> Iterator[list[tuple[int, Found]]]:
    """Yield results a few at a time, so that the journal is not written for each."""
    batch: list[tuple[int, Found]] = []
    for result in results:
        batch.append(result)
        if len(batch) == 16:
            yield batch
            batch = []
    if batch:
        yield batch


def _rows(located: LocatedFaces) -> Iterator[tuple[str, Sequence[float], float]]:
    for name, found in zip(located.images, located.found, strict=True):
        for face in found.faces:
            yield name, face.box.tolist(), face.score


def _encoded(found: Found) -> bytes:
    faces = [[*map(float, face.box), face.score] for face in found.faces]
    return json.dumps({"faces": faces, "reason": found.reason}).encode()


def _decoded(value: bytes) -> Found:
    fields = json.loads(value)
    faces = tuple(Located(np.array(face[:4], np.float32), float(face[4])) for face in fields["faces"])
    return Found(faces, fields["reason"])
