"""Recipes: the settings of a training in one YAML file of ``models/``. Read by resolve.py alone."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML

from wsegs.errors import DataError, MissingError, OptionError, RuleError, WsegsError
from wsegs.io.files import atomic_write, did_you_mean, find_shipped
from wsegs.io.validation import find_mistakes
from wsegs.io.yaml_source import Node, read_nodes, read_yaml_text
from wsegs.tasks import TASK_KINDS, task_kind

RECIPE_VERSION = 1


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


class TrunkChoice(_Strict):
    """Layers whose weights come from elsewhere.

    ``from`` is a run, or a file of weights (``.pth``, ``.pt``). ``layers`` are prefixes of the names of the network's
    weights, such as ``features``; a mapping says what each is called there. Frozen layers are not trained, and their
    batch normalisation does not follow the data. ``rate`` is their learning rate as a share of the
    others'.
    """

    source: Path = Field(alias="from")
    layers: dict[str, str] = Field(min_length=1)
    frozen: bool = False
    rate: float = Field(default=1.0, gt=0)

    @field_validator("layers", mode="before")
    @classmethod
    def _named_alike(cls, value: Any) -> Any:
        return {layer: layer for layer in value} if isinstance(value, (list, tuple)) else value


class NetworkChoice(BaseModel):
    """A network by name, or a class of one's own as ``package.module:Class``.

    ``weights`` is a file of a backbone's weights, of a network that has a backbone; without it they come from an
    installed package, and with ``pretrained: false`` from nowhere. ``backbone_rate`` is the backbone's learning rate as
    a share of the others'. Further fields are the network's own options, which it checks.
    """

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    name: str | None = None
    weights: Path | None = None
    pretrained: bool = True
    backbone_rate: float = Field(default=1.0, gt=0)
    class_: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] | None = Field(default=None, alias="class")
    trunks: tuple[TrunkChoice, ...] = ()

    @model_validator(mode="after")
    def _one_of_two(self) -> NetworkChoice:
        if (self.name is None) == (self.class_ is None):
            raise ValueError("expected a name, or a class such as my_package.nets:MyNet")
        return self

    @property
    def target(self) -> str:
        """Name or class."""
        return self.name or self.class_ or ""

    @property
    def options(self) -> dict[str, Any]:
        """The network's own options."""
        return dict(self.model_extra or {})


class TaskChoice(BaseModel):
    """A task: its kind, and the options of that kind."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str

    @property
    def options(self) -> dict[str, Any]:
        """The kind's own options."""
        return dict(self.model_extra or {})


def _check_tasks(value: Any) -> Any:
    """Check the options of each task by the model of its kind, and write its kind down."""
    if not isinstance(value, Mapping):
        return value
    checked = {}
    for name, given in value.items():
        if isinstance(given, TaskChoice):
            given = given.model_dump()
        fields = dict(given or {}) if isinstance(given, Mapping) or given is None else {"": given}
        try:
            kind = task_kind(str(fields.pop("kind", name)))
            checked_options = kind.options.model_validate(fields)
        except ValidationError as error:
            fault = error.errors()[0]
            field = ".".join([str(name), *map(str, fault["loc"])])
            known = [field.alias or own for own, field in kind.options.model_fields.items()]
            if fault["type"] == "extra_forbidden":
                hint = did_you_mean(str(fault["loc"][-1]), known)
                raise ValueError(
                    f"{', '.join(known) or 'no options'} in '{name}', '{field}' is unknown{hint}"
                ) from None
            raise ValueError(f"{field}: {fault['msg'].removeprefix('Value error, ')}") from None
        except OptionError as error:
            raise ValueError(f"{name}: {error}") from None
        checked[name] = {"kind": kind.name, **checked_options.model_dump(mode="json", by_alias=True)}
    return checked


