"""Landmarks of a whole data set: workers find, one process writes."""

from __future__ import annotations

import csv
import hashlib
import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError
from numpy.typing import NDArray
from tqdm import tqdm

import wsegs
from wsegs.datasets import write_unmatched
from wsegs.errors import DataError, MissingError, OptionError, WsegsError
from wsegs.files import check_output, complete_or_absent
from wsegs.landmarks.chain import DETECTORS, MAX_SIDE, ChainOptions, load_chain
from wsegs.landmarks.image import read_image, reason
from wsegs.landmarks.imports import Imported
from wsegs.landmarks.journal import Journal, record_type
from wsegs.landmarks.table import NO_FACE, STATUS_NAMES, UNREADABLE, LandmarkTable, write_landmarks
from wsegs.lock import locks_output
from wsegs.schemes import CELEBA5, IBUG68, LandmarkScheme

if TYPE_CHECKING:
    from wsegs.datasets.index import FaceDataset

IMPORTED, DATA_SET = STATUS_NAMES.index("imported"), STATUS_NAMES.index("data set")
_CHUNK = 32  # images a task: few enough for a smooth bar, many enough that sending them costs nothing


@dataclass(frozen=True)
class ImageTask:
    """One image for a worker.

    Attributes
    ----------
    index
        Its row.
    path
        The file.
    box
        x, y, width, height of the face that the data set means, if it says so.
    detect
        False if its landmarks are known already: the file is then only read, for its size.
    """

    index: int
    path: str
    box: tuple[float, ...] | None
    detect: bool


@dataclass(frozen=True)
class Known:
    """Landmarks of N images that nobody has to find.

    Attributes
    ----------
    landmarks
        (N, P, 2) float32; nan where they are not known.
    status
        (N,) uint8: whence, as an index of ``STATUS_NAMES``; 0 where they are not known.
    """

    landmarks: NDArray[np.float32]
    status: NDArray[np.uint8]


@locks_output()
def find_landmarks(
    dataset: FaceDataset,
    output: str | os.PathLike[str],
    *,
    detectors: tuple[str, ...] = DETECTORS,
    predictor: str | os.PathLike[str] | None = None,
    max_side: int = MAX_SIDE,
    scheme: LandmarkScheme = IBUG68,
    imported: Imported | None = None,
    from_data: bool = False,
    earlier: LandmarkTable | None = None,
    jobs: int = -1,
    force: bool = False,
) -> LandmarkTable:
    """Find the landmarks of every image and write them to ``output``.

    An interrupted call leaves ``output.partial``; the same call goes on from there. The result does not depend on
    ``jobs`` nor on interruptions. Beside ``output`` it writes ``.missing.csv`` (images without a face, unreadable
    images and why) and ``.unmatched.csv`` (what did not match in the data set and among the imports).

    Parameters
    ----------
    dataset
        The images. Where it has boxes, they say which of several faces is meant.
    output
        The HDF5 file; see :mod:`wsegs.landmarks.table`.
    detectors
        Names of methods, tried in order; ``("none",)`` for imports alone.
    predictor
        Path of a dlib shape predictor of 68 points; None for the installed one.
    max_side
        Detectors see images with their longer side reduced to this; 0 means as they are.
    scheme
        What the points are. Detectors find ``ibug68``; any other needs ``detectors=("none",)``.
    imported
        Landmarks made elsewhere, for the images of ``dataset``; they win, and those images are not searched.
    from_data
        Take the five points that come with the data set; ``scheme`` is then ``celeba5``.
    earlier
        What an earlier call found: its faces are kept, by file name, and only the other images are searched.
    jobs
        Processes; -1 is one a core.
    force
        Overwrite ``output``, and drop an unfinished run of other options.

    Raises
    ------
    OutputExistsError, OptionError, MissingError, DataError
        On an output that exists, options that do not fit each other or an unfinished run, missing or unusable
        weights, a data set without points.
    """
    output = check_output(output, force=force)
    options = ChainOptions(tuple(detectors), os.fspath(predictor) if predictor else None, max_side)
    if options.detectors and not scheme.agrees_with(IBUG68):
        raise OptionError(f"the detectors find {IBUG68.name}; with the scheme '{scheme.name}' use --detectors none")
    imported = imported if imported is not None else Imported.nothing(len(dataset), scheme)
    known = _known(dataset, imported, scheme, from_data)
    provenance = {
        "wsegs": wsegs.__version__,
        "data": {"name": dataset.name, "root": str(dataset.root), "images": len(dataset)},
        "detectors": options.describe(),
        "options": {"detectors": list(options.detectors), "max_side": max_side},
        "imports": imported.sources,
    }
    if earlier is not None:
        provenance["earlier"] = earlier.provenance
    kept = _kept_records(dataset, earlier, scheme)
    header = {**provenance, "scheme": scheme.as_mapping(average=False), "images": _fingerprint(dataset, known, kept)}
    partial = output.with_name(f"{output.name}.partial")
    with Journal(partial, header, len(dataset), scheme.count, force=force) as journal:
        journal.append(kept[~journal.done[kept["index"]]])
        _find_rest(dataset, options, known, scheme.count, jobs, journal)
        table = _table(dataset, known, scheme, journal.records, provenance)
        write_landmarks(output, table, force=force)
        _write_missing(table, journal.records, output.with_suffix(".missing.csv"))
        everything = replace(dataset, unmatched=(*dataset.unmatched, *imported.unmatched))
        write_unmatched(everything, output.with_suffix(".unmatched.csv"))
        journal.remove()
    return table


