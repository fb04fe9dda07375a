"""Draw a mask store from landmarks and rules: workers draw and compress, one process writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from wsegs import __version__
from wsegs.datasets.tables.columns import respelled
from wsegs.errors import DataError, OptionError, RuleError, WsegsError
from wsegs.geometry.frame import Frame
from wsegs.io.checksum import row_checksums
from wsegs.io.files import check_output, did_you_mean
from wsegs.io.journal import Journal
from wsegs.io.lock import locks_output
from wsegs.io.processes.parallel import WorkerLostError
from wsegs.landmarks.image_sizes import check_image_sizes
from wsegs.landmarks.label_columns import LABEL_GROUPS, label_arrays
from wsegs.landmarks.table import LandmarkTable, table_sha256
from wsegs.rules import RuleSet
from wsegs.store.format import CHECKED, CODEC, FORMAT_NAME, FORMAT_VERSION
from wsegs.store.writing.dispatch import Tally, draw_in_order
from wsegs.store.writing.draw_rows import Drawing, DrawnRows
from wsegs.store.writing.placed_rows import PlacedRows, place_rows
from wsegs.store.writing.write import Block, Column, Contents, array_column, write_store

if TYPE_CHECKING:
    from wsegs.store.writing.encode_crops import CropOptions
    from wsegs.store.writing.refine_rows import RefineOptions

Layout = Literal["regions", "dense"]
_JOURNAL = "wsegs-masks-journal 3"


class UnreadableImagesError(DataError):
    """No image could be read, though images were to be refined by or kept."""


def match_attributes(
    table_names: Sequence[str], rules: RuleSet, *, shared_attributes_only: bool = False
) -> tuple[str, ...]:
    """Return the attributes of a store: those of the data set, each of which needs a rule.

    A data set without labels gets the attributes that the rules list, all unknown.

    Raises
    ------
    RuleError
        If the rules list an attribute that the data set does not have, or the data set one that has no rule and
        the rules no default. ``shared_attributes_only`` keeps those that both know instead.
    """
    if not table_names:
        return rules.attribute_names
    if shared_attributes_only:
        common = tuple(name for name in table_names if name in rules.attribute_names)
        if not common:
            raise RuleError(f"{rules.source}: no attribute of the rules is one of the data set's")
        return common
    unknown = [name for name in rules.attribute_names if name not in table_names]
    if unknown:
        raise RuleError(
            f"{rules.source}: attribute '{unknown[0]}' is not one of the data set's {len(table_names)}"
            f"{did_you_mean(unknown[0], list(table_names))}"
            + (f" ({len(unknown)} such attributes)" if len(unknown) > 1 else "")
            + "; --shared-attributes-only keeps the attributes that both know"
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
    shared_attributes_only: bool = False,
    refine: RefineOptions | None = None,
    images: CropOptions | None = None,
    shard: tuple[int, int] | None = None,
    jobs: int = -1,
    scheduler: str | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Draw the masks of every image of a landmark table into a mask store.

    An interrupted call leaves ``output.partial``; the same call goes on from there. The bytes of the result do not
    depend on ``jobs`` nor on interruptions.

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
    shared_attributes_only
        Keep the attributes that both the rules and the data set know; see :func:`match_attributes`.
    refine
        Refine regions by the pixels of the images; a face whose image cannot be read keeps what the rules draw.
    images
        Keep the images' crops in the store, as JPEGs; a row whose image cannot be read keeps its masks alone.
    shard
        (k, n): draw only the k-th of n shares of the rows, k from 1 to n;
        :func:`wsegs.store.writing.merge.merge_shards` joins them.
    jobs
        Processes; -1 is one a core.
    scheduler
        Address of a Dask scheduler whose workers draw instead; see :func:`wsegs.io.processes.parallel.run_in_workers`.
    force
        Overwrite ``output``, and drop an unfinished run of other options.

    Returns
    -------
    A JSON-able summary: the rules' scheme, the one that landmarks were reduced from (None: they are of the rules' own),
    images, faces, images left out, regions that were empty and on how many faces, what was
    refined, images that should have been kept and cannot be read, bytes.

    Raises
    ------
    OutputExistsError, RuleError, DataError, OptionError
        Before anything is drawn.
    WsegsError
        If a worker died or the disk is full; what was drawn is kept.
    """
    output = check_output(output, force=force)
    same_points = table.scheme.agrees_with(rules.scheme)
    try:
        table.scheme.convert(np.zeros((0, table.scheme.count, 2), np.float32), rules.scheme)
    except DataError as error:
        raise DataError(f"{rules.source}: {error}") from None
    if refine is not None:
        refine.refinement.check(rules)
    table = replace(table, attribute_names=respelled(table.attribute_names, rules.attribute_names))
    names = match_attributes(table.attribute_names, rules, shared_attributes_only=shared_attributes_only)
    rules.lookup(names)  # each needs a rule
    everything = place_rows(table, frame, table.scheme if same_points else rules.scheme, names)
    if not len(everything):
        raise DataError("no face was found in any image, so there is nothing to draw masks for")
    placed = everything if shard is None else _shard(everything, shard)
    drawing = Drawing(rules.program, rules.text, rules.source, frame.size, names if layout == "dense" else None)
    for reader in (refine, images):
        if reader is not None:
            check_image_sizes(reader.root, placed.images, placed.image_sizes, "its landmarks")
    unfinished = output.with_name(f"{output.name}.partial")
    inputs = _inputs(placed, rules, layout, refine, images, shard)
    tally = Tally(len(rules.region_names))
    with Journal(unfinished, _JOURNAL, inputs, force=force) as journal:
        try:
            drawn = draw_in_order(
                placed, drawing, journal, tally, refine=refine, images=images, jobs=jobs, scheduler=scheduler
            )
            first = list(islice(drawn, 1))  # workers start, and draw on while the store's columns are written
            header = partial(_header, placed, rules, tally, refine, images, shard)
            contents = _contents(placed, rules, layout, header, with_images=images is not None)
            write_store(output, contents, _blocks(chain(first, drawn), contents), "masks")
        except (WorkerLostError, OSError) as error:
            # Other WsegsErrors that are OSErrors say all there is to say.
            if not tally.rows or (isinstance(error, WsegsError) and not isinstance(error, WorkerLostError)):
                raise
            raise _stopped(error, unfinished, tally.rows, len(placed)) from error
        except UnreadableImagesError:
            journal.remove()  # once the images are there, the same command must draw anew
            raise
        journal.remove()
    return {
        "output": str(output),
        "scheme": placed.scheme.name,
        "reduced_from": None if same_points else table.scheme.name,
        "images": len(placed),
        "faces": placed.faces,
        "left_out": len(table.images) - len(everything),
        "shard": None if shard is None else list(shard),
        "size": list(frame.size),
        "frame": frame.kind,
        "layout": layout,
        "regions": len(rules.region_names),
        "attributes": len(names),
        "empty_regions": {
            name: int(count) for name, count in zip(rules.region_names, tally.empty, strict=True) if count
        },
        "refined": None if refine is None else refine.as_json(tally.unrefined),
        "unreadable": tally.unreadable,
        "bytes": output.stat().st_size,
    }