class Samples(_Strict):
    """Source of the samples, and the crop of images that come straight from a data set.

    ``auto`` takes a mask store where one is named or a task needs masks, else the data set. ``image`` resizes images as
    they are, ``letterbox`` fits whole images into the network's with black bars, ``centre`` fills it with the middle of
    the image, ``face`` crops by landmarks (``zoom``, ``align_eyes``), ``box`` by boxes (``--boxes``, or the data
    set's), widened by ``margin``. ``auto`` is ``face`` where landmarks are given, ``box`` where ``--boxes`` are,
    ``image`` where all images are aligned, else ``letterbox``. ``hold_out`` says whether people or single images are
    carved out for validation where the data set has no such split; people of the training are known only by images.
    ``labels`` trains on so many of the labelled images, drawn by the seed; those of a smaller number are among those of
    a larger one. ``ten_crops`` is a size that images are cropped to first: in training one of five patches of it is
    taken, the middle or a corner, mirrored as ``flips`` says; at test, the mean of all ten. ``people`` is the share of
    the people of the train split that is used, from and to, in an order of chance that is the same for every seed and
    recipe: those of 0 to 0.8 are none of those of 0.8 to 1. ``together`` images of a person are side by side in a
    mini-batch, for losses of pairs.
    """

    source: Literal["auto", "store", "data"] = Field(default="auto", alias="from")
    crop: Literal["auto", "image", "letterbox", "centre", "face", "box"] = "auto"
    zoom: float = Field(default=1.25, gt=0)
    align_eyes: bool = False
    margin: float = Field(default=0.3, ge=0)
    hold_out: Literal["auto", "people", "images"] = "auto"
    labels: int | None = Field(default=None, ge=2)
    ten_crops: Size | None = None
    people: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] = (0.0, 1.0)
    together: int = Field(default=1, ge=1)

    @field_validator("people")
    @classmethod
    def _some_people(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not value[0] < value[1]:
            raise ValueError(f"expected a share from a smaller to a larger number, got {value[0]:g} to {value[1]:g}")
        return value


class Stage(_Strict):
    """A part of the training with its own sum of losses, each by the name of its task.

    ``fade`` are weights at the end of the stage, to which those of ``losses`` go in a straight line.
    """

    epochs: int = Field(gt=0)
    losses: dict[str, Annotated[float, Field(gt=0)]] = Field(min_length=1)
    fade: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fading_losses(self) -> Stage:
        for name in self.fade:
            if name not in self.losses:
                raise ValueError(f"fade: expected losses of the stage ({', '.join(self.losses)}), got '{name}'")
        return self

    def with_losses(self, losses: dict[str, float]) -> Stage:
        """Return the stage with other losses; those that are no more do not fade."""
        fade = {name: end for name, end in self.fade.items() if name in losses}
        return Stage(epochs=self.epochs, losses=losses, fade=fade)


class Augmentation(_Strict):
    """How crops are moved at random in training, each by the seed, the epoch and its row alone.

    ``rotate``: degrees, either way. ``scale``: the least and the greatest factor. ``shift``: pixels of the network's
    images, either way. ``colour``: brightness, contrast and saturation change by factors up to that far from 1.
    ``moved_masks``: ``warped`` from the region integers of the mask store, by nearest pixel centres; ``drawn`` by its
    rules from the moved landmarks, slower, and beyond the borders of the store's frame as well.
    """

    rotate: float = Field(default=0, ge=0, le=180)
    scale: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (1.0, 1.0)
    shift: float = Field(default=0, ge=0)
    colour: float = Field(default=0, ge=0, lt=1)
    moved_masks: Literal["warped", "drawn"] = "warped"

    @field_validator("scale")
    @classmethod
    def _in_order(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError(f"expected the smaller factor first, got {value[0]:g},{value[1]:g}")
        return value


class Optimizer(_Strict):
    """The optimiser; ``momentum`` is that of ``sgd``."""

    name: Literal["adam", "adamw", "adagrad", "sgd"] = "adam"
    learning_rate: float = Field(default=0.001, gt=0)
    weight_decay: float = Field(default=0, ge=0)
    momentum: float = Field(default=0, ge=0, lt=1)


class Schedule(_Strict):
    """Schedule of the learning rate; ``warmup`` is the share of the steps in which it rises."""

    name: Literal["constant", "one-cycle", "cosine"] = "constant"
    warmup: float = Field(default=0.15, ge=0, lt=1)


class EarlyStopping(_Strict):
    """Monitored value of the best checkpoint, and early stopping; ``patience`` None never stops.

    ``monitor`` is a score of the validation images (``average_precision``, ``mean_iou``, ``age_mean_absolute_error``,
    ...) or a loss, by the name of its task.
    """

    monitor: str = "average_precision"
    patience: int | None = Field(default=None, gt=0)


PointName = Literal["left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]
"""The five points of every landmark scheme."""


class RegionInput(_Strict):
    """Source of the regions that a network reads.

    ``rules`` takes the base regions that the mask store's rules drew, which may overlap; on new images the same rules
    draw them, from landmarks that are found there. ``parser`` is a run of a parser: with ``from: parser`` it draws
    them always, else for images of which no more than the image is known. ``hard``
    takes its most probable class of each pixel instead of all their probabilities; where regions are known in training,
    that is done anyway, since those are hard too. ``parts`` are patches in place of regions: ``parts`` says of each
    where two or more of the five points lie in it, as shares of its sides.
    """

    source: Literal["parser", "store", "rules", "masks", "landmarks", "parts"] = Field(default="parser", alias="from")
    parser: Path | None = None
    hard: bool = False
    parsing_masks: Path | None = None
    class_map: str = "celebamask-seven"
    box_area: float = Field(default=20**2 / (218 * 178), gt=0, le=1)
    aspects: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(1.0, 0.5, 2.0), min_length=1)
    parts: dict[str, Annotated[dict[PointName, tuple[float, float]], Field(min_length=2)]] = Field(default_factory=dict)

    @field_validator("parts")
    @classmethod
    def _points_apart(cls, value: dict[str, dict[str, tuple[float, float]]]) -> Any:
        for part, places in value.items():
            if len(set(places.values())) < 2:
                raise ValueError(f"{part}: expected points at two places or more, which turn and scale the part")
        return value

    @model_validator(mode="after")
    def _parts_named(self) -> RegionInput:
        if (self.source == "parts") != bool(self.parts):
            raise ValueError("expected 'from: parts' and a field 'parts', both or neither")
        return self

    @property
    def parsed_hard(self) -> bool:
        """True where each pixel of a parser's regions belongs to one region alone."""
        return self.hard or self.source != "parser"


SVM_PENALTIES = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
"""Of support vector machines on the features of a trained network; C times the number of labels is one by each."""


class Fit(_Strict):
    """How linear heads are fitted on the features of a network.

    ``features``: ``frozen``, in place of a training; ``trained``, after the training of the recipe's stages, whose
    heads they replace. ``loss: hinge`` is squared; ``svm`` is the same as scikit-learn fits it, and takes no prior.
    ``penalties`` are tried by ``folds`` of people (0: on the validation images), and the best by ``criterion`` is
    taken, with ``each`` for each attribute by itself. ``prior`` is by how much more weights on regions outside of an
    attribute's own mask are penalised. ``mirrored_copies`` adds the mirrored images as further rows. ``thresholds``
    says what the thresholds of the attributes are chosen for; ``none`` leaves them at a probability of one half.
    ``labels`` takes so many labelled images; of several numbers, the largest is the run's and all are points of a
    curve.
    """

    features: Literal["frozen", "trained"] = "frozen"
    loss: Literal["logistic", "hinge", "svm"] = "logistic"
    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1)
    criterion: Literal["log_loss", "average_precision"] = "log_loss"
    each: bool = True
    prior: float = Field(default=10.0, gt=0)
    balance: Literal["none", "class"] = "none"
    folds: int = Field(default=5, ge=0)
    mirrored_copies: bool = False
    thresholds: Literal["none", "accuracy", "balanced_accuracy"] = "accuracy"
    labels: tuple[Annotated[int, Field(ge=2)], ...] = ()

    @field_validator("folds")
    @classmethod
    def _no_single_fold(cls, value: int) -> int:
        if value == 1:
            raise ValueError("expected 0, or 2 or more")
        return value

    @model_validator(mode="after")
    def _one_training(self) -> Fit:
        if self.features == "trained" and (self.labels or self.mirrored_copies):
            raise ValueError("labels and mirrored_copies are for features of a frozen network; see samples: labels")
        return self

    @classmethod
    def after_training(cls) -> Fit:
        """Return the fit of support vector machines on the features of a trained network."""
        return cls(features="trained", loss="hinge", penalties=SVM_PENALTIES, prior=1, folds=0, thresholds="none")

    @model_validator(mode="before")
    @classmethod
    def _machines_without_prior(cls, data: Any) -> Any:
        return {"prior": 1.0, **data} if isinstance(data, dict) and data.get("loss") == "svm" else data

    @model_validator(mode="after")
    def _no_prior_of_machines(self) -> Fit:
        if self.loss == "svm" and self.prior != 1:
            raise ValueError(f"loss: svm: expected prior: 1, since scikit-learn takes none, got {self.prior:g}")
        return self


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
    augmentation: Augmentation = Augmentation()
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = "auto"
    seed: int = Field(default=0, ge=0, lt=2**31)
    validation_fraction: float = Field(default=0.1, ge=0, le=0.5)
    early_stopping: EarlyStopping = EarlyStopping()
    samples: Samples = Samples()
    tasks: Annotated[dict[str, TaskChoice], BeforeValidator(_check_tasks)] = Field(default_factory=dict)
    regions: RegionInput | None = None
    fit: Fit | None = None
    init_from: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _tasks_of_losses(cls, data: Any) -> Any:
        """Give each loss the task of its name, where the recipe has none."""
        if not isinstance(data, dict) or not isinstance(data.get("tasks", {}), (dict, type(None))):
            return data
        tasks = dict(data.get("tasks") or {})
        for stage in data.get("stages") or ():
            losses = (
                stage.losses if isinstance(stage, Stage) else stage.get("losses") if isinstance(stage, dict) else ()
            )
            for name in losses or ():
                if name in TASK_KINDS:
                    tasks.setdefault(name, {})
        return {**data, "tasks": tasks}

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

        A stage that had only the segmentation loss becomes one of attributes, so that both spend the same budget;
        stages that are alike then are one.
        """
        stages: list[Stage] = []
        for stage in self.stages:
            losses = {name: weight for name, weight in stage.losses.items() if name != "segmentation"}
            losses = losses or {"attributes": 1.0}
            if stages and stages[-1].losses == losses and not stages[-1].fade:
                stages[-1] = stages[-1].model_copy(update={"epochs": stages[-1].epochs + stage.epochs})
            else:
                stages.append(stage.with_losses(losses))
        return self.model_copy(update={"stages": tuple(stages)})

    def without_mirroring(self) -> Recipe:
        """Return the recipe that mirrors no image, be it to train, to fit or to average."""
        fit = self.fit and self.fit.model_copy(update={"mirrored_copies": False})
        network = self.network
        if network.options.get("mirrored"):
            network = NetworkChoice.model_validate({**network.model_dump(by_alias=True), "mirrored": False})
        return self.model_copy(update={"flips": False, "fit": fit, "network": network})

    def without_moves(self) -> Recipe:
        """Return the recipe on crops as they are."""
        return self.model_copy(update={"augmentation": Augmentation()})

    def without_parser(self) -> Recipe:
        """Return the recipe without its own parser of regions, where the regions are others than those it draws."""
        assert self.regions is not None
        return self.model_copy(update={"regions": self.regions.model_copy(update={"parser": None})})

    def trained(self) -> Recipe:
        """Return the recipe that trains the network itself, in place of fitting heads on its features."""
        return self.model_copy(update={"fit": None})

    def with_svm(self) -> Recipe:
        """Return the recipe that fits support vector machines on the features of the network after its training."""
        return self.model_copy(update={"fit": Fit.after_training()})

    @property
    def trains(self) -> bool:
        """False where heads are fitted on features of a network that stays as it is."""
        return self.fit is None or self.fit.features == "trained"

    def as_fields(self) -> dict[str, Any]:
        """Return the recipe as YAML and JSON hold it."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


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
        recipe = Recipe.model_validate(fields)
    except ValidationError as error:
        raise _explain(error, path, root, given) from None
    for number, stage in enumerate(recipe.stages):
        for name in stage.losses:
            if name not in recipe.tasks:
                line = root.locate(("stages", number, "losses", name), at_key=True).line
                known = sorted({*recipe.tasks, *TASK_KINDS})
                raise DataError(
                    f"{path}: line {line}: stages.{number}.losses.{name}: expected a task of the recipe, or one of"
                    f" {', '.join(known)}{did_you_mean(name, known)}"
                )
    return recipe


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
