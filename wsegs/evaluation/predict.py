"""Predict attributes, numbers and categories of single images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsegs.errors import DataError, OptionError
from wsegs.evaluation.crop_sources import CropSource, FileCrops, StoreCrops, store_dataset
from wsegs.evaluation.crops import CropKind, cropper_for
from wsegs.evaluation.evaluate import stack_regions
from wsegs.evaluation.known_faces import KnownFaces
from wsegs.evaluation.predictor import predictor_of
from wsegs.evaluation.region_readers import RegionReader, check_detectable, rules_reader
from wsegs.evaluation.runs import Run, thresholds_of
from wsegs.io.files import did_you_mean, shortened
from wsegs.io.images import reason
from wsegs.nets import NetworkOutput
from wsegs.nets.layers.region_sources import NamedRegions, ParsedRegions
from wsegs.store import MaskStore


@dataclass(frozen=True)
class Prediction:
    """Predictions of a network for one image.

    Attributes
    ----------
    path
        The image.
    crop
        What the network saw, (H, W, 3) uint8 RGB.
    crop_kind
        How that was cropped.
    attribute_names, probabilities
        A names and float (A,).
    maps
        (A, h, w) float, about 1 where the attribute was seen; None if the network draws none.
    other
        What the run's other tasks say, by task: a number, or probabilities by category.
    regions_from
        Where the regions come from that the network reads; empty where it reads none that were drawn.
    shares
        (A, R + 1) float: what each region and, last, the whole image add to each logit; None of a network whose
        logits are no such sums.
    regions
        (R, h, w) float between 0 and 1: the regions that were read; None where there are no shares, and no parser
        draws them.
    thresholds
        (A,) probabilities from which on an attribute is called present; None is one half.
    """

    path: Path
    crop: NDArray[np.uint8]
    crop_kind: CropKind
    attribute_names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    maps: NDArray[np.float32] | None
    other: dict[str, Any] = field(default_factory=dict)
    regions_from: str = ""
    shares: NDArray[np.float32] | None = None
    regions: NDArray[np.float32] | None = None
    thresholds: NDArray[np.float32] | None = None

    @property
    def present(self) -> NDArray[np.bool_]:
        """Bool (A,): which attributes are called present: from the run's threshold on, or one half."""
        thresholds = 0.5 if self.thresholds is None else self.thresholds
        return np.asarray(self.probabilities >= thresholds)

    def ranked(self) -> list[tuple[str, float]]:
        """Return names and probabilities: those present, then those absent, in each the most probable first."""
        order = np.lexsort((-self.probabilities, ~self.present))
        return [(self.attribute_names[a], float(self.probabilities[a])) for a in order]


@dataclass(frozen=True)
class Failure:
    """An image that could not be read, and why."""

    path: Path
    reason: str


def predict(
    run: Run,
    images: Sequence[Path],
    store: MaskStore | None = None,
    regions: RegionReader | None = None,
    faces: KnownFaces | None = None,
    boxes: NDArray[np.float32] | None = None,
) -> Iterator[Prediction | Failure]:
    """Yield what a run says about images, one after another; those that cannot be read are no obstacle.

    Images of the size of the training images are taken as they are (where the run was trained on whole images);
    in others the face is found first.

    Parameters
    ----------
    run
        See :func:`wsegs.evaluation.runs.load_run`.
    images
        Files; with ``store`` names of images in it.
    store
        A mask store that keeps its images.
    regions
        What reads the regions of the images; see :func:`wsegs.evaluation.evaluate.evaluate`.
    faces
        Where the faces of the files are, as far as a data set knows; see
        :func:`wsegs.evaluation.known_faces.faces_of_files`.
    boxes
        (N, 4) x, y, width, height of the faces in pixels of the images, nan unknown; None finds them.

    Raises
    ------
    OptionError
        If the run cannot be applied to new images, or the store keeps masks alone.
    """
    run.check_usable()
    source: CropSource
    reader = regions or rules_reader(run)
    if store is None:
        check_detectable(run, reader)
        cropper = cropper_for(run.info, run.crop_size, locator=run.locator)
        about_points = run.reads_parts or run.reads_boxes
        source = FileCrops(
            cropper, images, None, boxes, reader, faces=faces, find_points=about_points, mean_face=run.reads_boxes
        )
    else:
        source = _crops_by_name(store, run, images, reader)
    network = predictor_of(run)
    for position, path in enumerate(images):
        try:
            crop = source.crop(position)
        except DataError as error:
            yield Failure(path, reason(error, path))
            continue
        seen = (
            torch.from_numpy(crop.image).permute(2, 0, 1)[None],
            torch.from_numpy(crop.points)[None],
            stack_regions([crop]),
        )
        output = network(*seen)
        shares = _shares(run, output)
        names = run.attribute_names
        said = {name: values[0] for task in run.image_tasks for name, values in task.decode(output).items()}
        said.pop("attributes", None)
        yield Prediction(
            path,
            crop.image,
            crop.kind,
            names,
            output.logits[0].sigmoid().numpy() if names else np.empty(0, np.float32),
            None if output.maps is None else output.maps[0].numpy(),
            said,
            crop.regions_from,
            shares,
            network.draw(*seen)[0].numpy() if shares is not None or draws_regions(run) else None,
            thresholds_of(run).sigmoid().numpy(),
        )


def _shares(run: Run, output: NetworkOutput) -> NDArray[np.float32] | None:
    if not hasattr(run.network, "shares") or output.features is None or "attributes" not in output.heads:
        return None
    device = next(run.network.parameters()).device
    with torch.inference_mode():
        shares: Tensor = run.network.shares(output.features.to(device))  # type: ignore[operator]
    return np.asarray(shares[0].float().cpu().numpy())


def _crops_by_name(store: MaskStore, run: Run, images: Sequence[Path], regions: RegionReader | None) -> StoreCrops:
    names = store_dataset(store).images
    rows = {name: row for row, name in enumerate(names)}
    unknown = [image.as_posix() for image in images if image.as_posix() not in rows]
    if unknown:
        raise OptionError(
            f"'{unknown[0]}' is none of the {len(names)} images of {store.path}{did_you_mean(unknown[0], names)}"
        )
    chosen = np.array([rows[image.as_posix()] for image in images], np.intp)
    return StoreCrops(store, run.info, run.crop_size, chosen, regions)


def draws_regions(run: Run) -> bool:
    """Return whether a parser draws the regions that a run reads, so that they can be shown."""
    return isinstance(run.regions, (ParsedRegions, NamedRegions))


def check_maps(run: Run) -> None:
    """Check that the maps of a run mean something.

    Raises
    ------
    OptionError
        If its network draws none, or was never taught to.
    """
    if hasattr(run.network, "shares") or draws_regions(run):
        return
    if getattr(run.network, "map_size", None) is None:
        raise OptionError(f"--maps: network '{run.plan.network.name}' of {run.path} draws no maps")
    if run.plan.task("segmentation") is None:
        raise OptionError(f"--maps: {run.path} was trained without segmentation, so its maps show no places")


def map_files(folder: Path, images: Sequence[Path]) -> list[Path]:
    """Return a picture's name for every image: its own, with a number where two are the same; long ones are cut."""
    taken: set[str] = set()
    files = []
    for image in images:
        name, number = shortened(f"{image.stem}.png"), 2
        while name in taken:
            name, number = shortened(f"{image.stem}-{number}.png"), number + 1
        taken.add(name)
        files.append(folder / name)
    return files
