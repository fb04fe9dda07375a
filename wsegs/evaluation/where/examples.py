"""Faces that show where a network looks: of each attribute some that it says right and some that it says wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Outcome = Literal["present, said so", "present, denied", "absent, said so", "absent, denied"]
_COUNTS: dict[Outcome, int] = {
    "present, said so": 2,
    "present, denied": 1,
    "absent, said so": 1,
    "absent, denied": 1,
}
OUTCOMES: tuple[Outcome, ...] = tuple(_COUNTS)


@dataclass(frozen=True, eq=False)
class Example:
    """One face and one attribute.

    Attributes
    ----------
    attribute, image
        Names.
    outcome
        Its label, and what the network says.
    face
        uint8 (H, W, 3), as the network sees it.
    map
        float32 (h, w), 0 to 1: how much it looks at each pixel, as a share of its maximum.
    mask
        bool (h, w): where the attribute lies, or would.
    """

    attribute: str
    image: str
    outcome: Outcome
    face: NDArray[np.uint8]
    map: NDArray[np.float32]
    mask: NDArray[np.bool_]


class Examples:
    """Keeps the first faces of each attribute and outcome."""

    def __init__(self, attribute_names: Sequence[str]) -> None:
        self._names = tuple(attribute_names)
        self._kept: dict[tuple[int, Outcome], list[Example]] = {}

    def add(
        self,
        attributes: Sequence[int],
        images: Sequence[str],
        faces: Tensor,
        maps: Tensor,
        masks: Tensor,
        margins: NDArray[np.floating],
        labels: NDArray[np.integer],
    ) -> None:
        """Take from a batch what is still wanted.

        Parameters
        ----------
        attributes
            The A attributes, by their places among all.
        images
            B names.
        faces
            uint8 (B, 3, H, W).
        maps, masks
            float and bool (B, A, h, w).
        margins, labels
            (B, A): logits less thresholds; 1, 0, or -1 for unknown, which is no example.
        """
        for row, image in enumerate(images):
            for column, attribute in enumerate(attributes):
                mask, label = masks[row, column], labels[row, column]
                if label < 0 or not mask.any():
                    continue
                outcome = outcome_of(bool(label), bool(margins[row, column] >= 0))
                kept = self._kept.setdefault((attribute, outcome), [])
                if len(kept) >= _COUNTS[outcome]:
                    continue
                seen = maps[row, column].float()
                scaled = (seen / seen.max().clamp(min=1e-12)).numpy()
                face = np.ascontiguousarray(faces[row].permute(1, 2, 0).numpy())
                kept.append(Example(self._names[attribute], image, outcome, face, scaled, mask.numpy().copy()))

    def chosen(self) -> tuple[Example, ...]:
        """Return what was kept, attribute by attribute."""
        places = ((attribute, outcome) for attribute in range(len(self._names)) for outcome in OUTCOMES)
        return tuple(example for place in places for example in self._kept.get(place, ()))


def outcome_of(present: bool, said: bool) -> Outcome:
    """Return the outcome of a label and a decision."""
    if present:
        return "present, said so" if said else "present, denied"
    return "absent, said so" if said else "absent, denied"
