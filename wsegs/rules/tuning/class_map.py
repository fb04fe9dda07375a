"""Class maps: the classes of human parsing masks that make up each region of a rule file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from wsegs.errors import DataError
from wsegs.io.files import did_you_mean, find_shipped
from wsegs.io.validation import Expected, mapping_of, validate_node
from wsegs.io.yaml_source import Node, read_nodes, read_yaml_text
from wsegs.rules.drawing.draw import region_dtype

OUTSIDE = 65535
"""Ignore index: class of the pixels outside of a photo that was turned or cropped."""

ClassNumber: TypeAlias = Annotated[
    StrictInt, Field(ge=0, lt=OUTSIDE), Expected(f"a class number from 0 to {OUTSIDE - 1}")
]
ClassName: TypeAlias = Annotated[StrictInt | StrictStr, Expected("a class's name or number")]
ClassNames: TypeAlias = Annotated[
    ClassName | Annotated[list[ClassName], Field(min_length=1)],
    Expected("a class's name or number, or a list of these"),
]


MirrorPair: TypeAlias = Annotated[
    list[StrictStr], Field(min_length=2, max_length=2), Expected("two regions that a mirrored image exchanges")
]


class ClassFile(BaseModel):
    """Fields of a class map file; rules/README.md describes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: dict[str, ClassNumber] = {}
    regions: Annotated[dict[str, ClassNames], Field(min_length=1), Expected("a mapping of at least one region")]
    least_pixels: Annotated[StrictInt, Field(ge=1), Expected("a whole number of 1 or more")] = 10
    unknown: Annotated[list[ClassName], Expected("a list of classes' names or numbers")] = [255]
    mirror: Annotated[list[MirrorPair], Expected("a list of pairs of regions")] = []


