"""Find the landmarks of a whole data set: workers find them, one process writes."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import wsegs
from wsegs.datasets import write_unmatched
from wsegs.errors import OptionError, WsegsError
from wsegs.io.files import check_output
from wsegs.io.journal import Journal
from wsegs.io.lock import locks_output
from wsegs.io.processes.parallel import WorkerLostError, run_in_workers
from wsegs.landmarks.chain import DETECTORS, MAX_SIDE, ChainOptions
from wsegs.landmarks.choose import SURE
from wsegs.landmarks.dataset_boxes import DatasetBoxes, dataset_boxes
from wsegs.landmarks.doubt import doubts_of
from wsegs.landmarks.doubtful import doubtful_rows, reject_faces, write_doubtful, write_missing
from wsegs.landmarks.earlier import kept_records
from wsegs.landmarks.imports import Imported, write_csv
from wsegs.landmarks.known import Known, fit_to_images, known_landmarks
from wsegs.landmarks.scaling import Scale
from wsegs.landmarks.table import NO_FACE, REJECTED, STATUS_NAMES, UNREADABLE, LandmarkTable, write_landmarks
from wsegs.landmarks.tasks import ImageTask, find_in_chunk
from wsegs.schemes import IBUG68, LandmarkScheme

if TYPE_CHECKING:
    from wsegs.datasets.index import FaceDataset

_JOURNAL = "wsegs-landmarks-journal 3"
_CHUNK = 32  # images a task: few enough for a smooth bar, many enough that sending them costs little


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
    import_scale: Scale | None = None,
    from_data: bool = False,
    data_scale: Scale | None = None,
    boxes_from_data: bool = False,
    earlier: LandmarkTable | None = None,
    reject: Sequence[str] = (),
    min_score: float | None = None,
    jobs: int = -1,
    scheduler: str | None = None,
    export: str | os.PathLike[str] | None = None,
    force: bool = False,
    begin: Callable[[int], None] | None = None,
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
        Names of landmarkers, tried in order; ``("none",)`` for imports alone.
    predictor
        Path of a dlib shape predictor of 68 points; None for the installed one.
    max_side
        Detectors see images with their longer side reduced to this; 0 means as they are. JPEGs at least twice as
        large are decoded reduced, and landmarks placed there.
    scheme
        What the points are. Detectors find ``ibug68``; any other needs ``detectors=("none",)``.
    imported
        Landmarks made elsewhere, for the images of ``dataset``; they win, and those images are not searched.
    import_scale
        What imported landmarks are scaled by; those of ``earlier`` are then scaled to the sizes of the images. Without
        it they must fit the images, and are refused if they cannot be faces; see :mod:`wsegs.landmarks.plausible`.
    from_data
        Take the five points that come with the data set; ``scheme`` is then ``celeba5``.
    data_scale
        What the data set's own points and boxes are scaled by, likewise.
    boxes_from_data
        Search only the faces for which the data set has no box; see :mod:`wsegs.landmarks.dataset_boxes`. The
        first detector's predictor places the points.
    earlier
        What an earlier call found: its faces, and that they were rejected, are kept, by file name, and only the other
        images are searched.
    reject
        Images whose faces are turned down; see :data:`wsegs.landmarks.table.REJECTED`.
    min_score
        Turn down faces of which the detector is less sure, 0 to 1.
    jobs
        Processes; -1 is one a core.
    scheduler
        Address of a Dask scheduler whose workers are to find the landmarks instead; they read the images where this
        process would.
    export
        A CSV of the landmarks to write beside ``output``; one that exists is replaced.
    force
        Overwrite ``output``, and drop an unfinished run of other options.
    begin
        Called before the work begins with the number of images that earlier calls have left to it.

    Raises
    ------
    OutputExistsError, OptionError, MissingError, DataError
        On an output that exists, options that do not fit each other or an unfinished run, missing or unusable
        weights, a data set without points.
    WsegsError
        If a worker dies or the disk is full; what was found is kept.
    """
    output = check_output(output, force=force)
    options = ChainOptions(tuple(detectors), os.fspath(predictor) if predictor else None, max_side)
    if options.detectors and not scheme.agrees_with(IBUG68):
        raise OptionError(f"the detectors find {IBUG68.name}; with the scheme '{scheme.name}' use --detectors none")
    imported = imported if imported is not None else Imported.nothing(len(dataset), scheme)
    if boxes_from_data and not options.detectors:
        raise OptionError("--boxes-from-data: expected a detector whose predictor places the points, got none")
    dataset = fit_to_images(
        dataset, data_scale, points=from_data or boxes_from_data, boxes=boxes_from_data or dataset.boxes is not None
    )
    known = known_landmarks(dataset, imported, scheme, from_data=from_data, scale=import_scale)
    boxes = dataset_boxes(dataset) if boxes_from_data else None
    provenance: dict[str, Any] = {
        "wsegs": wsegs.__version__,
        "data": {"name": dataset.name, "root": str(dataset.root), "images": len(dataset), "opened": dataset.opened},
        "detectors": options.describe(),
        "options": {"detectors": list(options.detectors), "max_side": max_side, **_scales(import_scale, data_scale)},
        "imports": imported.sources,
    }
    # What opens the data set again.
    if data_scale is not None:
        provenance["data"]["data_scale"] = str(data_scale)
    for kind, labels in (("numbers", dataset.numbers), ("categories", dataset.categories)):
        if labels:
            provenance["data"][kind] = sorted(labels)
    if earlier is not None:
        provenance["earlier"] = earlier.provenance
    if boxes_from_data:
        provenance["options"]["boxes_from_data"] = True
    if reject:
        provenance["options"]["rejected"] = len(reject)
    if min_score is not None:
        provenance["options"]["min_score"] = min_score
    if options.detectors and predictor is not None:  # workers may have another working directory
        options = replace(options, predictor=str(Path(predictor).absolute()))
    kept = kept_records(dataset, earlier, scheme, import_scale)
    header = {
        **provenance,
        "scheme": scheme.as_mapping(average=False),
        "images": _fingerprint(dataset, known, boxes, kept),
    }
    partial = output.with_name(f"{output.name}.partial")
    records = np.zeros(len(dataset), kept.dtype)
    done = np.zeros(len(dataset), bool)

    def keep(some: NDArray[Any]) -> None:
        records[some["index"]] = some
        done[some["index"]] = True

    keep(kept)
    with Journal(partial, _JOURNAL, header, force=force) as journal:
        keep(np.frombuffer(b"".join(value for _, value in journal.read()), kept.dtype))
        todo = np.flatnonzero(~done)
        if begin is not None:
            begin(len(todo))
        try:
            for some in _search(dataset, known, boxes, todo, options, scheme.count, jobs, scheduler):
                journal.write((int(record["index"]), record.tobytes()) for record in some)
                keep(some)
        except WorkerLostError as error:
            raise WsegsError(
                f"{error}; {done.sum()} images are kept in {partial}:"
                " run the same command again, with fewer processes (-j)"
            ) from error
        several = int((records["frames"] > 1).sum())
        if several:
            provenance["data"]["several_frames"] = several
        table = reject_faces(_table(dataset, known, scheme, records, provenance), reject, min_score)
        try:
            # The table last: when it is there, all is.
            if export is not None:
                write_csv(export, table)
            write_missing(table, records["reason"], output.with_suffix(".missing.csv"), min_score)
            write_doubtful(table, output.with_suffix(".doubtful.csv"))
            everything = replace(dataset, unmatched=(*dataset.unmatched, *imported.unmatched))
            write_unmatched(everything, output.with_suffix(".unmatched.csv"))
            write_landmarks(output, table, force=force)
        except OSError as error:
            if isinstance(error, WsegsError):
                raise
            raise WsegsError(
                f"{error.filename or output}: {error.strerror or error}; all that was found is kept in {partial}:"
                " run the same command again when that is mended"
            ) from error
        journal.remove()
    return table


