"""Plan of a training: flat, frozen, complete. :func:`wsegs.training.resolve.resolve` makes it from a recipe.

Imports no torch. A run keeps it as ``plan.json``, from which its network is built again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from wsegs.errors import DataError
from wsegs.geometry.frame import Frame
from wsegs.geometry.moves import MoveRanges
from wsegs.io.files import atomic_write


@dataclass(frozen=True)
class TrunkPlan:
    """Layers whose weights come from elsewhere.

    Attributes
    ----------
    source
        A run folder, or a file of weights.
    layers
        Prefix of the network's weights -> prefix in the source.
    frozen
        Whether they stay as they are.
    rate
        Their learning rate as a share of the others'.
    """

    source: Path
    layers: dict[str, str]
    frozen: bool
    rate: float = 1.0


@dataclass(frozen=True)
class BackbonePlan:
    """A backbone, and the file that its weights come from.

    Attributes
    ----------
    name
        See :func:`wsegs.nets.backbones.build_backbone`.
    weights, sha256
        The file, None for random weights; and its hash.
    licence
        Of the weights; empty where it is not known.
    rate
        Its learning rate as a share of that of other layers.
    """

    name: str
    weights: Path | None
    sha256: str
    licence: str
    rate: float = 1.0


@dataclass(frozen=True)
class NetworkPlan:
    """A network.

    Attributes
    ----------
    name
        As registered, or ``package.module:Class``.
    options
        Its own.
    size
        (H, W) of its images.
    heads
        Outputs by task.
    classes
        Number of classes, where it parses; else 0.
    regions
        Names of the regions that it reads; else empty.
    trunks
        Where weights of some layers come from.
    backbone
        Of a network that has one; else None.
    """

    name: str
    options: dict[str, Any]
    size: tuple[int, int]
    heads: dict[str, int]
    classes: int = 0
    regions: tuple[str, ...] = ()
    trunks: tuple[TrunkPlan, ...] = ()
    backbone: BackbonePlan | None = None


@dataclass(frozen=True)
class ParserPlan:
    """The parser that draws regions of new images; its weights are in the run's own checkpoints.

    Attributes
    ----------
    source
        The run that it was taken from.
    network
        How to build it.
    class_names
        Its C classes.
    """

    source: Path
    network: NetworkPlan
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class RulesPlan:
    """The rules that draw regions of new images.

    Attributes
    ----------
    text, source
        See :func:`wsegs.rules.ruleset.compile_rules`.
    size
        (H, W) in which they draw.
    mean_face
        (P, 2), x and y at that size: the mean landmarks of the training images, for images without a face.
    """

    text: str
    source: str
    size: tuple[int, int]
    mean_face: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class PartsPlan:
    """Parts of a face that patches are cut about.

    Attributes
    ----------
    places
        Of each part: where two or more of the five points lie in its patch, x and y as shares of its sides.
    mean_points
        (5, 2): the five points of the mean face of the training, x and y in pixels of the network's images.
    """

    places: dict[str, dict[str, tuple[float, float]]]
    mean_points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class RegionPlan:
    """Source of the regions that the network reads.

    Attributes
    ----------
    source
        Of the training images: a ``parser``, the mask ``store`` (one region a pixel), its ``rules`` (regions may
        overlap), human ``masks``, boxes about ``landmarks``, patches about ``parts``.
    parser
        What draws them on new images, and in training where ``source`` says so; None where nothing does.
    hard
        Whether a parser's pixel belongs to its most probable class alone.
    box_area, aspects
        Of boxes: share of the image's area, width by height.
    rules
        What draws regions of new images where ``source`` is ``rules``; else None.
    parts
        What patches are cut about where ``source`` is ``parts``; else None.
    """

    source: Literal["parser", "store", "rules", "masks", "landmarks", "parts"]
    parser: ParserPlan | None
    hard: bool
    box_area: float
    aspects: tuple[float, ...]
    rules: RulesPlan | None = None
    parts: PartsPlan | None = None


@dataclass(frozen=True)
class ClassMapPlan:
    """Class maps of the images of a source.

    Attributes
    ----------
    source
        The base regions of the mask ``store``, or human parsing ``masks``.
    folder, class_map
        Of human masks: where they lie, and a class map by name or path. Empty for a store.
    names
        Of the classes.
    painted
        Regions of a store in the order of painting.
    """

    source: Literal["store", "masks"]
    folder: str
    class_map: str
    names: tuple[str, ...]
    painted: tuple[int, ...] = ()


@dataclass(frozen=True)
class MirrorPlan:
    """What a mirrored image exchanges, as pairs.

    Attributes
    ----------
    regions, classes, attributes
        Bits of region integers, numbers of classes, columns of attributes.
    categories
        Codes of categories, by label.
    numbers
        Names of numbers.
    names
        Of all of these, for people to read.
    """

    regions: tuple[tuple[int, int], ...] = ()
    classes: tuple[tuple[int, int], ...] = ()
    attributes: tuple[tuple[int, int], ...] = ()
    categories: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    numbers: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class SourcePlan:
    """A source of samples.

    Attributes
    ----------
    kind
        A mask ``store``, or a ``data`` set.
    path
        ``masks.h5``, or the folder of the data set.
    root
        The folder of its images.
    frame
        How images are cropped; its size is that of the store, or of the network's images.
    margin
        Of boxes: by which share they are widened.
    opened
        Of a data set: the options that it is opened with; see :func:`wsegs.training.samples.opening.open_data`.
    landmarks
        Of a data set: ``landmarks.h5``, where faces are cropped by it; else empty.
    class_maps
        None where no task needs them.
    validation_fraction, hold_out, limit
        What decides which rows are held out; ``limit`` 0 is all.
    train, validation
        How many rows there are of each.
    carved
        Whether the validation rows were carved out of the train split.
    held_out
        False where the validation rows are trained on, too (``validation_fraction: 0``): the last checkpoint is kept.
    batch_size
        Images of a step, of all devices together.
    people
        The share of the people of the train split that is used.
    together
        Images of a person that are side by side in a mini-batch.
    alone
        People of whom there is one image to train on, where ``together`` is more than 1.
    mirror
        What mirrored images exchange.
    labels, labels_seed
        So many of the labelled training images are used, drawn by the seed; 0 is all.
    ten_crops
        Whether the network sees patches of the crops: one in training, ten at test.
    """

    kind: Literal["store", "data"]
    path: Path
    root: Path
    frame: Frame
    margin: float
    opened: dict[str, Any]
    landmarks: str
    class_maps: ClassMapPlan | None
    validation_fraction: float
    hold_out: Literal["people", "images"]
    limit: int
    train: int
    validation: int
    carved: bool
    batch_size: int
    mirror: MirrorPlan = MirrorPlan()
    labels: int = 0
    labels_seed: int = 0
    ten_crops: bool = False
    people: tuple[float, float] = (0.0, 1.0)
    together: int = 1
    alone: int = 0
    held_out: bool = True

    @property
    def steps_per_epoch(self) -> int:
        """Steps that see every image once; images that do not fill a mini-batch wait for another epoch's order."""
        return self.train // self.batch_size


