"""Find all errors and warnings of a rule file at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wsegs.errors import RuleError
from wsegs.io.files import did_you_mean
from wsegs.io.yaml_source import Node, read_nodes
from wsegs.rules.compile import compile_nodes
from wsegs.rules.drawing.draw import draw_regions
from wsegs.rules.drawing.program import Program, find_parts
from wsegs.rules.language.expressions import Name
from wsegs.rules.language.extends import merge_extended
from wsegs.rules.language.region_expressions import bits_of
from wsegs.rules.lookup import AttributeLookup

# Faces drawn at a time.
_BATCH = 128
# Pixel integers to try attributes on where there are too many regions to try all of them.
_TRIALS = 1 << 14


@dataclass(frozen=True)
class Finding:
    """One error or warning.

    Attributes
    ----------
    severity
        Errors keep a file from being used, warnings do not.
    file, line, column
        Where; counted from 1. 0 where the finding is about the whole file.
    message
        What was expected, what came, and the nearest known name where there is one.
    """

    severity: Literal["error", "warning"]
    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.severity}: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """Return the finding as a JSON-able dictionary."""
        return asdict(self)


@dataclass(frozen=True)
class Faces:
    """Faces to try a rule file on.

    Attributes
    ----------
    landmarks
        (N, P, 2), x and y in pixels of a frame of ``size``; faces with nan are ignored.
    size
        (H, W) of the frame.
    """

    landmarks: np.ndarray
    size: tuple[int, int]


def check_rules(
    text: str,
    source: str,
    folder: Path | None = None,
    *,
    faces: Faces | None = None,
    attribute_names: Sequence[str] = (),
    least_empty: float = 0.01,
) -> tuple[Program | None, list[Finding]]:
    """Find every error in a rule file and, where there is none, every warning.

    Parameters
    ----------
    text, source, folder
        As in :func:`wsegs.rules.compile_rules`.
    faces
        Landmarks of the file's scheme: regions that are empty on some of them are warned of.
    attribute_names
        Those of a data set: attributes that only one of the two knows are warned of.
    least_empty
        Warn of regions that are empty on this share of the faces or more.

    Returns
    -------
    The program, None if there are errors, and the findings in the order of the file.

    Raises
    ------
    RuleError
        If the landmarks are not of the file's scheme.
    """
    try:
        root = merge_extended(read_nodes(text, source), folder)
    except RuleError as error:
        return None, [_as_error(error, source)]
    program, errors = compile_nodes(root)
    if program is None:
        return None, [_as_error(error, source) for error in errors]
    found = [
        *_unused_regions(program, root),
        *_empty_attributes(program, root),
        *_unused_names(program, root),
        *_attributes_of_data(program, root, attribute_names),
    ]
    if faces is not None:
        found += _empty_regions(program, root, faces, least_empty)
    return program, sorted(found, key=lambda finding: (finding.file != source, finding.line, finding.column))


def _as_error(error: RuleError, source: str) -> Finding:
    if error.place is None:
        return Finding("error", source, 0, 0, str(error).removeprefix(f"{source}: "))
    return Finding("error", *error.place, error.problem)


def _warning(node: Node, message: str) -> Finding:
    return Finding("warning", node.source, node.line, node.column, message)


def _unused_regions(program: Program, root: Node) -> Iterator[Finding]:
    """Warn of regions that nothing names; ``all`` does not name them."""
    rules = [*program.attributes.values(), *([program.default] if program.default else [])]
    expressions = [rule.regions for rule in rules]
    needed = [other for region in program.regions for other in (region.minus, region.within)]
    named = whole = 0
    for expression in (*expressions, *needed):
        named |= bits_of(expression, by_name=True)
        whole |= bits_of(expression)
    for bit, region in enumerate(program.regions):
        if not named >> bit & 1:
            how = " by name, only through 'all'" if whole >> bit & 1 else ""
            message = f"no attribute uses the region '{region.name}'{how}"
            yield _warning(root.child("regions").keys[region.name], message)


def _empty_attributes(program: Program, root: Node) -> Iterator[Finding]:
    """Warn of attributes that no pixel can belong to."""
    regions = len(program.regions)
    if regions <= 14:
        pixels = np.arange(1 << regions, dtype=np.uint64)
    else:
        single = np.uint64(1) << np.arange(regions, dtype=np.uint64)
        whole = np.bitwise_or.reduce(single)
        some = np.random.default_rng(0).integers(0, int(whole), _TRIALS, np.uint64, endpoint=True)
        pixels = np.concatenate([single, whole ^ single, [whole], some, some & np.roll(some, 1)])
    lookup = AttributeLookup(list(program.attributes), list(program.attributes.values()), 64)
    for attribute, name in enumerate(lookup.attribute_names):
        if not lookup.evaluate(attribute, pixels).any():
            yield _warning(root.child("attributes").keys[name], f"no pixel can belong to the attribute '{name}'")


def _unused_names(program: Program, root: Node) -> Iterator[Finding]:
    """Warn of parameters and names of a ``let`` that nothing uses."""
    used = _names_in(program.regions) | _names_in(program.parameters)
    for name in program.parameters:
        if name not in used:
            yield _warning(root.child("parameters").keys[name], f"nothing uses the parameter '{name}'")
    for region in program.regions:
        for name in region.let:
            if name not in _names_in((region.let, region.shapes)):
                node = root.find(("regions", region.name, "let"))
                yield _warning(node.keys[name], f"nothing uses '{name}' of the region '{region.name}'")


def _names_in(tree: Any) -> set[str]:
    """Return the names that the expressions of a compiled tree use."""
    return {used.name for used in find_parts(tree, Name)}


def _attributes_of_data(program: Program, root: Node, names: Sequence[str]) -> Iterator[Finding]:
    """Warn of attributes that only the rules or only the data set know."""
    if not names:
        return
    for name in program.attributes:
        if name not in names:
            hint = did_you_mean(name, tuple(names))
            yield _warning(root.child("attributes").keys[name], f"the data set has no attribute '{name}'{hint}")
    for name in names:
        if name not in program.attributes and program.default is None:
            hint = did_you_mean(name, tuple(program.attributes))
            message = f"the data set's attribute '{name}' has no rule and there is no 'default:'{hint}"
            yield Finding("warning", root.source, 0, 0, message)


def empty_shares(program: Program, faces: Faces) -> np.ndarray:
    """Return the share of faces on which each region is empty, (R,); nan if there is no face."""
    landmarks = faces.landmarks[np.isfinite(faces.landmarks).all(axis=(1, 2))]
    bits = [
        np.bitwise_or.reduce(draw_regions(program, landmarks[start : start + _BATCH], faces.size), axis=(1, 2))
        for start in range(0, len(landmarks), _BATCH)
    ]
    if not bits:
        return np.full(len(program.regions), np.nan)
    drawn = np.concatenate(bits).astype(np.uint64)
    return np.array([np.mean(drawn >> np.uint64(bit) & np.uint64(1) == 0) for bit in range(len(program.regions))])


def _empty_regions(program: Program, root: Node, faces: Faces, least: float) -> Iterator[Finding]:
    if faces.landmarks.shape[1:] != (program.scheme.count, 2):
        raise RuleError(
            f"{root.source}: expected landmarks of {program.scheme.name}, (N, {program.scheme.count}, 2),"
            f" got an array of shape {faces.landmarks.shape}"
        )
    for region, share in zip(program.regions, empty_shares(program, faces), strict=True):
        if share >= max(least, 1e-9):
            message = f"the region '{region.name}' is empty on {share:.1%} of {len(faces.landmarks)} faces"
            yield _warning(root.child("regions").keys[region.name], message)
