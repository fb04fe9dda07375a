"""Steps a second of `wsegs train`'s loop against a bare PyTorch loop, and of number formats against each other.

    python benchmarks/training_steps.py                          # made-up batches of celeba's forty attributes
    python benchmarks/training_steps.py --masks masks.h5 --data data/celeba
    python benchmarks/training_steps.py --formats --recipe attparsenet --batches 2 --blocks 2 --steps 1

Both sides take the same batches out of memory and train the same network with the same optimiser, schedule, number
format and memory layout. They take turns, some steps each, inside one run of the trainer, so that what else the
machine does hits both; the time that the processors worked for this process is told beside that of the clock. A
round's end (validation, checkpoint) is not counted. `--formats` runs the bare loop alone, in each format and layout in
turn.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from wsegs.geometry.frame import Frame
from wsegs.nets import build_network
from wsegs.nets.images import normalise
from wsegs.rules import AttributeLookup, load_rules
from wsegs.store import MaskStore
from wsegs.store.images import find_image_root
from wsegs.tasks import build_task
from wsegs.tasks.batch import Batch, SampleFields
from wsegs.tasks.mask_expander import MaskExpander
from wsegs.tasks.segmentation import Segmentation
from wsegs.tasks.task import Task
from wsegs.training.lightning.module import TrainingModule
from wsegs.training.lightning.trainer import TrainerOptions, build_trainer, quiet_lightning
from wsegs.training.optimizers import learning_rate_schedule
from wsegs.training.plan import Monitor, NetworkPlan, OptimizerPlan, SourcePlan, StagePlan, TaskPlan, TrainingPlan
from wsegs.training.precision import memory_format, resolve_precision
from wsegs.training.recipe import Recipe, load_recipe
from wsegs.training.samples.mirror import mirrored
from wsegs.training.samples.opening import OpenStore
from wsegs.training.samples.sampler import TrainingSampler
from wsegs.training.samples.sources import SampleDataset
from wsegs.training.samples.store_source import StoreSource

FORMATS = (
    ("32-true", torch.contiguous_format),
    ("32-true", torch.channels_last),
    ("bf16-mixed", torch.contiguous_format),
    ("bf16-mixed", torch.channels_last),
)


class InMemory(Dataset[Batch]):
    """Batches that are there already, again and again."""

    def __init__(self, batches: list[Batch], length: int) -> None:
        self._batches = batches
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Batch:
        return self._batches[index % len(self._batches)]


class InMemoryLoaders:
    """The trainer's loader, and one batch to validate on."""

    def __init__(self, batches: list[Batch], steps: int) -> None:
        self._batches = batches
        self._steps = steps

    def training(self, rank: int = 0, devices: int = 1, interval: int = 0) -> DataLoader[Batch]:
        """Return all batches, over and over."""
        return DataLoader(InMemory(self._batches, self._steps), batch_size=None)

    def validation(self, rank: int = 0, devices: int = 1) -> DataLoader[Batch]:
        """Return one batch."""
        return DataLoader(InMemory(self._batches, 1), batch_size=None)


class TakeTurns(Checkpoint):
    """After so many steps of the trainer, so many of the bare loop; the seconds of a step of each.

    A callback for checkpoints by its class, so that the trainer calls it last and adds none that writes some.
    """

    def __init__(self, bare: Callable[[Batch], None], batches: list[Batch], steps: int) -> None:
        self._bare = bare
        self._batches = batches
        self._steps = steps
        self._started: NDArray[np.float64] | None = None
        self.ours: list[NDArray[np.float64]] = []
        self.theirs: list[NDArray[np.float64]] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Let the bare loop have its turn."""
        if (batch_idx + 1) % self._steps:
            return
        warm = self._started is not None
        if self._started is not None:  # not the first turn: it warms up
            self.ours.append((clocks() - self._started) / self._steps)
        loader = iter(DataLoader(InMemory(self._batches, self._steps), batch_size=None))
        started = clocks()
        for other in loader:
            self._bare(other)
        if warm:
            self.theirs.append((clocks() - started) / self._steps)
        self._started = clocks()


def clocks() -> NDArray[np.float64]:
    """Return the seconds that passed, and those of them that the processors worked for this process."""
    return np.array([time.perf_counter(), time.process_time()])


def bare_step(
    network: nn.Module, expander: MaskExpander, recipe: Recipe, precision: str, steps: int
) -> Callable[[Batch], None]:
    """Return a step as one would write it without a trainer: two losses over labels that are all known."""
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.optimizer.learning_rate)
    schedule = learning_rate_schedule(optimizer, optimizer_plan(recipe), steps)
    weights = recipe.stages[-1].losses

    def step(batch: Batch) -> None:
        batch = mirrored(batch)
        with torch.autocast("cpu", torch.bfloat16) if precision == "bf16-mixed" else nullcontext():
            output = network(normalise(batch.images))
            loss = weights["attributes"] * F.binary_cross_entropy_with_logits(
                output.logits.float(), batch.labels["attributes"].float()
            )
            if "segmentation" in weights:
                masks = expander(batch.regions, batch.labels["attributes"])
                loss = loss + weights["segmentation"] * F.mse_loss(output.maps.float(), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()

    return step


def read_batches(recipe: Recipe, store: MaskStore, root: Path, map_size: tuple[int, int], count: int) -> list[Batch]:
    """Return batches of a mask store and its images."""
    source = StoreSource(OpenStore(store, root), recipe.size)
    samples = SampleDataset(source, SampleFields(frozenset({"attributes"}), regions=map_size))
    sampler = TrainingSampler(np.arange(len(store)), recipe.batch_size, count, seed=0, flips=recipe.flips)
    return [samples[plan] for plan in sampler]


def optimizer_plan(recipe: Recipe) -> OptimizerPlan:
    """Return the plan of a recipe's optimiser."""
    optimizer, schedule = recipe.optimizer, recipe.schedule
    return OptimizerPlan(
        optimizer.name, optimizer.learning_rate, optimizer.weight_decay, schedule.name, schedule.warmup
    )


