"""From landmarks and rules to a mask store: workers draw and compress, one process writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from wsegs import __version__
from wsegs.errors import DataError, RuleError
from wsegs.files import check_output, complete_or_absent, nearest
from wsegs.landmarks.table import LandmarkTable
from wsegs.rules import RuleSet
from wsegs.store.crops import CropOptions, CropSources
from wsegs.store.draw_rows import Drawing, DrawnRows, draw_rows
from wsegs.store.format import FORMAT_NAME, FORMAT_VERSION
from wsegs.store.frame import Frame
from wsegs.store.placed_rows import PlacedRows, place_rows
from wsegs.store.refine_rows import Photos, RefineOptions
from wsegs.store.stored_crops import CropWriter
from wsegs.store.write import Column, array_column, create_chunked, write_chunks, write_columns, write_names

Layout = Literal["regions", "dense"]

# Rows that a worker draws at a time: the rules' arithmetic on arrays takes half as long for 1024 faces as for 128.
_ROWS_A_TASK = 1024
# Reading an image takes ten times as long as drawing its regions, refining them fifty times.
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


def build_store(
    table: LandmarkTable,
    rules: RuleSet,
    frame: Frame,
    output: str | Path,
    *,
    layout: Layout = "regions",
    only_common: bool = False,
    refine: RefineOptions | None = None,
    images: CropOptions | None = None,
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
    images
        Keep the images' crops in the store, as JPEGs; a row whose image cannot be read keeps its masks alone.
    jobs
        Processes; -1 is one a core.
    force
        Overwrite ``output``.

    Returns
    -------
    A JSON-able summary: the rules' scheme, the one that landmarks were reduced from (None: they are of the rules' own),
    images, faces, images left out, regions that were empty and on how many faces, what was
    refined, images that should have been kept and cannot be read, bytes.

    Raises
    ------
    OutputExistsError, RuleError, DataError, OptionError
        Before anything is drawn.
    """
    output = check_output(output, force=force)
    try:
        table.scheme.convert(np.zeros((0, table.scheme.count, 2), np.float32), rules.scheme)
    except DataError as error:
        raise DataError(f"{rules.source}: {error}") from None
    if refine is not None:
        refine.refinement.check(rules)
    names = match_attributes(table.attribute_names, rules, only_common=only_common)
    rules.lookup(names)  # each needs a rule
    same_points = table.scheme.agrees_with(rules.scheme)
    placed = place_rows(table, frame, table.scheme if same_points else rules.scheme, names)
    if not len(placed):
        raise DataError("no face was found in any image, so there is nothing to draw masks for")
    layout_names = names if layout == "dense" else None
    drawing = Drawing(rules.program, rules.text, rules.source, frame.size, layout_names)
    empty_faces = np.zeros(len(rules.region_names), np.int64)
    unrefined = 0
    with complete_or_absent(output) as temporary, h5py.File(temporary, "w") as file:
        _write_header(file, placed, rules)
        _write_rows(file, placed)
        crops = None
        if images is not None:
            sizes = array_column(placed.image_sizes.astype(np.int32))
            write_columns(file, len(placed), {"image_size": sizes})
            crops = CropWriter(file, len(placed))
        unreadable: list[str] = []
        create_chunked(file, "regions", len(placed), frame.size, rules.dtype)
        if layout == "dense":
            create_chunked(file, "masks", len(placed), (len(names), *frame.size), np.dtype(bool))
        row = 0
        with tqdm(total=len(placed), unit="face", desc="masks", disable=None) as bar:
            for drawn in _draw(placed, drawing, refine, images, jobs):
                if crops is not None:
                    crops.append(drawn.chunks.pop("crops"))
                    unreadable += drawn.unreadable
                write_chunks(file, row, drawn.chunks)
                empty_faces += drawn.empty
                unrefined += drawn.unrefined
                row += len(drawn)
                bar.update(len(drawn))
        if images is not None and crops is not None:
            if len(unreadable) == len(placed):
                raise DataError(f"{images.root}: no image could be read, so there is none to keep ({unreadable[0]})")
            crops.finish()
        provenance = table.provenance
        if refine is not None:
            if unrefined and unrefined == placed.faces:
                raise DataError(f"{refine.root}: no image of a face could be read, so there is nothing to refine by")
            provenance = {**table.provenance, "refined": refine.as_json(unrefined)}
        file.attrs["provenance"] = json.dumps(provenance)
    return {
        "output": str(output),
        "scheme": placed.scheme.name,
        "reduced_from": None if same_points else table.scheme.name,
        "images": len(placed),
        "faces": placed.faces,
        "left_out": len(table.images) - len(placed),
        "size": list(frame.size),
        "frame": frame.kind,
        "layout": layout,
        "regions": len(rules.region_names),
        "attributes": len(names),
        "empty_regions": {
            name: int(count) for name, count in zip(rules.region_names, empty_faces, strict=True) if count
        },
        "refined": None if refine is None else refine.as_json(unrefined),
        "unreadable": unreadable,
        "bytes": output.stat().st_size,
    }


