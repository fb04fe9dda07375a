"""Options of the tasks, as a recipe gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class AttributesOptions(_Options):
    """Weights of labels, and attributes that the training does not see.

    ``balance``: ``class`` weighs present and absent labels by their rates, for balanced accuracy. ``held_out``: names
    of attributes whose labels no loss and no score of the training counts; a fit after it learns them on its features.
    ``smoothing``: labels are taken for this much less sure, half of it at each end.
    """

    balance: Literal["none", "class"] = "none"
    held_out: tuple[str, ...] = ()
    smoothing: float = Field(default=0.0, ge=0, lt=1)


class SegmentationOptions(_Options):
    """Which masks the maps are to become.

    ``targets``: ``present`` draws the masks of attributes that are there and empty ones of all others, as the paper's;
    ``all`` draws where to look for every attribute, whatever its label, of every image with a face.
    """

    targets: Literal["present", "all"] = "present"


class ClassMapOptions(_Options):
    """Source of class maps: the base regions of the mask store, or human parsing masks with a class map."""

    source: Literal["store", "masks"] = Field(default="masks", alias="from")
    parsing_masks: Path | None = None
    class_map: str = "celebamask-seven"


class ParsingOptions(ClassMapOptions):
    """``store``: another mask store whose images have the parsing masks; None is that of the training."""

    store: Path | None = None


class IdentityOptions(_Options):
    """Losses on the features beside the softmax loss.

    ``centre_weight``, ``centre_rate``: the centre loss (Wang, Su & Zhao, section III), and the centres' own rate.
    ``similarity_weight``: the similarity loss of pairs of one person (Liu, Luo, Wang & Tang, section 3.2).
    """

    centre_weight: float = Field(default=0, ge=0)
    centre_rate: float = Field(default=0.5, gt=0, le=1)
    similarity_weight: float = Field(default=0, ge=0)


class NumberOptions(_Options):
    """``label``: which number of the data set; None is the task's own name."""

    label: str | None = None


class CategoryOptions(_Options):
    """``label``: which category of the data set; None is the task's own name.

    ``balance``: ``class`` weighs the categories by their rates in the training images, so that all count alike.
    """

    label: str | None = None
    balance: Literal["none", "class"] = "none"


class RelationOptions(_Options):
    """The online batch relation of attributes (Wang, Su & Zhao, section II-C); its weight alpha is that of the loss.

    ``decay``: lambda of the moving average. ``positive_threshold``, ``negative_threshold``: r_p and r_n, from which and
    up to which the probabilities of two attributes are to be alike, or unlike. ``scale``: what the weight stands
    beside. ``sum`` is a cross entropy that is added up over the attributes, as the paper's; since that of wsegs is a
    mean, the loss is then divided by their number. ``mean`` does not divide, and so weighs that many times more.
    """

    decay: float = Field(default=0.99, gt=0, le=1)
    positive_threshold: float = Field(default=0.8, ge=-1, le=1)
    negative_threshold: float = Field(default=0.2, ge=-1, le=1)
    scale: Literal["sum", "mean"] = "sum"

    @model_validator(mode="after")
    def _in_order(self) -> RelationOptions:
        if self.negative_threshold >= self.positive_threshold:
            raise ValueError(
                f"expected a negative_threshold below the positive_threshold, got {self.negative_threshold:g} and"
                f" {self.positive_threshold:g}"
            )
        return self
