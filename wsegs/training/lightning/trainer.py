"""Lightning's trainer, for a plan and a machine."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import TensorBoardLogger

from wsegs.errors import OptionError
from wsegs.training.distributed import launched_by_torchrun, torchrun_devices_and_nodes
from wsegs.training.lightning.checkpoints import PlainCheckpointIO
from wsegs.training.plan import TrainingPlan
from wsegs.training.run_folder import TENSORBOARD


@dataclass(frozen=True)
class TrainerOptions:
    """Options of the trainer; the first four are Lightning's own.

    Attributes
    ----------
    accelerator, devices, nodes, strategy
        See the documentation of ``pytorch_lightning.Trainer``.
    workers
        Processes that read images, for each device; None is one a core beside accelerators, which share them, and none
        on a CPU, where they would take the cores that train.
    cache
        Keep decoded crops in a mapped temporary file; None does so if they take up to 2 GiB.
    """

    accelerator: str = "auto"
    devices: str | int = "auto"
    nodes: int = 1
    strategy: str = "auto"
    workers: int | None = None
    cache: bool | None = None

    @property
    def device_type(self) -> str:
        """``cuda``, ``mps``, ``cpu``, ...: what the accelerator is here."""
        if self.accelerator in ("auto", "gpu"):
            if torch.cuda.is_available():
                return "cuda"
            return "mps" if torch.backends.mps.is_available() else "cpu"
        return self.accelerator


def build_trainer(
    options: TrainerOptions, plan: TrainingPlan, precision: str, output: Path, callbacks: Sequence[Callback]
) -> Trainer:
    """Return Lightning's trainer, with these callbacks; ``output`` is the run folder.

    Raises
    ------
    OptionError
        If the machine does not have what is asked for, or its devices cannot share a mini-batch.
    """
    devices, nodes = _devices_and_nodes(options)

    def build(strategy: str) -> Trainer:
        return Trainer(
            accelerator=options.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=precision,  # type: ignore[arg-type]
            max_epochs=plan.intervals,
            logger=TensorBoardLogger(output, name=TENSORBOARD, version=""),
            callbacks=list(callbacks),
            num_sanity_val_steps=0,
            log_every_n_steps=plan.log_every,
            use_distributed_sampler=False,  # the sampler shares batches out itself
            sync_batchnorm=options.device_type == "cuda",  # torch's own, which is for GPUs only
            plugins=[PlainCheckpointIO()],
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=output,
        )

    try:
        trainer = build(options.strategy)
        if trainer.world_size > 1 and options.strategy in ("auto", "ddp"):
            # A stage without the attributes' loss leaves the layers behind the maps without gradients.
            trainer = build("ddp_find_unused_parameters_true")
    # Lightning's own errors on what this machine does not have or cannot do.
    except (ValueError, RuntimeError, TypeError, ImportError, MisconfigurationException) as error:
        raise OptionError(f"--accelerator, --devices, --strategy: {' '.join(str(error).split())}") from None
    _check_torchrun(trainer)
    for source in plan.sources:
        if source.batch_size % trainer.world_size:
            raise OptionError(
                f"--batch-size: expected a multiple of the {trainer.world_size} devices, which share a batch,"
                f" got {source.batch_size}"
            )
    return trainer


def _devices_and_nodes(options: TrainerOptions) -> tuple[str | int, int]:
    """Return devices and machines: torchrun's own where the user leaves them open."""
    if not launched_by_torchrun():
        return options.devices, options.nodes
    here, nodes = torchrun_devices_and_nodes()
    return here if options.devices == "auto" else options.devices, nodes if options.nodes == 1 else options.nodes


def _check_torchrun(trainer: Trainer) -> None:
    started = torchrun_devices_and_nodes() if launched_by_torchrun() else None
    if started is not None and started != (trainer.num_devices, trainer.num_nodes):
        raise OptionError(
            f"--devices, --nodes: torchrun started {started[0]} processes on each of {started[1]} machines, and"
            f" {trainer.num_devices} and {trainer.num_nodes} were asked for; torchrun's numbers are taken without them"
        )


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning to errors: it advertises, lists devices, and advises on what was decided on purpose."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Few workers are right where the processor trains too (see TrainerOptions).
            warnings.filterwarnings("ignore", message=".*does not have many workers")
            # The parser that draws regions is frozen.
            warnings.filterwarnings("ignore", message=".*in eval mode at the start of training")
            # Lightning's own use of torch.
            warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\)")
            # What is logged is alike in all processes already.
            warnings.filterwarnings("ignore", message=".*when logging on epoch level in distributed setting")
            # The events of TensorBoard and the table of a resumed run lie in its folder already.
            warnings.filterwarnings("ignore", message=".*exists and is not empty")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