def _known(dataset: FaceDataset, imported: Imported, scheme: LandmarkScheme, from_data: bool) -> Known:
    """Return the imported landmarks and, for other images, those of the data set."""
    landmarks = imported.landmarks.copy()
    status = np.where(imported.found, IMPORTED, NO_FACE).astype(np.uint8)
    if from_data:
        if not scheme.agrees_with(CELEBA5):
            raise OptionError(f"--from-data: a data set's own points are {CELEBA5.name}, not {scheme.name}")
        if dataset.points is None:
            raise MissingError(f"--from-data: {dataset.root}: the data set '{dataset.name}' has no list of landmarks")
        rows = ~imported.found & np.isfinite(dataset.points).all(axis=(1, 2))
        landmarks[rows] = dataset.points[rows]
        status[rows] = DATA_SET
    return Known(landmarks, status)


def find_in_chunk(options: ChainOptions, tasks: list[ImageTask], points: int, in_worker: bool) -> NDArray[Any]:
    """Return the journal's records of some images. Runs in a worker, whose detectors stay loaded between calls."""
    if in_worker:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    chain = load_chain(options)
    records = np.zeros(len(tasks), record_type(points))
    for record, task in zip(records, tasks, strict=True):
        record["index"] = task.index
        record["box"] = record["landmarks"] = np.nan
        record["faces"] = -1
        try:
            image = read_image(task.path)
        except WsegsError as error:
            record["status"] = UNREADABLE
            record["reason"] = reason(error, task.path).encode("utf-8", "replace")[:120]
            continue
        record["image_size"] = image.shape[1::-1]
        if not task.detect:
            continue
        face = chain.find(image, None if task.box is None else np.array(task.box, np.float32))
        record["status"] = STATUS_NAMES.index(face.found_by)
        record["faces"] = face.faces
        if face.landmarks is not None and face.box is not None:
            record["landmarks"] = face.landmarks
            record["box"] = face.box
    return records


def _kept_records(dataset: FaceDataset, earlier: LandmarkTable | None, scheme: LandmarkScheme) -> NDArray[Any]:
    """Return the journal's records of the images whose faces an earlier call found, joined by name."""
    if earlier is None:
        return np.zeros(0, record_type(scheme.count))
    if not earlier.scheme.agrees_with(scheme):
        raise DataError(f"the earlier landmarks are '{earlier.scheme.name}', those to be found '{scheme.name}'")
    rows = {name: row for row, name in enumerate(earlier.images) if earlier.found[row]}
    pairs = [(index, rows[name]) for index, name in enumerate(dataset.images) if name in rows]
    index, row = np.array(pairs, np.intp).reshape(-1, 2).T
    status = np.array([STATUS_NAMES.index(name) for name in earlier.status_names], np.uint8)
    records = np.zeros(len(pairs), record_type(scheme.count))
    records["index"] = index
    records["status"] = status[earlier.status[row]]
    records["faces"] = earlier.faces[row]
    records["box"] = earlier.boxes[row]
    records["image_size"] = earlier.image_size[row]
    records["landmarks"] = earlier.landmarks[row]
    return records


