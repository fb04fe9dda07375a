"""From landmarks and rules to a mask store: workers draw and compress, one process writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs import __version__
from wsegs.checksum import pixels_checksum
from wsegs.errors import DataError, RuleError
from wsegs.files import check_output, nearest
from wsegs.hdf5 import create_hdf5
from wsegs.landmarks.table import LandmarkTable
from wsegs.lock import locks_output
from wsegs.rules import RuleSet, compile_rules
from wsegs.store.checksum import write_checksums
from wsegs.store.format import CHECKED_WHEN_READ, FORMAT_NAME, FORMAT_VERSION, chunk_filters, encode_chunk
from wsegs.store.frame import Frame, transform_points
from wsegs.store.refine_rows import Photos, RefineOptions, refine_rows

Layout = Literal["regions", "dense"]

# Rows that a worker draws at a time: enough to hide the cost of a task, few enough to keep memory flat.
_ROWS_A_TASK = 128
# Reading and refining an image takes some fifty times as long as drawing its regions.
_REFINED_ROWS_A_TASK = 16


def match_attributes(table_names: Sequence[str], rules: RuleSet, *, only_common: bool = False) -> tuple[str, ...]:
    """Return the attributes of a store: those of the data set, each of which needs a rule.

    A data set without labels gets the attributes that the rules list, all unknown.

    Raises
    ------
    RuleError
        If the rules list an attribute that the data set does not have, or the data set one that has no rule and
        the rules no default. ``only_common`` keeps those that both know instead.
    """
    if not table_names:
        return rules.attribute_names
    if only_common:
        common = tuple(name for name in table_names if name in rules.attribute_names)
        if not common:
            raise RuleError(f"{rules.source}: no attribute of the rules is one of the data set's")
        return common
    unknown = [name for name in rules.attribute_names if name not in table_names]
    if unknown:
        raise RuleError(
            f"{rules.source}: attribute '{unknown[0]}' is not one of the data set's {len(table_names)}"
            f"{nearest(unknown[0], list(table_names))}"
            + (f" ({len(unknown)} such attributes)" if len(unknown) > 1 else "")
            + "; --only-common keeps the attributes that both know"
        )
    return tuple(table_names)


@locks_output()
def build_store(
    table: LandmarkTable,
    rules: RuleSet,
    frame: Frame,
    output: str | Path,
    *,
    layout: Layout = "regions",
    only_common: bool = False,
    refine: RefineOptions | None = None,
    jobs: int = -1,
    force: bool = False,
) -> dict[str, Any]:
    """Draw the masks of every image of a landmark table into a mask store.

    Parameters
    ----------
    table
        Landmarks and labels, joined by file name already.
    rules
        Compiled rules for the landmarks' scheme, or for ``celeba5``, to which every other can be reduced.
    frame
        Where the masks live. In a ``face`` frame, images without a face have no crop and are left out; in an
        ``image`` frame they are kept, with empty masks.
    output
        The store; complete or absent.
    layout
        ``regions``: one integer a pixel. ``dense``: also the boolean channels, (N, A, H, W), for readers that
        know nothing of wsegs.
    only_common
        Keep the attributes that both the rules and the data set know; see :func:`match_attributes`.
    refine
        Refine regions by the pixels of the images; a face whose image cannot be read keeps what the rules draw.
    jobs
        Processes; -1 is one a core.
    force
        Overwrite ``output``.

    Returns
    -------
    A JSON-able summary: the rules' scheme, the one that landmarks were reduced from (None: they are of the rules' own),
    images, faces, images left out, regions that were empty and on how many faces, what was
    refined, bytes.

    Raises
    ------
    OutputExistsError, RuleError, DataError, OptionError
        Before anything is drawn.
    """
    output = check_output(output, force=force)
    found_scheme = table.scheme
    try:
        table = table.as_scheme(rules.scheme)
    except DataError as error:
        raise DataError(f"{rules.source}: {error}") from None
    if refine is not None:
        refine.refinement.check(rules)
    names = match_attributes(table.attribute_names, rules, only_common=only_common)
    lookup = rules.lookup(names)
    kept = np.flatnonzero(table.found) if frame.kind == "face" else np.flatnonzero(table.image_size[:, 0] > 0)
    if not len(kept):
        raise DataError("no face was found in any image, so there is nothing to draw masks for")
    labels = _labels(table, names)[kept]
    affine = frame.affine(table.landmarks[kept], table.image_size[kept], table.scheme)
    landmarks = transform_points(table.landmarks[kept], affine)

    empty_faces = np.zeros(len(rules.region_names), np.int64)
    unrefined = 0
    pixel_sums: list[int] = []
    with create_hdf5(output, CHECKED_WHEN_READ) as file:
        _write_rows(file, table, kept, labels, affine, landmarks)
        _write_attributes(file, table, rules, frame, names)
        regions = _create_chunked(file, "regions", (len(kept), *frame.size), rules.dtype)
        dense = None
        if layout == "dense":
            dense = _create_chunked(file, "masks", (len(kept), len(names), *frame.size), np.dtype(bool))
        photos = None
        if refine is not None:
            photos = Photos(tuple(table.images[i] for i in kept), table.image_size[kept], affine, refine)
        tasks = _tasks(rules, frame, landmarks, labels if dense is not None else None, names, photos)
        drawn = Parallel(n_jobs=jobs, return_as="generator")(tasks)
        row = 0
        with tqdm(total=len(kept), unit="face", desc="masks", disable=None) as bar:
            for region_chunks, mask_chunks, sums, empty, unread in drawn:
                for offset, chunk in enumerate(region_chunks):
                    regions.id.write_direct_chunk((row + offset, 0, 0), chunk)
                for offset, chunk in enumerate(mask_chunks):
                    assert dense is not None
                    dense.id.write_direct_chunk((row + offset, 0, 0, 0), chunk)
                pixel_sums += sums
                empty_faces += empty
                unrefined += unread
                row += len(region_chunks)
                bar.update(len(region_chunks))
        write_checksums(file, pixel_sums)
        if refine is not None:
            if unrefined and unrefined == table.found[kept].sum():
                raise DataError(f"{refine.root}: no image of a face could be read, so there is nothing to refine by")
            provenance = {**table.provenance, "refined": refine.as_json(unrefined)}
            file.attrs["provenance"] = json.dumps(provenance)
    faces = int(table.found[kept].sum())
    return {
        "output": str(output),
        "scheme": table.scheme.name,
        "reduced_from": None if table.scheme is found_scheme else found_scheme.name,
        "images": len(kept),
        "faces": faces,
        "left_out": len(table.images) - len(kept),
        "size": list(frame.size),
        "frame": frame.kind,
        "layout": layout,
        "regions": len(rules.region_names),
        "attributes": len(lookup.attribute_names),
        "empty_regions": {
            name: int(count) for name, count in zip(rules.region_names, empty_faces, strict=True) if count
        },
        "refined": None if refine is None else refine.as_json(unrefined),
        "bytes": output.stat().st_size,
    }


def _labels(table: LandmarkTable, names: Sequence[str]) -> NDArray[np.int8]:
    """Return the labels of ``names``, (N, A); -1 where the table has no such attribute."""
    labels = np.full((len(table.images), len(names)), -1, np.int8)
    columns = {name: column for column, name in enumerate(table.attribute_names)}
    for position, name in enumerate(names):
        if name in columns:
            labels[:, position] = table.attributes[:, columns[name]]
    return labels


def _create_chunked(file: h5py.File, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> h5py.Dataset:
    """Create a dataset with a chunk an image."""
    return file.create_dataset(
        name, shape, dtype, chunks=(1, *shape[1:]), **chunk_filters(dtype.itemsize), track_times=False
    )


def _write_rows(
    file: h5py.File,
    table: LandmarkTable,
    kept: NDArray[np.integer],
    labels: NDArray[np.int8],
    affine: NDArray[np.float32],
    landmarks: NDArray[np.float32],
) -> None:
    file["attributes"] = labels
    file["landmarks"] = landmarks
    file["affine"] = affine
    definition = json.dumps(table.scheme.as_mapping(average=False), sort_keys=True)
    file.create_dataset("scheme", data=definition, dtype=h5py.string_dtype())
    file.create_dataset("image", data=[table.images[i] for i in kept], dtype=h5py.string_dtype())
    file["identity"] = table.identity[kept].astype(np.int32)
    file["split"] = table.split[kept].astype(np.int8)
    file["status"] = table.status[kept].astype(np.uint8)


def _write_attributes(
    file: h5py.File, table: LandmarkTable, rules: RuleSet, frame: Frame, names: Sequence[str]
) -> None:
    file.attrs["format"] = FORMAT_NAME
    file.attrs["version"] = FORMAT_VERSION
    file.attrs["wsegs"] = __version__
    file.attrs["rules"] = rules.text
    file.attrs["rules_source"] = rules.source
    file.attrs["rules_sha256"] = rules.sha256
    file.attrs["scheme"] = table.scheme.name
    file.attrs["region_names"] = json.dumps(list(rules.region_names))
    file.attrs["attribute_names"] = json.dumps(list(names))
    file.attrs["status_names"] = json.dumps(list(table.status_names))
    file.attrs["frame"] = json.dumps(frame.as_json())
    file.attrs["provenance"] = json.dumps(table.provenance)


def _tasks(
    rules: RuleSet,
    frame: Frame,
    landmarks: NDArray[np.float32],
    labels: NDArray[np.int8] | None,
    names: Sequence[str],
    photos: Photos | None,
) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]:
    step = _ROWS_A_TASK if photos is None else _REFINED_ROWS_A_TASK
    for start in range(0, len(landmarks), step):
        rows = slice(start, start + step)
        yield delayed(_draw)(
            rules.text,
            rules.source,
            frame.size,
            landmarks[rows],
            None if labels is None else labels[rows],
            tuple(names),
            None if photos is None else photos.select(rows),
        )


@lru_cache(maxsize=1)
def _compiled(text: str, source: str) -> RuleSet:
    """Compile the rules once a worker."""
    return compile_rules(text, source)


def _draw(
    text: str,
    source: str,
    size: tuple[int, int],
    landmarks: NDArray[np.float32],
    labels: NDArray[np.int8] | None,
    names: tuple[str, ...],
    photos: Photos | None,
) -> tuple[list[bytes], list[bytes], list[int], NDArray[np.int64], int]:
    """Draw, refine and compress a few rows.

    Returns region chunks, mask chunks, the checksum of each image's regions, on how many faces each region is empty,
    and how many could not be refined.
    """
    rules = _compiled(text, source)
    regions = rules.draw(landmarks, size)
    unrefined = 0 if photos is None else refine_rows(regions, landmarks, rules, photos)
    has_face = np.isfinite(landmarks).all(axis=(1, 2))
    bits = np.bitwise_or.reduce(regions.reshape(len(regions), -1), axis=1)[has_face]
    empty = np.array([np.sum(bits >> bits.dtype.type(r) & 1 == 0) for r in range(len(rules.region_names))])
    masks: list[bytes] = []
    if labels is not None:
        lookup = rules.lookup(names)
        masks = [encode_chunk(lookup.expand(region, label)) for region, label in zip(regions, labels, strict=True)]
    sums = [pixels_checksum(region) for region in regions]
    return [encode_chunk(region) for region in regions], masks, sums, empty, unrefined
