"""Refinement files: the regions to refine, and the weights of the spatial prior."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

from wsegs.errors import OptionError
from wsegs.io.files import did_you_mean, find_shipped
from wsegs.io.validation import mapping_of, validate_node
from wsegs.io.yaml_source import read_nodes, read_yaml_text
from wsegs.rules import RuleSet

Weight = Annotated[StrictFloat | StrictInt, Field(ge=-100, le=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClassFields(_Strict):
    """One class of pixels."""

    refines: StrictStr | None = None
    bias: Weight
    near: list[Weight]
    far: list[Weight]


class RefinementFile(_Strict):
    """Fields of a refinement file; rules/README.md describes them."""

    version: Literal[1]
    scheme: StrictStr
    description: StrictStr = ""
    regions: Annotated[list[StrictStr], Field(min_length=1)]
    threshold: Annotated[StrictFloat, Field(gt=0, lt=1)] = 0.5
    classes: Annotated[dict[str, ClassFields], Field(min_length=1)]


@dataclass(frozen=True, eq=False)
class Refinement:
    """A checked refinement file.

    Attributes
    ----------
    source, sha256
        Name of the file as given, for messages, and the hash of its contents.
    scheme
        Landmark scheme, whose inter-ocular distance is the unit of distances.
    regions
        R regions of a rule file, whose distances are the features.
    class_names
        K classes of pixels; the background has no name and the score 0.
    weights
        (K, 1 + 2R) float32: bias, then the near and far weight of each region; :func:`wsegs.refine.place.features`.
    refined
        Region -> position of its class, for the regions to refine.
    threshold
        A pixel is in a region if the probability of its class exceeds this.
    """

    source: str
    sha256: str
    scheme: str
    regions: tuple[str, ...]
    class_names: tuple[str, ...]
    weights: NDArray[np.float32]
    refined: dict[str, int]
    threshold: float

    def only(self, regions: Sequence[str]) -> Refinement:
        """Return the refinement of some of its regions only; all classes are kept, since they compete.

        Raises
        ------
        OptionError
            If it does not refine one of them.
        """
        for name in regions:
            if name not in self.refined:
                known = tuple(self.refined)
                raise OptionError(
                    f"--refine: {self.source} says how to refine {', '.join(known)}, got '{name}'"
                    f"{did_you_mean(name, known)}"
                )
        return replace(self, refined={name: self.refined[name] for name in self.refined if name in regions})

    def check(self, rules: RuleSet) -> None:
        """Raise OptionError unless the rules have its landmark scheme and its regions."""
        if rules.scheme.name != self.scheme:
            raise OptionError(
                f"--refine: {self.source} is for rules of the landmark scheme '{self.scheme}',"
                f" {rules.source} is of '{rules.scheme.name}'"
            )
        for name in self.regions:
            if name not in rules.region_names:
                raise OptionError(
                    f"--refine: {self.source} needs the region '{name}', which {rules.source} does not have"
                    f"{did_you_mean(name, rules.region_names)}"
                )


def load_refinement(name_or_path: str | Path = "celeba") -> Refinement:
    """Load a refinement file by path, or a shipped one by name.

    Raises
    ------
    RuleError
        If it is not a refinement file; the message names file, line and column.
    MissingError
        If there is no such file.
    """
    path = find_shipped("rules/refine", str(name_or_path))
    return parse_refinement(read_yaml_text(path, "a refinement"), str(name_or_path))


def parse_refinement(text: str, source: str) -> Refinement:
    """Read the text of a refinement file; ``source`` is its name, for messages.

    Raises
    ------
    RuleError
        At a mistake, with file, line and column.
    """
    root = read_nodes(text, source, mapping_of(RefinementFile))
    file = validate_node(root, RefinementFile)
    if len(set(file.regions)) != len(file.regions):
        raise root.find(("regions",)).error("expected each region once")
    refined: dict[str, int] = {}
    for k, (name, fields) in enumerate(file.classes.items()):
        for key in ("near", "far"):
            count = len(getattr(fields, key))
            if count != len(file.regions):
                node = root.find(("classes", name, key))
                raise node.error(f"expected {len(file.regions)} weights, one for each of 'regions:', got {count}")
        if fields.refines is None:
            continue
        node = root.find(("classes", name, "refines"))
        if fields.refines not in file.regions:
            raise node.error(
                f"expected one of 'regions:', got '{fields.refines}'{did_you_mean(fields.refines, file.regions)}"
            )
        if fields.refines in refined:
            raise node.error(f"'{fields.refines}' is refined by another class already")
        refined[fields.refines] = k
    if not refined:
        raise root.find(("classes",)).error("expected a class that 'refines:' a region, got none")
    weights = [[fields.bias, *fields.near, *fields.far] for fields in file.classes.values()]
    return Refinement(
        source=source,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        scheme=file.scheme,
        regions=tuple(file.regions),
        class_names=tuple(file.classes),
        weights=np.array(weights, np.float32),
        refined=refined,
        threshold=file.threshold,
    )
