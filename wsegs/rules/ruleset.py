"""Load a rule file, draw its regions, look up its attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import RuleError
from wsegs.geometry.resample import resample_nearest
from wsegs.io.files import did_you_mean, find_shipped
from wsegs.io.yaml_source import read_nodes, read_yaml_text
from wsegs.rules.compile import compile_nodes
from wsegs.rules.drawing.draw import draw_each, draw_regions, region_dtype
from wsegs.rules.drawing.program import Program
from wsegs.rules.language.extends import as_text, merge_extended
from wsegs.rules.language.free import FreeNumber
from wsegs.rules.lookup import AttributeLookup


class RuleSet:
    """A compiled rule file. Pickled as its text, which is compiled again.

    Attributes
    ----------
    name
        The file's name without its ending.
    source
        The file's name as given, for messages.
    text, sha256
        Its contents, with what it extends merged in, and their hash.
    scheme
        The landmark scheme that its numbers mean.
    region_names
        The regions, bit 0 first.
    attribute_names
        The attributes that it lists.
    mirror
        Pairs of regions or of attributes that a mirrored image exchanges, as the file says.
    dtype
        Of region integers: uint16 up to 16 regions, uint32 up to 32, uint64 up to 64.
    """

    def __init__(self, program: Program, text: str, source: str) -> None:
        self.program = program
        self.text = text
        self.source = source
        self.name = Path(source).stem
        self.sha256 = hashlib.sha256(text.encode()).hexdigest()
        self.scheme = self.program.scheme
        self.region_names = tuple(region.name for region in self.program.regions)
        self.attribute_names = tuple(self.program.attributes)
        self.mirror = self.program.mirror
        self.dtype = region_dtype(len(self.region_names))

    def __reduce__(self) -> tuple[Any, ...]:
        return compile_rules, (self.text, self.source)

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
        return draw_regions(self.program, self._checked(landmarks), size)

    def draw_resized(self, landmarks: np.ndarray, drawn: tuple[int, int], size: tuple[int, int]) -> NDArray[np.int64]:
        """Draw as :meth:`draw` does, (H, W) ``drawn``, and return that in another ``size``, int64 (N, h, w)."""
        return resample_nearest(self.draw(landmarks, drawn), size, np.bitwise_or).astype(np.int64)

    def draw_each(self, landmarks: np.ndarray, size: tuple[int, int]) -> Iterator[np.ndarray]:
        """Draw as :meth:`draw` does, and yield the faces one by one, each ``dtype`` (H, W).

        The array is reused: copy it to keep it.
        """
        return draw_each(self.program, self._checked(landmarks), size)

    def _checked(self, landmarks: np.ndarray) -> np.ndarray:
        landmarks = np.asarray(landmarks, dtype=np.float64)
        if landmarks.ndim != 3 or landmarks.shape[1:] != (self.scheme.count, 2):
            raise RuleError(
                f"{self.source}: expected landmarks of {self.scheme.name}, (N, {self.scheme.count}, 2),"
                f" got an array of shape {landmarks.shape}"
            )
        return landmarks

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
                    f" not listed{did_you_mean(name, self.attribute_names)}"
                )
            rules.append(rule)
        return AttributeLookup(attribute_names, rules, len(self.region_names))


def compile_rules(text: str, source: str, folder: Path | None = None, free: list[FreeNumber] | None = None) -> RuleSet:
    """Compile the text of a rule file.

    Parameters
    ----------
    text
        Its contents.
    source
        Its name, for messages.
    folder
        Its folder, for paths that it ``extends:``; None: it may extend shipped files only.
    free
        If a list, the numbers marked ``fit:`` are appended to it; set them to draw the rules with other values.

    Raises
    ------
    RuleError
        At the first mistake, with file, line and column, and how many more there are.
    """
    root = read_nodes(text, source)
    merged = merge_extended(root, folder)
    program, errors = compile_nodes(merged, free)
    if program is None:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise RuleError(f"{errors[0]}{more}")
    return RuleSet(program, text if merged is root else as_text(merged), source)


def load_rules(name_or_path: str | Path, free: list[FreeNumber] | None = None) -> RuleSet:
    """Load a rule file by path, or a shipped one by name (``celeba``); ``free`` as in :func:`compile_rules`.

    Raises
    ------
    RuleError
        If it is not a rule file; the message names line and column.
    MissingError
        If there is no such file.
    """
    path = find_shipped("rules", str(name_or_path))
    return compile_rules(read_yaml_text(path, "a rule file"), str(name_or_path), path.parent, free)
