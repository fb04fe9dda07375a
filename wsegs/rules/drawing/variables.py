"""Variables of a fit: the free numbers of a rule file on a common scale.

A variable is measured by how far it moves its points: 1 is the limit that ``fit:`` sets. So all numbers in
``[-0.02, 0.09 - 0.4 * turn]`` are searched with the same step size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wsegs.rules.drawing.program import Program, find_parts
from wsegs.rules.drawing.scope import Views
from wsegs.rules.drawing.vertices import Offset
from wsegs.rules.language.expressions import Name
from wsegs.rules.language.free import FreeNumber
from wsegs.rules.language.region_expressions import bits_of

_STEP = 1e-4  # of a number, for the numerical derivative of its points: nearly all expressions are linear in them


@dataclass(eq=False)
class Variable:
    """A free number, or several that are one place of the file by a YAML alias.

    Attributes
    ----------
    numbers
        What is set, all to the same.
    written
        The value in the file.
    unit
        The change of the number that moves its points by the limit, in the root mean square over the faces; for a
        parameter half the width of its bounds.
    low, high
        How many units it may lie from there.
    regions
        The bits of the regions that it changes.
    """

    numbers: tuple[FreeNumber, ...]
    written: float
    unit: float
    low: float
    high: float
    regions: frozenset[int]

    def move_to(self, position: float) -> None:
        """Set the number to ``position`` units from the written value."""
        for number in self.numbers:
            number.number = self.written + position * self.unit

    @property
    def value(self) -> float:
        """The number as it is now."""
        return self.numbers[0].number


def find_variables(program: Program, free: Sequence[FreeNumber], landmarks: np.ndarray) -> list[Variable]:
    """Return the variables of a rule file.

    Parameters
    ----------
    program, free
        What :func:`wsegs.rules.compile_rules` made of the file.
    landmarks
        (N, P, 2) float64 of the faces that will be fitted to, finite, x and y in pixels.

    Returns
    -------
    A variable for each place of the file. Numbers that move no point on any face, and those that change no region, are
    left out.
    """
    places: dict[tuple[int, int], list[FreeNumber]] = {}
    for number in free:
        places.setdefault((id(number.node), number.offset), []).append(number)
    movements = _movements(program, landmarks)
    variables = []
    for numbers in places.values():
        regions = frozenset().union(*(_regions_of(program, number.owner) for number in numbers))
        if not regions:
            continue
        written = numbers[0].number
        bounds = numbers[0].bounds
        if bounds is not None:
            unit = (bounds[1] - bounds[0]) / 2
            low, high = (bounds[0] - written) / unit, (bounds[1] - written) / unit
        else:
            moved = max(movements.get(number, 0.0) for number in numbers)
            if moved < 1e-6:
                continue
            unit, low, high = (numbers[0].movement or 0.0) / moved, -1.0, 1.0
        variables.append(Variable(tuple(numbers), written, unit, low, high, regions))
    return variables


def _movements(program: Program, landmarks: np.ndarray) -> dict[FreeNumber, float]:
    """Return by how much each number of an offset moves its points if it grows by 1."""
    views = Views(landmarks, program.scheme, program.parameters)
    movements = {}
    with np.errstate(all="ignore"):
        for region in program.regions:
            scopes = views.with_names(region.let)
            for offset in find_parts(region.shapes, Offset):
                scope = scopes.scope(offset.space, False)
                for axis in (offset.x, offset.y):
                    before = axis.evaluate(scope)
                    for number in find_parts(axis, FreeNumber):
                        number.number += _STEP
                        change = (axis.evaluate(scope) - before) / _STEP
                        number.number -= _STEP
                        square = np.square(np.broadcast_to(change, scope.faces))
                        finite = square[np.isfinite(square)]
                        movements[number] = float(np.sqrt(finite.mean())) if len(finite) else 0.0
    return movements


def _regions_of(program: Program, owner: str) -> frozenset[int]:
    """Return the regions that a number of ``owner`` changes: its own, and those that are cut by these."""
    section, _, name = owner.partition(".")
    if section == "parameters":
        names = {name}
        for other, expression in program.parameters.items():  # each uses only those above it
            if any(used.name in names for used in find_parts(expression, Name)):
                names.add(other)
        changed = {
            bit
            for bit, region in enumerate(program.regions)
            if any(used.name in names for used in find_parts((region.let, region.shapes), Name))
        }
    else:
        changed = {bit for bit, region in enumerate(program.regions) if region.name == name}
    for bit in program.order:  # those that minus and within name come first
        if needed_regions(program, [bit]) & changed:
            changed.add(bit)
    return frozenset(changed)


def needed_regions(program: Program, bits: Sequence[int]) -> frozenset[int]:
    """Return the regions that have to be drawn to draw some: themselves and what ``minus`` and ``within`` name."""
    needed = set(bits)
    for bit in reversed(program.order):
        if bit in needed:
            region = program.regions[bit]
            others = bits_of(region.minus) | bits_of(region.within)
            needed |= {other for other in range(len(program.regions)) if others >> other & 1}
    return frozenset(needed)


def only_regions(program: Program, bits: Sequence[int]) -> Program:
    """Return a program that draws only some regions and those that they need; bits do not change."""
    needed = needed_regions(program, bits)
    return replace(program, order=tuple(bit for bit in program.order if bit in needed))


def groups_of(variables: Sequence[Variable], regions: Sequence[int]) -> list[tuple[list[Variable], list[int]]]:
    """Split a fit into independent parts.

    Parameters
    ----------
    variables
        What may change.
    regions
        The bits of the regions that human masks have; variables that change none of them are in no group.

    Returns
    -------
    Variables and the regions among ``regions`` that they change, in the order of the first region.
    """
    groups: list[tuple[list[Variable], set[int]]] = []
    for variable in variables:
        merged, known = [variable], set(variable.regions) & set(regions)
        if not known:
            continue
        apart = []
        for group, changed in groups:
            if changed & known:
                merged, known = group + merged, changed | known
            else:
                apart.append((group, changed))
        groups = [*apart, (merged, known)]
    return sorted(((group, sorted(changed)) for group, changed in groups), key=lambda part: part[1][0])