@dataclass(frozen=True)
class ClassMap:
    """The classes of parsing masks that make up each region.

    Attributes
    ----------
    source
        Name of the file as given, for messages.
    regions
        Region -> class numbers, in the order of the file.
    least_pixels
        A region is scored on the images where its classes have at least this many pixels.
    unknown
        Class numbers of pixels that are ignored, including :data:`OUTSIDE`.
    names
        Class number -> its name, of those that have one.
    mirror
        Pairs of regions that a mirrored image exchanges, beside those whose names say so.
    """

    source: str
    regions: dict[str, tuple[int, ...]]
    least_pixels: int = 10
    unknown: tuple[int, ...] = (OUTSIDE,)
    names: dict[int, str] = field(default_factory=dict)
    mirror: tuple[tuple[str, str], ...] = ()

    @property
    def foreground(self) -> frozenset[int]:
        """The class numbers that make up regions, but for those of a region that is the background, class 0."""
        return frozenset(number for numbers in self.regions.values() if 0 not in numbers for number in numbers)

    def describe(self, numbers: Iterable[int]) -> str:
        """Return class numbers with their names, ``1 skin, 2 nose``; of many, the first ten."""
        listed = sorted(numbers)
        words = [f"{number} {self.names.get(number, '')}".strip() for number in listed[:10]]
        return ", ".join(words) + (f" and {len(listed) - 10} more" if len(listed) > 10 else "")

    def require_known(self, values: Iterable[int], where: str) -> None:
        """Check that masks hold a class of a region.

        Parameters
        ----------
        values
            The class numbers that stand in the masks.
        where
            The masks, for the message.

        Raises
        ------
        DataError
            If none of them is of a region: which there are, which are known, and what helps.
        """
        there = {*values} - {OUTSIDE}
        if there & self.foreground or not self.foreground:
            return
        strange = max(there - {0}, default=255)
        raise DataError(
            f"{where}: the masks hold {self.describe(there)}, none of which is in a region of the class map"
            f" {self.source}: it knows {self.describe(self.foreground)}; a class map of your own says what they are"
            f" (--class-map FILE.yaml with 'regions: {{{_example_region(self)}: {strange}}}')"
        )

    def region_bits(self, masks: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Return the regions of parsing masks as region integers, as a rule set draws its own.

        Parameters
        ----------
        masks
            Class numbers, uint16 of any shape.
        names
            Regions of this map, at most 64.

        Returns
        -------
        Unsigned integers of that shape: bit r is set where region ``names[r]`` lies.
        """
        dtype = region_dtype(len(names))
        table = np.zeros(OUTSIDE + 1, dtype)
        for bit, name in enumerate(names):
            table[list(self.regions[name])] |= dtype.type(1 << bit)
        looked_up: np.ndarray = table[masks]
        return looked_up

    def known(self, masks: np.ndarray) -> np.ndarray:
        """Return where class numbers (uint16) are known, bool of the same shape."""
        table = np.ones(OUTSIDE + 1, bool)
        table[list(self.unknown)] = False
        looked_up: np.ndarray = table[masks]
        return looked_up


def load_classes(name_or_path: str | Path) -> ClassMap:
    """Load a class map by path, or a shipped one by name (``celebamask``).

    Raises
    ------
    RuleError
        If it is not a class map; the message names file, line and column.
    MissingError
        If there is no such file.
    """
    path = find_shipped("rules/classes", str(name_or_path))
    return parse_classes(read_yaml_text(path, "a class map"), str(name_or_path))


def parse_classes(text: str, source: str) -> ClassMap:
    """Read the text of a class map; ``source`` is its name, for messages.

    Raises
    ------
    RuleError
        At a mistake, with file, line and column.
    """
    root = read_nodes(text, source, mapping_of(ClassFile))
    file = validate_node(root, ClassFile)
    by_number: dict[int, str] = {}
    for name, number in file.classes.items():
        if by_number.setdefault(number, name) != name:
            raise root.find(("classes", name)).error(f"class {number} has a name already, '{by_number[number]}'")
    regions = {}
    for region in file.regions:
        node = root.find(("regions", region))
        listed = node.value if isinstance(node.value, list) else [node]
        regions[region] = tuple(_number(item, file.classes) for item in listed)
    # Most tools write 255 for what is not known; drawing programs write it for what is drawn.
    drawn = any(255 in numbers for numbers in regions.values())
    unknown = [255] if "unknown" not in root.value and not drawn else []
    for item in root.child("unknown").value if "unknown" in root.value else ():
        unknown.append(_number(item, file.classes))
    for region, numbers in regions.items():
        both = sorted(set(numbers) & set(unknown))
        if both:
            node = root.find(("regions", region))
            raise node.error(f"class {both[0]} of '{region}' is one of 'unknown:', whose pixels are ignored")
    for i, pair in enumerate(file.mirror):
        for side, name in enumerate(pair):
            if name not in regions:
                raise root.find(("mirror", i, side)).error(
                    f"unknown region '{name}'; expected one of {', '.join(regions)}{did_you_mean(name, list(regions))}"
                )
    mirror = tuple((one, other) for one, other in file.mirror)
    return ClassMap(source, regions, file.least_pixels, (*unknown, OUTSIDE), by_number, mirror)


def _example_region(classes: ClassMap) -> str:
    """Return the hair, which is what most masks of one class are of, or else the first region but the background."""
    hair = (name for name in ("top_of_head", "hair") if name in classes.regions)
    return next(hair, next(name for name, numbers in classes.regions.items() if {*numbers} & classes.foreground))


def _number(node: Node, classes: dict[str, int]) -> int:
    """Return the number of a class given by name or number."""
    if isinstance(node.value, str):
        if node.value not in classes:
            listed = f"one of {', '.join(classes)}" if classes else "a number, since 'classes:' names none"
            raise node.error(
                f"unknown class '{node.value}'; expected {listed}{did_you_mean(node.value, list(classes))}"
            )
        return classes[node.value]
    number: int = node.value
    if not 0 <= number < OUTSIDE:
        raise node.error(f"expected a class number from 0 to {OUTSIDE - 1}, got {number}")
    return number
