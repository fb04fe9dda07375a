"""The public face of the rule engine: load a rule file, draw regions, look attributes up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wsegs.errors import RuleError
from wsegs.files import find_shipped, nearest
from wsegs.rules.compile import compile_program
from wsegs.rules.draw import draw_regions, region_dtype
from wsegs.rules.lookup import AttributeLookup
from wsegs.rules.yaml_source import MAX_BYTES


class RuleSet:
    """A compiled rule file. Pickles as its text, which it is compiled from again.

    Attributes
    ----------
    name
        The file's name without its ending.
    source
        The file's name as given, for messages.
    text, sha256
        Its contents and their hash.
    scheme
        The landmark scheme that its numbers mean.
    region_names
        The regions, bit 0 first.
    attribute_names
        The attributes that it lists.
    dtype
        Of region integers: uint16 up to 16 regions, uint32 up to 32, uint64 up to 64.
    """

    def __init__(self, text: str, source: str) -> None:
        self.program = compile_program(text, source)
        self.text = text
        self.source = source
        self.name = Path(source).stem
        self.sha256 = hashlib.sha256(text.encode()).hexdigest()
        self.scheme = self.program.scheme
        self.region_names = tuple(region.name for region in self.program.regions)
        self.attribute_names = tuple(self.program.attributes)
        self.dtype = region_dtype(len(self.region_names))

    def __reduce__(self) -> tuple[Any, ...]:
        return RuleSet, (self.text, self.source)

    def __repr__(self) -> str:
        regions, attributes = len(self.region_names), len(self.attribute_names)
        return f"<RuleSet {self.name}: {regions} regions, {attributes} attributes, {self.scheme.name}>"

    def draw(self, landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Draw the regions of a batch of faces.

        Parameters
        ----------
        landmarks
            (N, P, 2): x (to the right) and y (down) in pixels of the frame, pixel centres at whole numbers. A face
            with nan is left empty.
        size
            Height and width of the frame in pixels.

        Returns
        -------
        ``dtype`` (N, H, W): bit r is set where region r lies.

        Raises
        ------
        RuleError
            If the landmarks are not P points of two coordinates.
        """
        landmarks = np.asarray(landmarks, dtype=np.float64)
        if landmarks.ndim != 3 or landmarks.shape[1:] != (self.scheme.count, 2):
            raise RuleError(
                f"{self.source}: expected landmarks of {self.scheme.name}, (N, {self.scheme.count}, 2),"
                f" got an array of shape {landmarks.shape}"
            )
        return draw_regions(self.program, landmarks, size)

    def lookup(self, attribute_names: Sequence[str]) -> AttributeLookup:
        """Return how the given attributes follow from regions.

        Raises
        ------
        RuleError
            If one has no rule and the file no ``default``.
        """
        rules = []
        for name in attribute_names:
            rule = self.program.attributes.get(name, self.program.default)
            if rule is None:
                raise RuleError(
                    f"{self.source}: no rule for the attribute '{name}' and no 'default:' for attributes that are"
                    f" not listed{nearest(name, self.attribute_names)}"
                )
            rules.append(rule)
        return AttributeLookup(attribute_names, rules, len(self.region_names))


def compile_rules(text: str, source: str) -> RuleSet:
    """Compile the text of a rule file; ``source`` is its name, for messages.

    Raises
    ------
    RuleError
        At the first mistake, with file, line and column.
    """
    return RuleSet(text, source)


def load_rules(name_or_path: str | Path) -> RuleSet:
    """Load a rule file by path, or a shipped one by name (``celeba``).

    Raises
    ------
    RuleError
        If it is not a rule file; the message names line and column.
    MissingError
        If there is no such file.
    """
    path = find_shipped("rules", str(name_or_path))
    if path.stat().st_size > MAX_BYTES:
        raise RuleError(f"{path}: expected a rule file of at most {MAX_BYTES:,} bytes, got {path.stat().st_size:,}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RuleError(
            f"{path}: expected UTF-8 text, got byte {error.object[error.start]:#04x} at {error.start}"
        ) from None
    return compile_rules(text, str(name_or_path))
