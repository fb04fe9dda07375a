"""Run folders: what a training leaves, and how a network comes back out of it."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from wsegs import __version__
from wsegs.errors import DataError, OptionError
from wsegs.geometry.frame import Frame, frame_from_json, transform_points
from wsegs.io.files import atomic_write
from wsegs.nets import build_network
from wsegs.store import MaskStore
from wsegs.tasks.region_sources import LandmarkBoxes, ParsedRegions, RegionSource
from wsegs.training.recipe import Recipe, read_recipe, write_recipe
from wsegs.training.run_folder import BEST, INFO, LAST, RECIPE, begin_run, check_free, check_run, no_checkpoint

RUN_FORMAT = 1

Checkpoint = Literal["best", "last"]


@dataclass(frozen=True)
class RunInfo:
    """What a network was trained on: ``run.json``.

    Attributes
    ----------
    attribute_names
        In the order of the network's outputs.
    frame
        How its images were cropped, at the size of the mask store.
    source_size
        (H, W) that all source images had, where the frame is ``image``; else None.
    scheme
        Name of the landmark scheme of the mask store, for the record: crops need only the five points.
    mean_points
        (5, 2): where the five points (eyes, nose, mouth corners) lie on average in the network's images, x and y in
        pixels; None if no image had a face.
    provenance
        What else is worth knowing: the mask store, its rules and data, numbers of images.
    class_names
        Of a network that parses, in the order of its scores; else empty.
    region_names
        Of a network that reads regions; else empty.
    parser
        What the parser was that draws the regions of new images; its weights are in the run's checkpoints. None where
        there is none.
    """

    attribute_names: tuple[str, ...]
    frame: Frame
    source_size: tuple[int, int] | None
    scheme: str
    mean_points: NDArray[np.float32] | None
    provenance: dict[str, Any]
    class_names: tuple[str, ...] = ()
    region_names: tuple[str, ...] = ()
    parser: ParserInfo | None = None


@dataclass(frozen=True)
class ParserInfo:
    """What it takes to build the parser of a run again.

    Attributes
    ----------
    network
        Its name and options, as in its recipe.
    size
        (H, W) of its images.
    class_names
        Of its classes.
    source
        The run that it was taken from.
    """

    network: dict[str, Any]
    size: tuple[int, int]
    class_names: tuple[str, ...]
    source: str

    def build(self, size: tuple[int, int], *, hard: bool) -> ParsedRegions:
        """Return what draws regions of size (h, w), without the parser's weights; see :class:`ParsedRegions`."""
        options = {name: value for name, value in self.network.items() if name != "name"}
        network = build_network(self.network["name"], size=self.size, classes=len(self.class_names), **options)
        return ParsedRegions(network, self.size, self.class_names, size, hard=hard)

    def as_fields(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {**asdict(self), "size": list(self.size), "class_names": list(self.class_names)}


@dataclass(frozen=True)
class Run:
    """A trained network with what is needed to use it.

    Attributes
    ----------
    path, recipe, info
    network
        In evaluation mode.
    regions
        What draws the regions that the network reads; None where it reads none, or nothing draws them.
    """

    path: Path
    recipe: Recipe
    info: RunInfo
    network: nn.Module
    regions: RegionSource | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the network's images."""
        return self.recipe.size

    def check_usable(self) -> None:
        """Check that the network can be applied to new images and recognises attributes.

        Raises
        ------
        OptionError
            If it only parses, or reads regions and nothing draws them.
        """
        if not self.recipe.recognises:
            raise OptionError(f"{self.path}: network '{self.recipe.network.name}' parses faces, it has no attributes")
        if self.info.region_names and self.regions is None:
            raise OptionError(
                f"{self.path}: network '{self.recipe.network.name}' reads regions that were known in training, and"
                " nothing draws them for new images; wsegs train --parser RUN gives it a parser"
            )


def describe_run(
    store: MaskStore, recipe: Recipe, rows: NDArray[np.intp], counts: dict[str, Any], **names: Any
) -> RunInfo:
    """Return the :class:`RunInfo` of a training on some rows of a store; ``names`` are its last three fields."""
    found = rows[store.status[rows] != 0]
    mean_points = None
    if len(found):
        points = store.scheme.five_points(store.landmarks[found]).mean(axis=0)
        scale = np.array(recipe.size) / store.size
        matrix = np.array([[[scale[1], 0, (scale[1] - 1) / 2], [0, scale[0], (scale[0] - 1) / 2]]])
        mean_points = transform_points(points[None], matrix)[0]
    source_size = None
    if store.frame.kind == "image":
        matrix = store.affine[rows[0]]
        source_size = (round(store.size[0] / matrix[1, 1]), round(store.size[1] / matrix[0, 0]))
    provenance = {
        "masks": str(store.path.absolute()),
        "rules": {"source": store.rules.source, "sha256": store.rules.sha256},
        "landmarks": store.provenance,
        **counts,
    }
    attributes = store.attribute_names if recipe.recognises else ()
    return RunInfo(attributes, store.frame, source_size, store.scheme.name, mean_points, provenance, **names)


def create_run(path: Path, recipe: Recipe, info: RunInfo, *, force: bool) -> None:
    """Begin a run folder, with everything but checkpoints.

    Raises
    ------
    OutputExistsError
        If there is one and ``force`` is false, or another folder that is not a run.
    """
    check_free(path, force=force)
    fields = {
        "format": RUN_FORMAT,
        "wsegs": __version__,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "attribute_names": list(info.attribute_names),
        "frame": info.frame.as_json(),
        "source_size": info.source_size and list(info.source_size),
        "scheme": info.scheme,
        "mean_points": None if info.mean_points is None else info.mean_points.astype(float).round(3).tolist(),
        "class_names": list(info.class_names),
        "region_names": list(info.region_names),
        "parser": info.parser and info.parser.as_fields(),
        "provenance": info.provenance,
    }

    def write(folder: Path) -> None:
        write_recipe(folder / RECIPE, recipe)
        with atomic_write(folder / INFO) as temporary:
            temporary.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")

    begin_run(path, write)


def read_run(path: Path) -> tuple[Recipe, RunInfo]:
    """Read a run folder's recipe and description.

    Raises
    ------
    MissingError
        If it is no run folder.
    DataError
        If another format version made it, or a file in it is damaged.
    """
    check_run(path)
    try:
        fields = json.loads((path / INFO).read_text(encoding="utf-8"))
        version = fields["format"]
        if version != RUN_FORMAT:
            raise DataError(f"{path / INFO}: expected format {RUN_FORMAT} of a run, got {version}")
        info = RunInfo(
            attribute_names=tuple(fields["attribute_names"]),
            frame=frame_from_json(fields["frame"]),
            source_size=fields["source_size"] and (int(fields["source_size"][0]), int(fields["source_size"][1])),
            scheme=str(fields["scheme"]),
            mean_points=None if fields["mean_points"] is None else np.array(fields["mean_points"], np.float32),
            provenance=fields["provenance"],
            class_names=tuple(fields.get("class_names", ())),  # runs of before have none of the last three
            region_names=tuple(fields.get("region_names", ())),
            parser=None if fields.get("parser") is None else _parser_info(fields["parser"]),
        )
    except DataError:
        raise
    except KeyError as error:
        raise DataError(f"{path / INFO}: the field {error} is missing; the run is damaged") from None
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise DataError(f"{path / INFO}: damaged ({error})") from None
    return read_recipe(path / RECIPE), info


def load_run(path: Path, checkpoint: Checkpoint = "best") -> Run:
    """Rebuild a trained network from its run folder, ready to evaluate.

    Raises
    ------
    MissingError
        If there is no such run or checkpoint.
    DataError
        If a file of it is damaged or made by another version.
    """
    recipe, info = read_run(path)
    network = build_network(
        recipe.network.name,
        size=recipe.size,
        attributes=len(info.attribute_names),
        classes=len(info.class_names) or None,
        regions=info.region_names or None,
        **recipe.network.options,
    )
    regions: RegionSource | None = None
    if recipe.regions is not None and info.region_names:
        size: tuple[int, int] = network.region_size  # type: ignore[assignment]
        if recipe.regions.source == "landmarks":
            regions = LandmarkBoxes(recipe.size, size, recipe.regions.box_area, recipe.regions.aspects)
        elif info.parser is not None:
            regions = info.parser.build(size, hard=recipe.regions.parsed_hard)
    file = path / (BEST if checkpoint == "best" else LAST)
    weights = read_checkpoint(file)["state_dict"]
    for module, prefix in ((network, "network."), (regions, "regions.")):
        if module is not None:
            own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
            try:
                module.load_state_dict(own)
            except RuntimeError as error:
                fault = str(error).splitlines()[-1].strip()
                raise DataError(f"{file}: not a checkpoint of the network in {path / RECIPE} ({fault})") from None
    return Run(path, recipe, info, network.eval(), None if regions is None else regions.eval())


def load_parser(path: Path) -> tuple[nn.Module, ParserInfo]:
    """Load the parser of a run that ``wsegs train parser`` made.

    Raises
    ------
    MissingError, DataError
        As :func:`load_run`.
    OptionError
        If the run does not parse.
    """
    run = load_run(path)
    if not run.recipe.parses or run.recipe.recognises:
        raise OptionError(f"{path}: expected a run of a parser, got one of '{run.recipe.network.name}'")
    network = run.recipe.network.model_dump(mode="json")
    return run.network, ParserInfo(network, run.recipe.size, run.info.class_names, str(path.absolute()))


def _parser_info(fields: dict[str, Any]) -> ParserInfo:
    height, width = fields["size"]
    return ParserInfo(fields["network"], (int(height), int(width)), tuple(fields["class_names"]), fields["source"])


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Read a checkpoint of tensors and plain values; never runs code from the file.

    Raises
    ------
    MissingError
        If there is none.
    DataError
        If it is cut short or is another file.
    """
    if not file.is_file():
        raise no_checkpoint(file)
    try:
        with file.open("rb") as start:
            if start.read(4) != b"PK\x03\x04":  # torch's older formats have no checksums
                raise ValueError("no ZIP archive")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a pickle that is none of torch's own
            checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    # torch lets through whatever a damaged file trips over: struct.error, IndexError, ...
    except Exception as error:
        fault = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{file}: damaged, or not a checkpoint ({fault})") from None
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise DataError(f"{file}: not a checkpoint of wsegs: it has no state_dict")
    return checkpoint
