"""Check that a class map is that of human masks: its classes stand in them, where the rules draw regions."""

from __future__ import annotations

import numpy as np

from wsegs.datasets.parsing import read_parsing
from wsegs.human_masks.parsed_faces import ParsedFaces
from wsegs.rules import RuleSet
from wsegs.rules.tuning.class_map import ClassMap
from wsegs.rules.tuning.class_order import class_order_doubt

_SAMPLE = 16  # faces on which rules and masks are compared


def doubt_classes(faces: ParsedFaces, rules: RuleSet, classes: ClassMap) -> str:
    """Return in words why masks may be numbered otherwise; "" if a sample of faces gives no reason.

    Raises
    ------
    DataError
        If no mask holds a class of any region, or one cannot be read.
    """
    values: set[int] = set()
    for file in faces.files:
        values |= {*np.unique(read_parsing(file.mask)).tolist()}
        if values & classes.foreground:
            break
    classes.require_known(values, str(faces.files[0].mask.parent))
    rows = np.unique(np.linspace(0, len(faces) - 1, min(_SAMPLE, len(faces))).astype(np.intp))
    sample = faces.select(rows)
    drawn = rules.draw(sample.landmarks_of(rules.scheme), sample.size)
    return class_order_doubt(drawn, rules.region_names, sample.masks(range(len(sample))), classes)