def _find_rest(
    dataset: FaceDataset, options: ChainOptions, known: Known, points: int, jobs: int, journal: Journal
) -> None:
    todo = np.flatnonzero(~journal.done)
    in_worker = jobs not in (0, 1)
    parallel = joblib.Parallel(
        n_jobs=jobs or 1, return_as="generator_unordered", batch_size=1, pre_dispatch="2 * n_jobs"
    )
    find = joblib.delayed(find_in_chunk)
    calls = (find(options, tasks, points, in_worker) for tasks in _chunks(dataset, known, todo))
    counts: Counter[str] = Counter()
    with tqdm(total=len(dataset), initial=len(dataset) - len(todo), unit="face", disable=None) as bar:
        try:
            for records in parallel(calls) if len(todo) else ():
                journal.append(records)
                counts.update(_status_name(status) for status in records["status"].tolist())
                bar.set_postfix(counts, refresh=False)
                bar.update(len(records))
        except TerminatedWorkerError as error:
            raise WsegsError(
                f"a worker process died, perhaps for want of memory; {journal.done.sum()} images are kept in"
                f" {journal.path}: run the same command again, with fewer processes (-j)"
            ) from error


def _chunks(dataset: FaceDataset, known: Known, todo: NDArray[np.intp]) -> Iterator[list[ImageTask]]:
    boxes = dataset.boxes
    for start in range(0, len(todo), _CHUNK):
        yield [
            ImageTask(
                i,
                str(dataset.path(i)),
                None if boxes is None or not np.isfinite(boxes[i]).all() else tuple(boxes[i].tolist()),
                detect=known.status[i] == NO_FACE,
            )
            for i in todo[start : start + _CHUNK].tolist()
        ]


def _status_name(status: int) -> str:
    if status == UNREADABLE:
        return "unreadable"
    return STATUS_NAMES[status] if status else "no face"


def _table(
    dataset: FaceDataset, known: Known, scheme: LandmarkScheme, records: NDArray[Any], provenance: dict[str, Any]
) -> LandmarkTable:
    use = (known.status != NO_FACE) & (records["status"] != UNREADABLE)
    return LandmarkTable(
        scheme=scheme,
        images=dataset.images,
        landmarks=np.where(use[:, None, None], known.landmarks, records["landmarks"]).astype(np.float32),
        status=np.where(use, known.status, records["status"]).astype(np.uint8),
        status_names=STATUS_NAMES,
        faces=records["faces"].astype(np.int16),
        boxes=records["box"].astype(np.float32),
        image_size=records["image_size"].astype(np.int32),
        attribute_names=dataset.attribute_names,
        attributes=dataset.attributes,
        identity=dataset.identity,
        split=dataset.split,
        provenance=provenance,
    )


def _write_missing(table: LandmarkTable, records: NDArray[Any], path: Path) -> None:
    """Write name and reason of every image without landmarks."""
    with (
        complete_or_absent(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "reason"])
        for row in np.flatnonzero(~table.found):
            why = records["reason"][row].decode("utf-8", "replace")
            writer.writerow([table.images[row], "no face" if table.status[row] == NO_FACE else why])


def _fingerprint(dataset: FaceDataset, known: Known, kept: NDArray[Any]) -> str:
    """Return a sha256 of all that decides over the result beside the options: names, boxes, known landmarks."""
    digest = hashlib.sha256("\0".join(dataset.images).encode("utf-8", "surrogateescape"))
    if dataset.boxes is not None:
        digest.update(np.ascontiguousarray(dataset.boxes, np.float32).tobytes())
    digest.update(known.status.tobytes())
    digest.update(known.landmarks[known.status != NO_FACE].tobytes())
    digest.update(kept.tobytes())
    return digest.hexdigest()


def summarise(table: LandmarkTable) -> dict[str, Any]:
    """Return how many images were found by what, as counts: JSON-able, in the order of the chain."""
    counts = {name: int((table.status == i).sum()) for i, name in enumerate(table.status_names) if i}
    return {
        "images": len(table),
        "found": int(table.found.sum()),
        "found_by": {name: count for name, count in counts.items() if count},
        "several_faces": int((table.faces > 1).sum()),
        "no_face": int((table.status == NO_FACE).sum()),
        "unreadable": int((table.status == UNREADABLE).sum()),
    }
