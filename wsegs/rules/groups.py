"""Groups of attributes that lie in the same regions, by a rule file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wsegs.rules.ruleset import RuleSet


def attribute_groups(rules: RuleSet) -> dict[str, tuple[str, ...]]:
    """Return the attributes of a rule file by the regions that they lie in, in the order of the file.

    Attributes are in one group where a pixel that is in one region alone, or in none, belongs to all of their masks or
    to none. A group is called as its regions, joined by ``+``; ``all`` if these are all, and ``everywhere`` if what is
    in no region belongs to it, too.
    """
    pixels = np.array([0, *(1 << region for region in range(len(rules.region_names)))], np.uint64)
    coverage = rules.lookup(rules.attribute_names).coverage(pixels)
    groups: dict[str, list[str]] = {}
    for attribute, covered in zip(rules.attribute_names, coverage, strict=True):
        groups.setdefault(_name(rules, covered), [])
        groups[_name(rules, covered)].append(attribute)
    return {name: tuple(attributes) for name, attributes in groups.items()}


def _name(rules: RuleSet, covered: NDArray[np.bool_]) -> str:
    """Return the name of a group by which pixels it covers: those in no region, then those in each alone."""
    if covered[1:].all():
        return "everywhere" if covered[0] else "all"
    own = [region for region, inside in zip(rules.region_names, covered[1:], strict=True) if inside]
    return "+".join(["outside"] * bool(covered[0]) + own) or "nowhere"
