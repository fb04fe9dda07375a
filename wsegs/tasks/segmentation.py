"""Attribute segmentation: the maps of a network against the masks of the attributes."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from wsegs.nets import NetworkOutput
from wsegs.nets.process_group import ProcessGroup
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.labelled import Labelled
from wsegs.tasks.losses import LossTerms, over_known
from wsegs.tasks.mask_expander import MaskExpander
from wsegs.tasks.task import Task


class Segmentation(Task):
    """Masks of attributes, drawn on the device from region integers; ``outputs`` are the attributes' names.

    ``targets`` is that of :class:`wsegs.tasks.options.SegmentationOptions`.
    """

    def __init__(self, name: str, outputs: tuple[str, ...], targets: Literal["present", "all"] = "present") -> None:
        super().__init__(name, outputs)
        self._everywhere = targets == "all"
        self.masks: MaskExpander | None = None

    def begin(self, labelled: Labelled, rows: Any) -> None:
        """Take the compiled rules of the mask store."""
        self.masks = MaskExpander(labelled.lookup)  # type: ignore[attr-defined]  # a data set has none: resolve() says so

    def fields(self, network: nn.Module, size: tuple[int, int]) -> SampleFields:
        """Return that it needs attributes, and regions at the size of the network's maps."""
        map_size: tuple[int, int] = network.map_size  # type: ignore[assignment]
        return SampleFields(frozenset({"attributes"}), regions=map_size)

    def head_size(self) -> int | None:
        """Return None: the maps are those of the network's attributes."""
        return None

    def losses(self, output: NetworkOutput, batch: Batch, group: ProcessGroup) -> dict[str, LossTerms]:
        """Return the mean squared error of the maps."""
        assert self.masks is not None
        assert output.maps is not None
        assert batch.regions is not None
        labels = batch.labels["attributes"]
        if self._everywhere:
            labels = self.masks.drawn_everywhere(labels)
        masks = self.masks(batch.regions, labels)
        return {self.name: segmentation_loss(output.maps, masks, self.masks.known(labels, batch.has_face))}

    def decode(self, output: NetworkOutput) -> dict[str, Any]:
        """Return the maps, float (A, h, w) of each image."""
        assert output.maps is not None
        return {self.name: list(output.maps.float().cpu().numpy())}


def segmentation_loss(maps: Tensor, masks: Tensor, known: Tensor) -> LossTerms:
    """Return the mean squared error between maps and masks (Thom & Hand, section 3.2).

    Parameters
    ----------
    maps, masks
        (B, A, h, w).
    known
        bool (B, A): the masks that count. With none, the loss is 0.
    """
    error = (maps.float() - masks).square().mean(dim=(2, 3))
    return over_known(error, known)