@dataclass(frozen=True)
class TaskPlan:
    """A task.

    Attributes
    ----------
    name, kind, options
        Of the task.
    outputs
        What the numbers of its head mean.
    source
        Which source feeds it.
    """

    name: str
    kind: str
    options: dict[str, Any]
    outputs: tuple[str, ...]
    source: int


@dataclass(frozen=True)
class StagePlan:
    """Steps ``first`` to before ``last``, and the weight of each loss in them.

    ``ends`` are the weights that some losses have in the last step, to which theirs go in a straight line.
    """

    first: int
    last: int
    weights: dict[str, float]
    ends: dict[str, float] = field(default_factory=dict)

    def weights_at(self, step: int) -> dict[str, float]:
        """Return the weight of each loss at a step of the stage.

        >>> StagePlan(10, 13, {"masks": 4.0, "labels": 1.0}, {"masks": 0.0}).weights_at(11)
        {'masks': 2.0, 'labels': 1.0}
        """
        along = (step - self.first) / max(1, self.last - 1 - self.first)
        return {name: weight + along * (self.ends.get(name, weight) - weight) for name, weight in self.weights.items()}


@dataclass(frozen=True)
class MovesPlan:
    """How crops are moved at random; see :class:`wsegs.training.recipe.Augmentation`."""

    rotate: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    colour: float = 0.0
    moved_masks: Literal["warped", "drawn"] = "warped"

    @property
    def ranges(self) -> MoveRanges:
        """What the moves are drawn from."""
        return MoveRanges(self.rotate, (self.scale[0], self.scale[1]), self.shift, self.colour)


