"""Recipes: everything that decides how a network is trained, in one YAML file of ``models/``."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from ruamel.yaml import YAML

from wsegs.errors import DataError, MissingError, OptionError, RuleError, WsegsError
from wsegs.io.files import atomic_write, find_shipped
from wsegs.io.validation import find_mistakes
from wsegs.io.yaml_source import Node, read_nodes, read_yaml_text

RECIPE_VERSION = 1

LossName = Literal["segmentation", "recognition", "parsing"]


def _parse_size(value: Any) -> Any:
    if isinstance(value, str):
        height, cross, width = value.lower().partition("x")
        if not (cross and height.isdecimal() and width.isdecimal() and int(height) and int(width)):
            raise ValueError("expected HEIGHTxWIDTH such as 218x178")
        return int(height), int(width)
    if not isinstance(value, (tuple, list)):
        raise ValueError("expected HEIGHTxWIDTH such as 218x178")
    return value


Size = Annotated[
    tuple[int, int],
    BeforeValidator(_parse_size),
    PlainSerializer(lambda size: f"{size[0]}x{size[1]}", return_type=str),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class NetworkChoice(BaseModel):
    """A network by name; further fields are its own options, which the network checks."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """The network's own options."""
        return dict(self.model_extra or {})


class Stage(_Strict):
    """A part of the training with its own sum of losses."""

    epochs: int = Field(gt=0)
    losses: dict[LossName, Annotated[float, Field(gt=0)]] = Field(min_length=1)


class Optimizer(_Strict):
    """The optimiser."""

    name: Literal["adam", "adamw", "adagrad", "sgd"] = "adam"
    learning_rate: float = Field(default=0.001, gt=0)
    weight_decay: float = Field(default=0, ge=0)


class Schedule(_Strict):
    """How the learning rate goes over all steps; ``warmup`` is the share of them in which it rises."""

    name: Literal["constant", "one-cycle", "cosine"] = "constant"
    warmup: float = Field(default=0.15, ge=0, lt=1)


class EarlyStopping(_Strict):
    """What decides which checkpoint is the best, and when to stop; ``patience`` None never stops."""

    monitor: Literal["average_precision", "accuracy", "balanced_accuracy", "recognition", "mean_iou", "parsing"] = (
        "average_precision"
    )
    patience: int | None = Field(default=None, gt=0)

    @property
    def lower_is_better(self) -> bool:
        """Whether the monitored value is a loss."""
        return self.monitor in ("recognition", "parsing")


class ClassSource(_Strict):
    """Where class maps come from: the store's own base regions, or human masks with a class map."""

    source: Literal["store", "masks"] = Field(default="masks", alias="from")
    truth: Path | None = None
    classes: str = "celebamask-seven"


class ParsingTruth(ClassSource):
    """What a parser learns from; ``store``, another mask store whose images have the masks, None for the training's."""

    store: Path | None = None


class RegionInput(_Strict):
    """Where the regions come from that a network reads.

    ``parser`` is a run of a parser: with ``from: parser`` it draws them always, else for images of which no more than
    the image is known. ``hard`` takes its most probable class of each pixel instead of all their probabilities; where
    regions are known in training, that is done anyway, since those are hard too.
    """

    source: Literal["parser", "store", "masks", "landmarks"] = Field(default="parser", alias="from")
    parser: Path | None = None
    hard: bool = False
    truth: Path | None = None
    classes: str = "celebamask-seven"
    box_area: float = Field(default=20**2 / (218 * 178), gt=0, le=1)
    aspects: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(1.0, 0.5, 2.0), min_length=1)

    @property
    def parsed_hard(self) -> bool:
        """Whether a pixel belongs to one region alone, where a parser draws them."""
        return self.hard or self.source != "parser"


