"""Images and masks of a store for PyTorch. Needs ``pip install 'wsegs[train]'``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from wsegs.errors import DataError
from wsegs.store.images import find_image_root
from wsegs.store.reader import MaskStore
from wsegs.store.rows import row_of
from wsegs.training.samples.opening import OpenStore
from wsegs.training.samples.store_source import StoreSource


class MaskSample(TypedDict):
    """An item of :class:`MaskDataset`.

    Attributes
    ----------
    image
        uint8 (3, H, W) RGB.
    masks
        bool (A, H, W): where each attribute that the image has lies.
    labels
        int8 (A,): 1 present, 0 absent, -1 unknown.
    name
        The image's file name, as the store spells it.
    """

    image: Tensor
    masks: Tensor
    labels: Tensor
    name: str


class MaskDataset(Dataset[MaskSample]):
    """The rows of a mask store: images and masks at one size, in one frame.

    ``torch.utils.data.default_collate`` makes batches of them: image (B, 3, H, W), masks (B, A, H, W), labels (B, A),
    name a list. Works in DataLoader workers under fork and spawn; each opens the store for itself.
    ``torch.utils.data.Subset(dataset, numpy.flatnonzero(store.split == 0))`` is the training split.

    Parameters
    ----------
    store
        A mask store, or its file.
    size
        (H, W) of images and masks; None is the store's own. Masks are resized by nearest neighbour.
    transform
        Called with image and masks, returns both, changed alike. Where torchvision is imported it gets
        ``tv_tensors.Image`` and ``tv_tensors.Mask``, so that transforms of ``torchvision.transforms.v2`` move both.
        Under spawn it must pickle.
    data
        The data set, where it moved since its landmarks were found; not needed where the store keeps its images.

    Raises
    ------
    MissingError, DataError
        If the store, or the folder of its images, is not there or cannot be used; an item, if its image cannot be read.
    """

    def __init__(
        self,
        store: MaskStore | str | os.PathLike[str],
        size: tuple[int, int] | None = None,
        transform: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
        *,
        data: str | os.PathLike[str] | None = None,
    ) -> None:
        self.store = store if isinstance(store, MaskStore) else MaskStore(store)
        self.size = size or self.store.size
        self.transform = transform
        root = find_image_root(self.store, None if data is None else Path(data))
        self._source = StoreSource(OpenStore(self.store, root), self.size)

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, row: int) -> MaskSample:
        """Return an image with its masks and labels."""
        row = row_of(row, len(self), self.store.path)
        if not np.isfinite(self.store.affine[row]).all():
            raise DataError(f"{self.store.path}: '{self.store.images[row]}' has no crop")
        image = torch.from_numpy(np.ascontiguousarray(self._source.crop(row).transpose(2, 0, 1)))
        masks = torch.from_numpy(self.store.masks([row], self.size)[0])
        if self.transform is not None:
            image, masks = self.transform(*_typed(image, masks))
        return {
            "image": image,
            "masks": masks,
            "labels": torch.from_numpy(self.store.attributes[row].copy()),
            "name": self.store.images[row],
        }


def _typed(image: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Return what torchvision's transforms tell apart; of plain tensors they would move the first alone."""
    types = sys.modules.get("torchvision.tv_tensors")
    return (image, masks) if types is None else (types.Image(image), types.Mask(masks))