def _shard(placed: PlacedRows, shard: tuple[int, int]) -> PlacedRows:
    number, of = shard
    if not 1 <= number <= of <= len(placed):
        raise OptionError(
            f"--shard {number}/{of}: expected 1/N to N/N and at most as many shards as images, {len(placed)}"
        )
    return placed.shard(number, of)


def _inputs(
    placed: PlacedRows,
    rules: RuleSet,
    layout: Layout,
    refine: RefineOptions | None,
    images: CropOptions | None,
    shard: tuple[int, int] | None,
) -> dict[str, Any]:
    """Return all that decides the result: the journal's header."""
    return {
        "wsegs": __version__,
        "opencv": cv2.__version__,
        "codec": CODEC,
        "rules": rules.source,
        "rules sha256": rules.sha256,
        "landmarks sha256": table_sha256(placed.table),
        "attributes": list(placed.attribute_names),
        "frame": placed.frame.as_json(),
        "layout": layout,
        "refine": None if refine is None else {**refine.as_json(0), "images": str(refine.root)},
        "with images": None if images is None else {"images": str(images.root), "quality": images.quality},
        "shard": None if shard is None else list(shard),
    }


def _contents(
    placed: PlacedRows, rules: RuleSet, layout: Layout, header: Callable[[], dict[str, Any]], *, with_images: bool
) -> Contents:
    """Return all of the store but its chunks."""
    table, points = placed.table, (placed.scheme.count, 2)
    columns = {
        "attributes": Column(np.dtype(np.int8), (len(placed.attribute_names),), placed.labels),
        "landmarks": Column(np.dtype(np.float32), points, lambda rows: placed.place(rows)[1]),
        "affine": Column(np.dtype(np.float32), (2, 3), lambda rows: placed.place(rows)[0]),
        "identity": array_column(table.identity[placed.rows].astype(np.int32)),
        "split": array_column(table.split[placed.rows].astype(np.int8)),
        "status": array_column(table.status[placed.rows].astype(np.uint8)),
        "image_size": array_column(placed.image_sizes.astype(np.int32)),
    }
    labels = label_arrays(table.numbers, table.categories)
    columns |= {name: array_column(values[placed.rows]) for name, values in labels.items()}
    chunked: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {"regions": (placed.frame.size, rules.dtype)}
    if layout == "dense":
        chunked["masks"] = ((len(placed.attribute_names), *placed.frame.size), np.dtype(bool))
    definition = json.dumps(placed.scheme.as_mapping(average=False), sort_keys=True)
    names = {name: table.categories[name].names for name in sorted(table.categories)}
    return Contents(placed.images, columns, chunked, definition, header, with_images, names)