def _scales(import_scale: Scale | None, data_scale: Scale | None) -> dict[str, Any]:
    given = {"import_scale": import_scale, "data_scale": data_scale}
    return {name: asdict(scale) for name, scale in given.items() if scale is not None}


def _search(
    dataset: FaceDataset,
    known: Known,
    boxes: DatasetBoxes | None,
    todo: NDArray[np.intp],
    options: ChainOptions,
    points: int,
    jobs: int,
    scheduler: str | None,
) -> Iterator[NDArray[Any]]:
    """Yield what workers find in the images ``todo``, some records at a time, under a progress bar."""
    if not len(todo):
        return
    counts: Counter[str] = Counter()
    calls = ((options, tasks, points) for tasks in _chunks(dataset, known, boxes, todo))
    results = run_in_workers(find_in_chunk, calls, jobs=jobs, scheduler=scheduler, ordered=False, batch_size=1)
    with closing(results), tqdm(total=len(dataset), initial=len(dataset) - len(todo), unit="face", disable=None) as bar:
        for records in results:
            yield records
            counts.update(_status_name(status) for status in records["status"].tolist())
            bar.set_postfix(counts, refresh=False)
            bar.update(len(records))


def _chunks(
    dataset: FaceDataset, known: Known, boxes: DatasetBoxes | None, todo: NDArray[np.intp]
) -> Iterator[list[ImageTask]]:
    for start in range(0, len(todo), _CHUNK):
        yield [
            ImageTask(
                i,
                str(dataset.path(i)),
                _numbers(dataset.boxes, i),
                detect=known.status[i] == NO_FACE,
                points=None if boxes is None else _numbers(boxes.points, i),
                square=None if boxes is None else _numbers(boxes.squares, i),
            )
            for i in todo[start : start + _CHUNK].tolist()
        ]


