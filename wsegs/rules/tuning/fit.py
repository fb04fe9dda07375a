"""Fit the free numbers of a rule file to human parsing masks.

The objective is the mean intersection over union of the regions in a class map, minus a penalty on the distance of
each number from its written value. The penalty prevents overfitting to few masks and shrinks with the number of faces.
Groups of regions that share no number are fitted independently. With at most :data:`MOST_CROSS_VALIDATED` faces, each
group is cross-validated and keeps its written numbers if it gains nothing: twenty masks improve a file written by hand
by 0.05, and would otherwise make one that was fitted to hundreds worse by 0.005.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import RuleError
from wsegs.rules.drawing.variables import Variable, find_variables, groups_of
from wsegs.rules.language.free import FreeNumber
from wsegs.rules.language.literals import decimals_for, replace_numbers
from wsegs.rules.ruleset import RuleSet, compile_rules
from wsegs.rules.tuning.class_map import ClassMap
from wsegs.rules.tuning.compass_search import search
from wsegs.rules.tuning.overlap import Overlap
from wsegs.rules.tuning.score import common_regions

PULLS = (0.2, 2.0)
"""Penalties to choose from: of a variable at 1, in intersection over union, for one face; with N faces divided by N."""

MOST_CROSS_VALIDATED = 60
"""With more faces the first penalty is used without cross-validation, as with fewer than two faces per fold."""

FOLDS = 4

Settled = Callable[[str, int], object]
"""Called with the names of regions and the number of their variables that have just converged."""


@dataclass(frozen=True)
class FittedRules:
    """A rule file with fitted numbers.

    Attributes
    ----------
    rules
        The file, compiled.
    text
        Its text, in which only numbers have changed.
    numbers
        Number of free numbers.
    unchanged
        Why all numbers are as they were; empty where one is not.
    """

    rules: RuleSet
    text: str
    numbers: int
    unchanged: str = ""


class RuleFit:
    """A rule file whose free numbers can be fitted, repeatedly and to several sets of faces.

    Parameters
    ----------
    text, source, folder
        The file, as :func:`wsegs.rules.compile_rules` takes it.
    classes
        Classes of human masks that make up each region.

    Attributes
    ----------
    rules
        The file as written.
    regions
        Regions that the rule file and the class map have in common.
    free
        Numbers that may change. Those of a file that this one extends stay fixed.

    Raises
    ------
    RuleError
        If it is no rule file, has none of the regions of ``classes``, or marks nothing with ``fit:``.
    """

    def __init__(self, text: str, source: str, folder: Path | None, classes: ClassMap) -> None:
        self._text, self._source, self._folder = text, source, folder
        self.classes = classes
        found: list[FreeNumber] = []
        self.rules = compile_rules(text, source, folder, found)
        self.regions = common_regions(self.rules, classes)
        self.free = {number: number.number for number in found if number.node.source == source}
        if not self.free:
            elsewhere = "" if not found else "; numbers of a file that it extends are fitted in that file"
            raise RuleError(
                f"{source}: expected numbers marked 'fit:', which may change, got none. 'fit: [least, largest]' marks"
                f" the value of a parameter, 'fit: 0.05' beside 'offset:' how far points may move{elsewhere}"
            )
        # Numbers that cannot be written back are said before the work begins.
        replace_numbers(text, {number: (value, 3) for number, value in self.free.items()})

    @property
    def turns_with_face(self) -> bool:
        """Whether all shapes are in face space, and so turn with the face."""
        return all(shape.space == "face" for region in self.rules.program.regions for shape in region.shapes)

    def overlap(self, landmarks: NDArray[np.float64], masks: NDArray[np.uint16]) -> Overlap:
        """Prepare faces for a fit.

        Parameters
        ----------
        landmarks
            (N, P, 2) float64, finite, x and y in pixels of the masks.
        masks
            (N, H, W), class numbers.
        """
        known = self.classes.known(masks)
        human = {}
        for name in self.regions:
            human[self.rules.region_names.index(name)] = np.isin(masks, self.classes.regions[name]) & known
        return Overlap(landmarks, human, known, self.classes.least_pixels)

    def count(self, views: Sequence[Overlap]) -> int:
        """Return how many variables :meth:`fit` reports in all, over all its searches."""
        searches = 1 + FOLDS * len(PULLS) * _is_cross_validated(views)
        return searches * sum(len(variables) for variables, _ in self._groups(views[0]))

    def fit(self, views: Sequence[Overlap], settled: Settled = lambda regions, count: None) -> FittedRules:
        """Fit the free numbers to faces and return the fitted rule file.

        Parameters
        ----------
        views
            The faces, and optionally the same faces moved, so that the numbers do not depend on how landmarks and
            outlines happen to fall on the pixel grid.
        settled
            Called for progress.
        """
        values: dict[FreeNumber, tuple[float, int]] = {}
        numbers = 0
        try:
            for variables, bits in self._groups(views[0]):
                names = ", ".join(self.rules.region_names[bit] for bit in bits)
                self._fit_group(views, variables, bits, partial(settled, names))
                numbers += len(variables)
                for variable in variables:
                    if variable.value != variable.written:  # else it stays as it was written, to the last digit
                        values.update(dict.fromkeys(variable.numbers, (variable.value, decimals_for(variable.unit))))
        finally:
            self._reset()
        text = replace_numbers(self._text, values)
        why = "" if values else self._why_unchanged(views, numbers)
        return FittedRules(compile_rules(text, self._source, self._folder), text, numbers, why)

    def _why_unchanged(self, views: Sequence[Overlap], numbers: int) -> str:
        if not numbers:
            scored = ", ".join(self.rules.region_names[bit] for bit, rows in views[0].rows.items() if len(rows))
            return f"no number that is marked fit: moves a region that the masks score ({scored or 'none'})"
        if _is_cross_validated(views):
            return f"no other numbers did better on faces left out, of the {len(views[0])} there are; more may tell"
        return "no other numbers fit these faces better"

    def _reset(self) -> None:
        for number, written in self.free.items():
            number.number = written

    def _groups(self, faces: Overlap) -> list[tuple[list[Variable], list[int]]]:
        variables = find_variables(self.rules.program, list(self.free), faces.landmarks)
        return groups_of(variables, [bit for bit, rows in faces.rows.items() if len(rows)])

    def _fit_group(
        self, views: Sequence[Overlap], variables: list[Variable], bits: list[int], settled: Callable[[int], object]
    ) -> None:
        """Set the variables of one group to their best values, or leave them if cross-validation finds no gain."""
        pull: float | None = PULLS[0]
        if _is_cross_validated(views):
            gains = {pull: self._gain_on_others(views, variables, bits, pull, settled) for pull in PULLS}
            pull = max(gains, key=lambda pull: gains[pull])
            if gains[pull] <= 0:
                pull = None
        if pull is None:
            _move(variables, np.zeros(len(variables)))
            settled(len(variables))
        else:
            self._search(views, variables, bits, pull, settled)

    def _gain_on_others(
        self,
        views: Sequence[Overlap],
        variables: list[Variable],
        bits: list[int],
        pull: float,
        settled: Callable[[int], object],
    ) -> float:
        """Return the cross-validated gain, summed over all faces."""
        fold = np.arange(len(views[0])) % FOLDS
        gain = 0.0
        for held_out in range(FOLDS):
            self._search(
                [view.select(np.flatnonzero(fold != held_out)) for view in views], variables, bits, pull, settled
            )
            others = [view.select(np.flatnonzero(fold == held_out)) for view in views]
            after = self._score(others, bits, np.sum)
            _move(variables, np.zeros(len(variables)))
            gain += after - self._score(others, bits, np.sum)
        return gain

    def _search(
        self,
        views: Sequence[Overlap],
        variables: list[Variable],
        bits: list[int],
        pull: float,
        settled: Callable[[int], object],
    ) -> None:
        """Set the variables to the maximum that a search finds."""
        penalty = pull / max(1.0, float(np.mean([len(views[0].rows[bit]) for bit in bits])))

        def score(positions: NDArray[np.float64]) -> float:
            _move(variables, positions)
            return self._score(views, bits, np.mean) - penalty * float(np.square(positions).sum())

        low, high = (np.array([getattr(variable, bound) for variable in variables]) for bound in ("low", "high"))
        _move(variables, search(score, low, high, settled))

    def _score(self, views: Sequence[Overlap], bits: list[int], over_faces: Callable[..., Any]) -> float:
        """Return the present intersection over union: mean over views, sum over regions."""
        scores = [iou for view in views for iou in view.iou(self.rules.program, bits).values()]
        return float(np.sum([over_faces(iou) for iou in scores if len(iou)])) / len(views)


def _is_cross_validated(views: Sequence[Overlap]) -> bool:
    return 2 * FOLDS <= len(views[0]) <= MOST_CROSS_VALIDATED


def _move(variables: Sequence[Variable], positions: NDArray[np.float64]) -> None:
    for variable, position in zip(variables, positions, strict=True):
        variable.move_to(position)
