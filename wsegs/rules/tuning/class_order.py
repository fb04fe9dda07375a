"""Doubt the meaning of class numbers: another tool may number the classes of its masks in another order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wsegs.io.files import shipped_folder
from wsegs.rules.tuning.class_map import ClassMap, load_classes

_BETTER, _MUCH = 1.5, 0.1  # another order fits if its mean IoU is so many times as large, and larger by so much
_AS_WELL = 0.8


def class_order_doubt(
    regions: NDArray[np.unsignedinteger], names: Sequence[str], masks: NDArray[np.uint16], classes: ClassMap
) -> str:
    """Return in words why class numbers may mean something else; "" if regions and masks agree.

    Parameters
    ----------
    regions
        (N, H, W) region integers as rules draw them; bit r is set where region ``names[r]`` lies.
    names
        Names of the regions.
    masks
        (N, H, W) class numbers.
    classes
        What they are said to mean.
    """
    mine = _overlaps(regions, names, masks, classes)
    if not mine:  # regions of one's own, which no rules draw
        return ""
    never = [name for name, overlap in mine.items() if overlap == 0]
    order, best = _best_order(regions, names, masks, classes, _mean(mine))
    if not order and (not never or 2 * len(never) < len(mine)):
        return ""
    parts = []
    if never:
        listed = ", ".join(f"{name} ({classes.describe(classes.regions[name])})" for name in never)
        parts.append(f"the classes of {listed} never overlap the regions that the rules draw")
    if order:
        parts.append(
            f"the order of {' or '.join(order)} would fit, mean IoU {best:.2f} in place of {_mean(mine):.2f}:"
            f" --class-map {order[0]}"
        )
    else:
        parts.append("is this the class map of these masks?")
    return "; ".join(parts)


def _best_order(
    regions: NDArray[np.unsignedinteger],
    names: Sequence[str],
    masks: NDArray[np.uint16],
    classes: ClassMap,
    mine: float,
) -> tuple[list[str], float]:
    """Return the shipped class maps that fit much better than a mean IoU of ``mine``, if any, and theirs."""
    found: dict[str, dict[str, float]] = {}
    for path in sorted(shipped_folder("rules/classes").glob("*.yaml"), reverse=True):
        other = load_classes(path)
        shared = other.regions.keys() & classes.regions.keys()
        if all(set(other.regions[name]) == set(classes.regions[name]) for name in shared):
            continue  # the same numbers, or nothing in common
        overlaps = _overlaps(regions, names, masks, other)
        if _mean(overlaps) >= max(_BETTER * mine, mine + _MUCH):
            found[path.stem] = overlaps
    if not found:
        return [], 0.0
    # Of those that fit about as well, the one that explains most.
    best = max(map(_mean, found.values()))
    found = {name: overlaps for name, overlaps in found.items() if _mean(overlaps) >= _AS_WELL * best}
    most = max(map(len, found.values()))
    best = max(_mean(overlaps) for overlaps in found.values() if len(overlaps) == most)
    return [
        name for name, overlaps in found.items() if len(overlaps) == most and np.isclose(_mean(overlaps), best)
    ], best


def _overlaps(
    regions: NDArray[np.unsignedinteger], names: Sequence[str], masks: NDArray[np.uint16], classes: ClassMap
) -> dict[str, float]:
    """Return the intersection over union of each region, over all faces together; nan where masks have none of it."""
    common = [name for name in classes.regions if name in names]
    human, known = classes.region_bits(masks, common), classes.known(masks)
    found = {}
    for bit, name in enumerate(common):
        by_people = (human & human.dtype.type(1 << bit)) != 0
        by_rules = ((regions & regions.dtype.type(1 << names.index(name))) != 0) & known
        some = by_people.sum() >= classes.least_pixels
        found[name] = float((by_people & by_rules).sum() / (by_people | by_rules).sum()) if some else np.nan
    return found


def _mean(overlaps: dict[str, float]) -> float:
    """Return the mean over regions; those that masks have nothing of do not overlap, either."""
    return float(np.nan_to_num([*overlaps.values()]).mean()) if overlaps else 0.0
