"""Groups of attributes that lie in the same regions, by a rule file."""

from __future__ import annotations

import numpy as np

from wsegs.rules.ruleset import RuleSet


def attribute_groups(rules: RuleSet) -> dict[str, tuple[str, ...]]:
    """Return the attributes of a rule file by the regions that they lie in, in the order of the file.

    Attributes are in one group where a pixel that is in one region alone belongs to all of their masks or to none. A
    group is called as its regions, joined by ``+``; ``all`` if these are all of them, ``nowhere`` if there are none.
    """
    alone = np.array([1 << region for region in range(len(rules.region_names))], np.uint64)
    coverage = rules.lookup(rules.attribute_names).coverage(alone)
    groups: dict[str, list[str]] = {}
    for attribute, covered in zip(rules.attribute_names, coverage, strict=True):
        own = [region for region, inside in zip(rules.region_names, covered, strict=True) if inside]
        name = "all" if covered.all() else "+".join(own) or "nowhere"
        groups.setdefault(name, []).append(attribute)
    return {name: tuple(attributes) for name, attributes in groups.items()}
