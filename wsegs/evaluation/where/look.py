"""Where a run's network looks on the images of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from wsegs.datasets.index import FaceDataset
from wsegs.datasets.tables.columns import respelled
from wsegs.errors import DataError
from wsegs.evaluation.crop_sources import CropSource, StoreCrops
from wsegs.evaluation.crops import Crop
from wsegs.evaluation.evaluate import chosen_images, crop_source, stack_regions
from wsegs.evaluation.images import OpenImages
from wsegs.evaluation.predictor import Predictor
from wsegs.evaluation.region_readers import RegionReader
from wsegs.evaluation.runs import Run, thresholds_of
from wsegs.evaluation.where.attention import Attention, Method
from wsegs.evaluation.where.examples import Example, Examples
from wsegs.evaluation.where.masks import AttributeMasks
from wsegs.evaluation.where.scores import MapScores, join_scores, score_maps
from wsegs.geometry.matrices import compose
from wsegs.landmarks.known import sizes_of
from wsegs.tasks.mask_expander import MaskExpander
from wsegs.training.samples.loaders import sample_loader
from wsegs.training.samples.readers import one_line_reader_failures
from wsegs.training.samples.sampler import BatchPlan, ValidationSampler

_BATCH = 16


class Sighted(NamedTuple):
    """Scores against one kind of masks.

    Attributes
    ----------
    name, source
        See :class:`wsegs.evaluation.where.masks.AttributeMasks`.
    attributes
        The A names of attributes that have a mask there.
    faces
        Of how many images masks are known.
    scores
        Of the N images and these attributes.
    """

    name: str
    source: str
    attributes: tuple[str, ...]
    faces: int
    scores: MapScores


@dataclass(frozen=True, eq=False)
class Where:
    """Where a network looks on N images.

    Attributes
    ----------
    method
        How that is known.
    size
        (h, w) of the maps.
    images, identity
        Names, and who is on them; -1 unknown.
    labels
        int8 (N,) by attribute.
    against
        Scores by kind of masks.
    examples
        Some faces of each attribute with map and mask.
    """

    method: Method
    size: tuple[int, int]
    images: tuple[str, ...]
    identity: NDArray[np.int32]
    labels: dict[str, NDArray[np.int8]]
    against: tuple[Sighted, ...]
    examples: tuple[Example, ...]


class _Faces(NamedTuple):
    """Crops and the region integers of their masks, (B, h, w) for each kind of masks, and where these are known."""

    crops: list[Crop]
    positions: list[int]
    masks: list[list[NDArray[np.int64] | None]]


class _MaskedCrops(Dataset[_Faces]):
    """Crops of a data set with masks of where attributes are; images that cannot be read are left out."""

    def __init__(
        self,
        source: CropSource,
        rows: NDArray[np.intp],
        sizes: NDArray[np.int32],
        masks: Sequence[AttributeMasks],
    ) -> None:
        self._source, self._rows, self._sizes, self._masks = source, rows, sizes, masks

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, plan: BatchPlan) -> _Faces:
        """Return one batch."""
        found = _Faces([], [], [[] for _ in self._masks])
        for position in map(int, plan.rows):
            try:
                crop = self._source.crop(position)
                regions = self._regions(position, crop)
            except DataError:
                continue  # the evaluation has named it
            found.crops.append(crop)
            found.positions.append(position)
            for kind, drawn in zip(found.masks, regions, strict=True):
                kind.append(drawn)
        return found

    def _regions(self, position: int, crop: Crop) -> list[NDArray[np.int64] | None]:
        matrix: NDArray[np.floating[Any]] = crop.matrix
        if isinstance(self._source, StoreCrops):  # its crops are of the store's own
            matrix = compose(matrix, self._source.store.affine[self._source.rows[position]])
        row, (width, height) = int(self._rows[position]), self._sizes[position].tolist()
        return [masks.read(row, (height, width), matrix) for masks in self._masks]


def look(
    run: Run,
    opened: OpenImages,
    split: str,
    attention: Attention,
    masks: Sequence[AttributeMasks],
    predict: Predictor,
    *,
    regions: RegionReader | None = None,
    jobs: int = 0,
    limit: int | None = None,
) -> Where:
    """Measure where a network looks on a split of a data set.

    Parameters
    ----------
    run, opened, split
        As for :func:`wsegs.evaluation.evaluate.evaluate`.
    attention
        Says where the network looks.
    masks
        What that is measured by; see :func:`wsegs.evaluation.where.masks.open_masks`.
    predict
        The run's network, as ``attention`` has it.
    regions, jobs, limit
        As for the evaluation.

    Raises
    ------
    DataError
        If masks of none of the images are known, or run and data set have no attribute in common.
    """
    dataset, rows = chosen_images(opened.dataset, split, limit, opened.landmarks)
    labels = _labels(run, dataset)
    source = crop_source(run, opened.dataset, rows, opened.landmarks, opened.store, regions)
    sizes = sizes_of(opened.dataset, rows) if opened.store is None else opened.store.image_sizes[rows]
    faces = _MaskedCrops(source, rows, sizes, masks)
    places = [[run.attribute_names.index(name) for name in kind.attributes] for kind in masks]
    expand = [MaskExpander(kind.lookup) for kind in masks]
    parts: list[list[MapScores]] = [[] for _ in masks]
    thresholds = thresholds_of(run)
    examples, read = Examples(run.attribute_names), []
    workers = jobs if len(dataset) > 8 * _BATCH else 0
    sampler = ValidationSampler(np.arange(len(dataset)), _BATCH)
    bar = tqdm(total=len(dataset), unit="image", desc="where", disable=None)
    with one_line_reader_failures(), bar:
        for batch in sample_loader(faces, sampler, workers, collate_fn=_as_it_is):
            bar.update(min(_BATCH, len(dataset) - bar.n))
            if not batch.crops:
                continue
            images = torch.from_numpy(np.stack([crop.image for crop in batch.crops])).permute(0, 3, 1, 2)
            points = torch.from_numpy(np.stack([crop.points for crop in batch.crops]))
            logits, maps = attention.read(images, points, stack_regions(batch.crops))
            of_batch = labels[batch.positions]
            for kind, drawn in enumerate(batch.masks):
                expected = _expand(expand[kind], drawn, attention.size, len(places[kind]))
                parts[kind].append(score_maps(maps[:, places[kind]], expected))
                if kind == 0:
                    margins = (logits - thresholds).numpy()[:, places[kind]]
                    names = [dataset.images[position] for position in batch.positions]
                    examples.add(
                        places[kind], names, images, maps[:, places[kind]], expected, margins, of_batch[:, places[kind]]
                    )
            read += batch.positions
    against = tuple(
        Sighted(kind.name, kind.source, kind.attributes, _known(scores), scores)
        for kind, scores in zip(masks, (join_scores(each) for each in parts), strict=True)
    )
    if not any(kind.faces for kind in against):
        raise DataError(f"--where: no masks of the {len(read)} images are known")
    return Where(
        attention.method,
        attention.size,
        tuple(dataset.images[position] for position in read),
        dataset.identity[read],
        {name: labels[read, a] for a, name in enumerate(run.attribute_names)},
        against,
        examples.chosen(),
    )


def _labels(run: Run, dataset: FaceDataset) -> NDArray[np.int8]:
    """Return the labels of the run's attributes, (N, A); -1 where the data set has no such attribute."""
    names = respelled(dataset.attribute_names, run.attribute_names)
    labels = np.full((len(dataset), len(run.attribute_names)), -1, np.int8)
    for a, name in enumerate(run.attribute_names):
        if name in names:
            labels[:, a] = dataset.attributes[:, names.index(name)]
    return labels


def _expand(expand: MaskExpander, drawn: list[NDArray[np.int64] | None], size: tuple[int, int], count: int) -> Tensor:
    """Return where each attribute lies, bool (B, A, h, w), whatever the labels; nowhere where that is not known."""
    regions = np.stack([np.zeros(size, np.int64) if each is None else each for each in drawn])
    labels = expand.drawn_label.expand(len(drawn), count)
    masks: Tensor = expand(torch.from_numpy(regions), labels) > 0
    known = torch.tensor([each is not None for each in drawn])
    return masks & known[:, None, None, None]


def _known(scores: MapScores) -> int:
    return int((~np.isnan(scores.area)).any(axis=1).sum())


def _as_it_is(batch: Any) -> Any:
    return batch
