"""Write ``features.h5``: workers read images, one process writes; an interrupted call goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs import __version__
from wsegs.errors import DataError, WsegsError
from wsegs.features.format import FORMAT_NAME, FORMAT_VERSION, OWN, ROWS_A_CHUNK, UNREADABLE
from wsegs.io.checksum import pixels_checksum, row_checksums
from wsegs.io.files import check_output
from wsegs.io.hdf5 import WrittenFile, create_hdf5
from wsegs.io.journal import Journal
from wsegs.io.lock import locks_output
from wsegs.io.processes.parallel import WorkerLostError, run_in_workers

_JOURNAL = "wsegs-features-journal 1"


@dataclass(frozen=True, eq=False)
class Rows:
    """Features of some consecutive images.

    Attributes
    ----------
    blocks
        Name of a dataset, such as ``s8`` -> float16 (n, R + 1, C).
    status
        (n,) uint8; see :mod:`wsegs.features.format`.
    unreadable
        ``name: reason`` of each image that cannot be read.
    """

    blocks: dict[str, NDArray[np.float16]]
    status: NDArray[np.uint8]
    unreadable: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """Return all of it for a journal: a line of JSON, then the arrays."""
        head: dict[str, Any] = {"shapes": {name: block.shape for name, block in self.blocks.items()}}
        head |= {"status": self.status.tolist(), "unreadable": self.unreadable}
        return b"".join([json.dumps(head).encode(), b"\n", *(block.tobytes() for block in self.blocks.values())])

    @classmethod
    def from_bytes(cls, data: bytes) -> Rows:
        """Return the rows that :meth:`to_bytes` wrote."""
        place = data.index(b"\n") + 1
        head = json.loads(data[:place])
        blocks = {}
        for name, shape in head["shapes"].items():
            count = int(np.prod(shape))
            blocks[name] = np.frombuffer(data, np.float16, count, place).reshape(shape)
            place += 2 * count
        return cls(blocks, np.array(head["status"], np.uint8), tuple(head["unreadable"]))


class RowReader(Protocol):
    """Reads features of images by row; pickles, so that workers can."""

    def __len__(self) -> int: ...

    def read(self, rows: NDArray[np.intp]) -> Rows:
        """Return the features of some images."""

    def stream(self, parts: Sequence[NDArray[np.intp]], jobs: int) -> Iterator[Rows] | None:
        """Yield the features of parts of the rows from one device, to which ``jobs`` processes bring images.

        None where there is no such device, so that each process computes for itself.
        """


@locks_output()
def build_features(
    reader: RowReader,
    images: tuple[str, ...],
    region_names: tuple[str, ...],
    identity: Mapping[str, Any],
    output: Path,
    *,
    rows: NDArray[np.intp] | None = None,
    jobs: int = -1,
    scheduler: str | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Read the features of images into a file, which is complete or absent.

    An interrupted call leaves ``output.partial``; the same call goes on from there.

    Parameters
    ----------
    reader
        Reads the features.
    images
        N names.
    region_names
        R names.
    identity
        What makes the features, as JSON holds it.
    output
        The file.
    rows
        (N,) which of the reader's images they are; None is all, in their order.
    jobs
        Processes; -1 is one a core.
    scheduler
        Address of a Dask scheduler whose workers read instead; see :func:`wsegs.io.processes.parallel.run_in_workers`.
    force
        Overwrite ``output``, and drop an unfinished run of other options.

    Returns
    -------
    A JSON-able summary: images, those with regions of their own and of the mean face, what could not be read, bytes.

    Raises
    ------
    OutputExistsError, OptionError, DataError
        Before anything is read, or if no image can be read.
    WsegsError
        If a worker died; what was read is kept.
    """
    output = check_output(output, force=force)
    unfinished = output.with_name(f"{output.name}.partial")
    with Journal(unfinished, _JOURNAL, {"images": len(images), **identity}, force=force) as journal:
        try:
            wanted = np.arange(len(images)) if rows is None else rows
            read = _rows_in_order(reader, journal, wanted, jobs, scheduler)
            status, unreadable = _write(output, read, images, region_names, identity)
        except WorkerLostError as error:
            raise WsegsError(
                f"{error}; what was read is kept in {unfinished}: run the same command again, with fewer processes (-j)"
            ) from error
        except _NothingReadError:
            journal.remove()  # once the images are there, the same command must read anew
            raise
        journal.remove()
    return {
        "output": str(output),
        "images": len(images),
        "own_regions": int((status == OWN).sum()),
        "mean_face": int((status > OWN).sum()),
        "unreadable": unreadable,
        "bytes": output.stat().st_size,
    }