class Recipe(_Strict):
    """A whole recipe; ``models/attparsenet.yaml`` explains the fields."""

    version: Literal[1]
    network: NetworkChoice
    size: Size
    batch_size: int = Field(default=32, gt=0)
    stages: tuple[Stage, ...] = Field(min_length=1)
    max_steps: int | None = Field(default=None, gt=0)
    validate_every: int | None = Field(default=None, gt=0)
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    flips: bool = True
    balance: Literal["none", "class"] = "none"
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = "auto"
    seed: int = Field(default=0, ge=0, lt=2**31)
    validation_fraction: float = Field(default=0.1, gt=0, le=0.5)
    early_stopping: EarlyStopping = EarlyStopping()
    regions: RegionInput | None = None
    parsing: ParsingTruth | None = None
    start_from: Path | None = None

    @property
    def recognises(self) -> bool:
        """Whether attributes are learned, and not parsing alone."""
        return self.losses != {"parsing"}

    @property
    def parses(self) -> bool:
        """Whether parsing is learned."""
        return "parsing" in self.losses

    @property
    def epochs(self) -> int:
        """Epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def losses(self) -> frozenset[str]:
        """Every loss that some stage has."""
        return frozenset(loss for stage in self.stages for loss in stage.losses)

    def without_segmentation(self) -> Recipe:
        """Return the baseline: the same network and passes over the images, and no masks.

        A stage that had only the segmentation loss becomes one of recognition, so that both spend the same budget;
        stages that are alike then are one.
        """
        stages: list[Stage] = []
        for stage in self.stages:
            losses: dict[LossName, float] = {
                name: weight for name, weight in stage.losses.items() if name != "segmentation"
            }
            losses = losses or {"recognition": 1.0}
            if stages and stages[-1].losses == losses:
                stages[-1] = Stage(epochs=stages[-1].epochs + stage.epochs, losses=losses)
            else:
                stages.append(Stage(epochs=stage.epochs, losses=losses))
        return self.model_copy(update={"stages": tuple(stages)})

    def as_fields(self) -> dict[str, Any]:
        """Return the recipe as YAML and JSON hold it."""
        return self.model_dump(mode="json", by_alias=True)


def load_recipe(name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Load a recipe by path or by the name of a shipped one.

    Parameters
    ----------
    name
        ``attparsenet``, ``models/attparsenet.yaml`` or any path.
    overrides
        Values of flags by dotted field, such as ``{"network.width": 0.25}``; None leaves the recipe's own.

    Raises
    ------
    MissingError
        If there is no such recipe.
    DataError
        If it is not valid YAML or a field is not what it must be; the message names file, line and field.
    OptionError
        If an override is not.
    """
    path = find_shipped("models", name)
    return read_recipe(path, overrides)


def read_recipe(path: Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Load the recipe at ``path``; see :func:`load_recipe`."""
    if not path.is_file():
        raise MissingError(f"{path}: no such recipe")
    try:
        root = read_nodes(read_yaml_text(path, "a recipe"), str(path), "the fields of a recipe")
    except RuleError as error:
        raise DataError(f"{path}: line {error.place[1]}: {error.problem}" if error.place else str(error)) from None
    fields = root.plain()
    if not isinstance(fields, dict):
        raise DataError(f"{path}: expected the fields of a recipe, got {type(fields).__name__}")
    given = {field: value for field, value in (overrides or {}).items() if value is not None}
    for field, value in given.items():
        _set(fields, field.split("."), value)
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        raise _explain(error, path, root, given) from None


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write a resolved recipe."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    buffer = io.StringIO()
    yaml.dump(recipe.as_fields(), buffer)
    with atomic_write(path) as temporary:
        temporary.write_text(buffer.getvalue(), encoding="utf-8")


def _set(fields: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = fields.setdefault(key, {})
        if not isinstance(inner, dict):
            return  # the field is wrong in the file itself, and validation says so
        fields = inner
    fields[keys[-1]] = value


def _explain(error: ValidationError, path: Path, root: Node, overrides: Mapping[str, Any]) -> WsegsError:
    """Return the first mistake as one line: the flag, or the file, line and field; what was expected and what came."""
    mistake = find_mistakes(error, Recipe)[0]
    keys = tuple(map(str, mistake.path))
    for field in overrides:
        if keys[: field.count(".") + 1] == tuple(field.split(".")):
            return OptionError(f"--{field.rpartition('.')[2].replace('_', '-')}: {mistake.message}")
    line = root.locate(mistake.path, at_key=mistake.at_key).line
    return DataError(f"{path}: line {line}: {mistake.field + ': ' if mistake.field else ''}{mistake.message}")