@dataclass(frozen=True)
class OptimizerPlan:
    """Optimiser and schedule of the learning rate; ``warmup`` is the share of the steps in which it rises.

    ``momentum`` is that of ``sgd``; others have their own.
    """

    name: Literal["adam", "adamw", "adagrad", "sgd"]
    learning_rate: float
    weight_decay: float
    schedule: Literal["constant", "one-cycle", "cosine"]
    warmup: float
    momentum: float = 0.0


@dataclass(frozen=True)
class FitPlan:
    """How linear heads are fitted on features; see :class:`wsegs.training.recipe.Fit`."""

    loss: Literal["logistic", "hinge", "svm"]
    penalties: tuple[float, ...]
    criterion: Literal["log_loss", "average_precision"]
    each: bool
    prior: float
    balance: Literal["none", "class"]
    folds: int
    mirrored_copies: bool
    thresholds: Literal["none", "accuracy", "balanced_accuracy"]
    labels: tuple[int, ...] = ()
    features: Literal["frozen", "trained"] = "frozen"


@dataclass(frozen=True)
class Monitor:
    """Monitored value of the best checkpoint; ``patience`` 0 never stops the training."""

    name: str
    lower_is_better: bool
    patience: int


@dataclass(frozen=True)
class TrainingPlan:
    """A whole training.

    Training goes by validation intervals of equal length; each ends with a validation and a checkpoint.

    Attributes
    ----------
    network, regions, tasks, sources, stages, optimizer, monitor
        See the classes. The first source is that of the images that the run is about.
    init_from
        The run whose weights the whole network begins with; empty for none.
    steps
        Of the whole training: mini-batches of all devices together.
    validation_interval
        Steps between two validations.
    flips
        Whether half of the images are mirrored.
    unmirrored
        Why not, where the recipe would have it so.
    precision, seed
        See the recipe.
    fit
        How heads are fitted on the features of the network, in place of its training or after it; None fits none.
    notes
        What of the data a user may want to know before the training.
    moves
        How crops are moved in training.
    """

    network: NetworkPlan
    regions: RegionPlan | None
    tasks: tuple[TaskPlan, ...]
    sources: tuple[SourcePlan, ...]
    stages: tuple[StagePlan, ...]
    optimizer: OptimizerPlan
    monitor: Monitor
    init_from: str
    steps: int
    validation_interval: int
    flips: bool
    precision: str
    seed: int
    fit: FitPlan | None = None
    unmirrored: str = ""
    notes: tuple[str, ...] = ()
    moves: MovesPlan = MovesPlan()

    @property
    def main(self) -> SourcePlan:
        """The first source."""
        return self.sources[0]

    @property
    def intervals(self) -> int:
        """Number of validation intervals."""
        return self.steps // self.validation_interval

    @property
    def log_every(self) -> int:
        """After how many steps the losses of one are logged."""
        return min(50, self.validation_interval)

    def stage_at(self, step: int) -> int:
        """Return the stage that a step belongs to."""
        return sum(step >= stage.first for stage in self.stages) - 1

    def in_last_stage(self, step: int) -> bool:
        """Tell whether a step belongs to the last stage."""
        return step >= self.stages[-1].first

    def task(self, kind: str) -> TaskPlan | None:
        """Return the first task of a kind; None if there is none."""
        return next((task for task in self.tasks if task.kind == kind), None)


_PLAN = TypeAdapter(TrainingPlan)


def plan_fields(plan: TrainingPlan) -> dict[str, Any]:
    """Return a plan as JSON holds it."""
    fields: dict[str, Any] = _PLAN.dump_python(plan, mode="json")
    return fields


def write_plan(path: Path, plan: TrainingPlan) -> None:
    """Write ``plan.json``."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(plan_fields(plan), indent=2) + "\n", encoding="utf-8")


def read_plan(path: Path) -> TrainingPlan:
    """Read ``plan.json``.

    Raises
    ------
    DataError
        If it is damaged, or made by another version.
    """
    try:
        return _PLAN.validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); the run is damaged") from None
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"]))
        raise DataError(f"{path}: {field}: {fault['msg']}; the run is damaged, or of another version") from None