def make_plan(recipe: Recipe, names: Sequence[str], steps: int) -> TrainingPlan:
    """Return the plan of a recipe's last stage, which has all losses, on batches that are there already."""
    weights = dict(recipe.stages[-1].losses)
    source = SourcePlan(
        kind="store",
        path=Path("none"),
        root=Path("none"),
        frame=Frame("image", recipe.size),
        margin=0.0,
        opened={},
        landmarks="",
        class_maps=None,
        validation_fraction=0.1,
        hold_out="people",
        limit=0,
        train=recipe.batch_size * steps,
        validation=recipe.batch_size,
        carved=False,
        batch_size=recipe.batch_size,
    )
    return TrainingPlan(
        network=NetworkPlan(recipe.network.target, recipe.network.options, recipe.size, {"attributes": len(names)}),
        regions=None,
        tasks=tuple(TaskPlan(name, name, {}, tuple(names), 0) for name in sorted(weights)),
        sources=(source,),
        stages=(StagePlan(0, steps, weights),),
        optimizer=optimizer_plan(recipe),
        monitor=Monitor("accuracy", lower_is_better=False, patience=0),
        init_from="",
        steps=steps,
        validation_interval=steps,
        flips=recipe.flips,
        precision=recipe.precision,
        seed=0,
    )


def make_tasks(plan: TrainingPlan, lookup: AttributeLookup) -> list[Task]:
    """Return the tasks of a plan, the masks drawn by these rules."""
    tasks = [build_task(task.kind, task.name, task.outputs, task.options) for task in plan.tasks]
    for task in tasks:
        if isinstance(task, Segmentation):
            task.masks = MaskExpander(lookup)
    return tasks