def _numbers(array: NDArray[np.float32] | None, row: int) -> tuple[float, ...] | None:
    """Return a row as numbers; None where it is unknown."""
    if array is None or not np.isfinite(array[row]).all():
        return None
    return tuple(array[row].ravel().tolist())


def _status_name(status: int) -> str:
    if status in (REJECTED, UNREADABLE):
        return "rejected" if status == REJECTED else "unreadable"
    return STATUS_NAMES[status] if status else "no face"


def _table(
    dataset: FaceDataset, known: Known, scheme: LandmarkScheme, records: NDArray[Any], provenance: dict[str, Any]
) -> LandmarkTable:
    use = (known.status != NO_FACE) & (records["status"] != UNREADABLE)
    landmarks = np.where(use[:, None, None], known.landmarks, records["landmarks"]).astype(np.float32)
    return LandmarkTable(
        scheme=scheme,
        images=dataset.images,
        landmarks=landmarks,
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
        numbers=dataset.numbers,
        categories=dataset.categories,
        score=np.where(use, known.score, records["score"]).astype(np.float32),
        doubt=doubts_of(landmarks, scheme),
    )


def _fingerprint(dataset: FaceDataset, known: Known, boxes: DatasetBoxes | None, kept: NDArray[Any]) -> str:
    """Return a sha256 of all inputs that decide the result: names, boxes, known landmarks."""
    digest = hashlib.sha256("\0".join(dataset.images).encode("utf-8", "surrogateescape"))
    if dataset.boxes is not None:
        digest.update(np.ascontiguousarray(dataset.boxes, np.float32).tobytes())
    if boxes is not None:
        digest.update(boxes.squares.tobytes())
        digest.update(b"" if boxes.points is None else boxes.points.tobytes())
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
        "doubtful": len(doubtful_rows(table)),
        "unsure": int((table.found & (table.score < SURE)).sum()),
        "several_frames": int(table.provenance.get("data", {}).get("several_frames", 0)),
        "no_face": int((table.status == NO_FACE).sum()),
        "rejected": int((table.status == REJECTED).sum()),
        "unreadable": int((table.status == UNREADABLE).sum()),
    }