class _NothingReadError(DataError):
    """No image could be read."""


def _rows_in_order(
    reader: RowReader, journal: Journal, wanted: NDArray[np.intp], jobs: int, scheduler: str | None
) -> Iterator[Rows]:
    """Yield all wanted rows, a chunk at a time: those in the journal, then new ones, which are kept in it first."""
    done = 0
    for first, value in journal.read():
        if first != done:  # rows before it were damaged
            break
        rows = Rows.from_bytes(value)
        done += len(rows.status)
        yield rows
    parts = [wanted[first : first + ROWS_A_CHUNK] for first in range(done, len(wanted), ROWS_A_CHUNK)]
    streamed = None if scheduler else reader.stream(parts, jobs)
    if streamed is None:
        streamed = run_in_workers(_read, ((reader, part) for part in parts), jobs=jobs, scheduler=scheduler)
    for rows in streamed:
        journal.write([(done, rows.to_bytes())])
        done += len(rows.status)
        yield rows


def _read(reader: RowReader, rows: NDArray[np.intp]) -> Rows:
    return reader.read(rows)


def _write(
    output: Path,
    rows: Iterable[Rows],
    images: tuple[str, ...],
    region_names: tuple[str, ...],
    identity: Mapping[str, Any],
) -> tuple[NDArray[np.uint8], list[str]]:
    encoded = [name.encode("utf-8", "surrogateescape") for name in images]
    status = np.zeros(len(images), np.uint8)
    begun: dict[str, NDArray[np.uint32]] = {}
    unreadable: list[str] = []
    done = 0
    with create_hdf5(output) as file, tqdm(total=len(images), unit="image", desc="features", disable=None) as bar:
        datasets: dict[str, Any] = {}
        for some in rows:
            if not datasets:
                datasets = {name: _dataset(file, name, len(images), block) for name, block in some.blocks.items()}
            for name, block in some.blocks.items():
                length = min(ROWS_A_CHUNK, len(images))
                chunk = np.zeros((length, *block.shape[1:]), np.float16)  # HDF5 keeps the last one whole, too
                chunk[: len(block)] = block
                file.write_chunk(datasets[name], (done, 0, 0), chunk.tobytes())
            here = slice(done, done + len(some.status))
            for group, joined in _joined(some).items():
                sums = begun.setdefault(group, np.zeros(len(images), np.uint32))
                sums[here] = [pixels_checksum(row) for row in joined]
            status[here] = some.status
            unreadable += some.unreadable
            done = here.stop
            bar.update(len(some.status))
            file.check()
        if (status == UNREADABLE).all():
            raise _NothingReadError(f"no image could be read; the first: {unreadable[0]}")
        longest = h5py.string_dtype(length=max(1, max(map(len, encoded))))
        file.create_dataset("image", data=np.array(encoded, longest), dtype=longest, track_times=False)
        file.create_dataset("status", data=status, track_times=False)
        for group, sums in begun.items():
            file.create_dataset(f"{group}checksum", data=row_checksums(images, [status], sums), track_times=False)
        header = {"format": FORMAT_NAME, "version": FORMAT_VERSION, "wsegs": __version__}
        header |= {"region_names": json.dumps(region_names), "identity": json.dumps(identity)}
        for name, value in sorted(header.items()):
            file.attrs[name] = value
    return status, unreadable


def _dataset(file: WrittenFile, name: str, count: int, block: NDArray[np.float16]) -> Any:
    shape = (count, *block.shape[1:])
    chunks = (min(ROWS_A_CHUNK, count), *shape[1:])
    return file.create_dataset(name, shape, np.float16, chunks=chunks, track_times=False).id


def _joined(rows: Rows) -> dict[str, NDArray[np.float16]]:
    """Return the features of each image as one row, (n, F), of the images (the empty group) and of mirrored ones."""
    groups: dict[str, list[NDArray[np.float16]]] = {}
    for name, block in rows.blocks.items():
        groups.setdefault(name[: name.rfind("/") + 1], []).append(block.reshape(len(block), -1))
    return {group: np.concatenate(blocks, axis=1) for group, blocks in groups.items()}