def _write_rows(file: h5py.File, placed: PlacedRows) -> None:
    """Write every column but the drawn ones."""
    table, points = placed.table, (placed.scheme.count, 2)
    columns = {
        "attributes": array_column(placed.labels()),
        "landmarks": Column(np.dtype(np.float32), points, lambda rows: placed.place(rows)[1]),
        "affine": Column(np.dtype(np.float32), (2, 3), lambda rows: placed.place(rows)[0]),
        "identity": array_column(table.identity[placed.rows].astype(np.int32)),
        "split": array_column(table.split[placed.rows].astype(np.int8)),
        "status": array_column(table.status[placed.rows].astype(np.uint8)),
    }
    write_columns(file, len(placed), columns)
    write_names(file, "image", placed.images)
    definition = json.dumps(placed.scheme.as_mapping(average=False), sort_keys=True)
    file.create_dataset("scheme", data=definition, dtype=h5py.string_dtype(), track_times=False)


def _write_header(file: h5py.File, placed: PlacedRows, rules: RuleSet) -> None:
    file.attrs["format"] = FORMAT_NAME
    file.attrs["version"] = FORMAT_VERSION
    file.attrs["wsegs"] = __version__
    file.attrs["rules"] = rules.text
    file.attrs["rules_source"] = rules.source
    file.attrs["rules_sha256"] = rules.sha256
    file.attrs["scheme"] = placed.scheme.name
    file.attrs["region_names"] = json.dumps(list(rules.region_names))
    file.attrs["attribute_names"] = json.dumps(list(placed.attribute_names))
    file.attrs["status_names"] = json.dumps(list(placed.table.status_names))
    file.attrs["frame"] = json.dumps(placed.frame.as_json())


def _draw(
    placed: PlacedRows, drawing: Drawing, refine: RefineOptions | None, images: CropOptions | None, jobs: int
) -> Iterator[DrawnRows]:
    """Let workers draw the rows; yield what they made, in order."""
    parallel = Parallel(n_jobs=jobs, return_as="generator", batch_size=1)
    yield from parallel(delayed(draw_rows)(*task) for task in _tasks(placed, drawing, refine, images))


def _tasks(
    placed: PlacedRows, drawing: Drawing, refine: RefineOptions | None, images: CropOptions | None
) -> Iterator[tuple[Drawing, NDArray[np.float32], NDArray[np.int8] | None, Photos | None, CropSources | None]]:
    """Yield the arguments of :func:`draw_rows` for some rows after the other."""
    reads = refine is not None or images is not None
    step = _REFINED_ROWS_A_TASK if reads else _ROWS_A_TASK
    labels = None if drawing.attribute_names is None else placed.labels()
    names, sizes = (placed.images, placed.image_sizes) if reads else ((), np.zeros((0, 2), np.int32))
    for start in range(0, len(placed), step):
        rows = slice(start, start + step)
        affine, landmarks = placed.place(rows)
        photos = None if refine is None else Photos(names[rows], sizes[rows], affine, refine)
        sources = None if images is None else CropSources(names[rows], sizes[rows], affine, images)
        yield drawing, landmarks, None if labels is None else labels[rows], photos, sources