def _header(
    placed: PlacedRows,
    rules: RuleSet,
    tally: Tally,
    refine: RefineOptions | None,
    images: CropOptions | None,
    shard: tuple[int, int] | None,
) -> dict[str, Any]:
    """Return the attributes of the store, once all rows are drawn.

    Raises
    ------
    UnreadableImagesError
        If images were to be read, and none could be.
    """
    if refine is not None and tally.unrefined and tally.unrefined == placed.faces:
        raise UnreadableImagesError(
            f"{refine.root}: no image of a face could be read, so there is nothing to refine by"
        )
    if images is not None and len(tally.unreadable) == len(placed):
        raise UnreadableImagesError(
            f"{images.root}: no image could be read, so there is none to keep ({tally.unreadable[0]})"
        )
    table = placed.table
    refined = {} if refine is None else {"refined": refine.as_json(tally.unrefined)}
    header = {
        "format": FORMAT_NAME,
        "version": FORMAT_VERSION,
        "wsegs": __version__,
        "rules": rules.text,
        "rules_source": rules.source,
        "rules_sha256": rules.sha256,
        "scheme": placed.scheme.name,
        "region_names": json.dumps(list(rules.region_names)),
        "attribute_names": json.dumps(list(placed.attribute_names)),
        "status_names": json.dumps(list(table.status_names)),
        "frame": json.dumps(placed.frame.as_json()),
        "provenance": json.dumps({**table.provenance, **refined}),
    }
    if shard is not None:
        header["shard"] = json.dumps(shard)
    return header


def _blocks(drawn: Iterable[DrawnRows], contents: Contents) -> Iterator[Block]:
    """Yield the drawn rows with their checksums."""
    behind = 0
    checked = (*CHECKED, *(name for name in contents.columns if name.startswith(LABEL_GROUPS)))
    for some in drawn:
        rows = slice(behind, behind + len(some))
        columns = [contents.columns[name].rows(rows) for name in checked]
        yield Block(some.chunks, row_checksums(contents.images[rows], columns, some.sums))
        behind = rows.stop


def _stopped(error: Exception, unfinished: Path, done: int, rows: int) -> WsegsError:
    """Return the error of a run that a full disk or a lost worker stopped."""
    if isinstance(error, WorkerLostError):
        reason, remedy = str(error), "run the same command again, with fewer processes (-j)"
    else:
        assert isinstance(error, OSError)
        where = "" if error.filename is None else f"{error.filename}: "
        reason, remedy = f"{where}{error.strerror or error}", "the same command goes on"
    return WsegsError(f"{reason}; {done} of {rows} images are kept in {unfinished}: {remedy}")