def make_batches(recipe: Recipe, attributes: int, regions: int, map_size: tuple[int, int], count: int) -> list[Batch]:
    """Return batches of noise in the shapes and types that the loaders give."""
    random = np.random.default_rng(0)
    size = recipe.batch_size

    def batch() -> Batch:
        images = torch.from_numpy(random.integers(0, 256, (size, *recipe.size, 3), np.uint8)).permute(0, 3, 1, 2)
        labels = torch.from_numpy(random.integers(0, 2, (size, attributes), np.int8))
        bits = torch.from_numpy(random.integers(0, 2**regions, (size, *map_size)).astype(np.int32))
        flip = torch.from_numpy(random.random(size) < 0.5)
        known, points = torch.ones(size, dtype=torch.bool), torch.zeros(size, 5, 2)
        return Batch(images, {"attributes": labels}, bits, known, flip, None, points, torch.zeros(size, 2, 3))

    return [batch() for _ in range(count)]


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="attparsenet-small", help="an attparsenet recipe")
    parser.add_argument("--width", type=float, help="of the network, instead of the recipe's")
    parser.add_argument("--size", help="HxW of the images, instead of the recipe's")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--masks", type=Path, help="batches of this store and its images instead of noise")
    parser.add_argument("--data", type=Path, help="where its images are, if they moved")
    parser.add_argument("--batches", type=int, default=8, help="batches in memory")
    parser.add_argument("--steps", type=int, default=5, help="steps of a turn")
    parser.add_argument("--blocks", type=int, default=12, help="turns of each side, after one that warms up")
    parser.add_argument("--formats", action="store_true", help="number formats and memory layouts against each other")
    arguments = parser.parse_args()
    fields = {"network.width": arguments.width, "size": arguments.size, "batch_size": arguments.batch_size}
    recipe = load_recipe(arguments.recipe, {**fields, "precision": arguments.precision})

    store = None if arguments.masks is None else MaskStore(arguments.masks)
    rules = load_rules("celeba")
    names = rules.attribute_names if store is None else store.attribute_names
    lookup = rules.lookup(names) if store is None else store.lookup

    def network() -> nn.Module:
        torch.manual_seed(0)
        heads = {"attributes": len(names)}
        return build_network(recipe.network.target, size=recipe.size, heads=heads, **recipe.network.options)

    map_size: Any = network().map_size
    if store is None:
        batches = make_batches(recipe, len(names), len(rules.region_names), map_size, arguments.batches)
    else:
        root = find_image_root(store, arguments.data)
        batches = read_batches(recipe, store, root, map_size, arguments.batches)
    for batch in batches:
        batch.labels["attributes"].clamp_(min=0)  # the bare loop does not know what is unknown
        batch.has_face.fill_(True)

    height, width = recipe.size
    print(
        f"{recipe.network.target}, width {recipe.network.options.get('width', 1)}, images of {height}x{width}, batches"
        f" of {recipe.batch_size}, {torch.get_num_threads()} threads; turns of {arguments.steps} steps,"
        f" {arguments.blocks} each\n"
    )
    if arguments.formats:
        compare_formats(recipe, network, MaskExpander(lookup), batches, arguments.steps, arguments.blocks)
        return
    steps = arguments.steps * (arguments.blocks + 1)
    precision = resolve_precision(recipe.precision, "cpu")
    plan = make_plan(recipe, names, steps)
    module = TrainingModule(plan, network(), make_tasks(plan, lookup), InMemoryLoaders(batches, steps))  # type: ignore[arg-type]
    module.to(memory_format=memory_format(precision))
    other = network().to(memory_format=memory_format(precision))
    turns = TakeTurns(bare_step(other, MaskExpander(lookup), recipe, precision, steps), batches, arguments.steps)
    with tempfile.TemporaryDirectory() as folder, quiet_lightning():
        trainer = build_trainer(TrainerOptions("cpu"), plan, precision, Path(folder), [turns])
        trainer.fit(module)
    ours, theirs = np.array(turns.ours), np.array(turns.theirs)
    quartiles = np.quantile(theirs / ours, [0.25, 0.5, 0.75], axis=0)
    print("| loop | steps/s | images/s |\n|---|---|---|")
    for name, seconds in (("bare PyTorch", np.median(theirs[:, 0])), ("wsegs train", np.median(ours[:, 0]))):
        print(f"| {name}, {precision} | {1 / seconds:.2f} | {recipe.batch_size / seconds:.1f} |")
    print("\n| steps a second, wsegs train / bare | median | middle half of the turns |\n|---|---|---|")
    for clock, (low, middle, high) in zip(("by the clock", "by processor time"), quartiles.T, strict=True):
        print(f"| {clock} | {middle:.3f} | {low:.3f} to {high:.3f} |")


def compare_formats(
    recipe: Recipe,
    network: Callable[[], nn.Module],
    expander: MaskExpander,
    batches: list[Batch],
    steps: int,
    blocks: int,
) -> None:
    """Print the bare loop's speed in each number format and memory layout."""
    loops = [
        bare_step(network().to(memory_format=layout), expander, recipe, precision, steps * (blocks + 1))
        for precision, layout in FORMATS
    ]
    seconds: list[list[float]] = [[] for _ in loops]
    for block in range(blocks + 1):
        for loop, taken in zip(loops, seconds, strict=True):
            started = time.perf_counter()
            for batch in turn(batches, block * steps, steps):
                loop(batch)
            if block:
                taken.append((time.perf_counter() - started) / steps)
    print("| number format | memory layout | images/s | against the first |\n|---|---|---|---|")
    for (precision, layout), taken in zip(FORMATS, seconds, strict=True):
        ratio = statistics.median(first / own for first, own in zip(seconds[0], taken, strict=True))
        name = "channels last" if layout == torch.channels_last else "contiguous"
        print(f"| {precision} | {name} | {recipe.batch_size / statistics.median(taken):.2f} | {ratio:.2f} |")


def turn(batches: list[Batch], first: int, count: int) -> Iterator[Batch]:
    """Yield ``count`` batches from the ``first`` on, again from the beginning where they end."""
    for index in range(first, first + count):
        yield batches[index % len(batches)]


if __name__ == "__main__":
    main()
