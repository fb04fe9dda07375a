"""Files of a run folder, and the check that a training may begin there.

Imports no torch, so that a mistake shows at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from wsegs.errors import MissingError, OutputExistsError
from wsegs.io.files import shortened

RECIPE, PLAN, INFO, BEST, LAST = "recipe.yaml", "plan.json", "run.json", "best.ckpt", "last.ckpt"
METRICS, STEPS, CURVE, TENSORBOARD = "metrics.csv", "steps.csv", "curve.png", "tensorboard"
TRAINED, VALIDATED = "training_images.csv", "validation_images.csv"
TRAINED_NETWORK, FEATURES = "trained.ckpt", "features.h5"  # of a run whose machines were fitted after its training
PENALTIES, LABEL_CURVE, REGION_SHARES = "penalties.csv", "label_curve.csv", "region_shares.csv"


def tables_of(number: int) -> tuple[str, str]:
    """Return the names of the tables of the images that a source, counted from 0, is trained and validated on."""
    behind = f"-{number + 1}.csv" if number else ".csv"
    return TRAINED.replace(".csv", behind), VALIDATED.replace(".csv", behind)


def check_run(path: Path, checkpoint: str | None = None) -> None:
    """Check that a folder is a run, and has a checkpoint if one is named: ``best``, ``last`` or ``trained``.

    Raises
    ------
    MissingError
        If it is no run folder, or the checkpoint is missing.
    """
    if not path.is_dir():
        raise MissingError(f"{path}: no such run; wsegs train makes one")
    if not (path / INFO).is_file():
        raise MissingError(f"{path}: expected a run folder, but it has no {INFO}; wsegs train makes one")
    if checkpoint is not None and not (path / f"{checkpoint}.ckpt").is_file():
        raise no_checkpoint(path / f"{checkpoint}.ckpt")


def check_run_or_file(path: Path, checkpoint: str) -> None:
    """Check that there is a run with a checkpoint, or the ONNX file of a run.

    Raises
    ------
    MissingError
        If there is neither.
    """
    if not (path.is_file() and path.suffix == ".onnx"):
        check_run(path, checkpoint)


def no_checkpoint(file: Path) -> MissingError:
    """Return the error that a checkpoint is not there."""
    if file.name == TRAINED_NETWORK:
        return MissingError(
            f"{file}: no such checkpoint; no heads were fitted after the training, whose best is {BEST}"
        )
    return MissingError(f"{file}: no such checkpoint; the training has not reached its first validation")


def check_free(path: Path, *, force: bool) -> None:
    """Check that a training may begin in a folder.

    Raises
    ------
    OutputExistsError
        If there is a run and ``force`` is false, or something else that is not a run.
    """
    if not path.exists():
        return
    is_run = path.is_dir() and (path / INFO).is_file()
    if not is_run and not (path.is_dir() and not any(path.iterdir())):
        raise OutputExistsError(f"{path}: exists and is not a run; -o names another folder")
    if is_run and not force:
        if (path / PENALTIES).is_file() and not (path / METRICS).is_file():
            how = "it is a fit"
        elif has_checkpoint(path):
            how = "--resume continues it"
        else:
            how = "it has no checkpoint yet, so --resume begins it again with the same options"
        raise OutputExistsError(f"{path}: exists already; {how}, --force overwrites it, -o names another folder")


def has_checkpoint(path: Path) -> bool:
    """Tell whether a run has come to a checkpoint."""
    return (path / LAST).is_file() or (path / BEST).is_file()


def begin_run(path: Path, write: Callable[[Path], None]) -> None:
    """Begin a run folder, which is there with its description or not at all.

    Parameters
    ----------
    path
        The folder: new, empty, or a run whose results are removed. Other files in it stay.
    write
        Writes the description into the folder that it is given, each file complete or absent.
    """
    if path.is_dir() and any(path.iterdir()):
        for name in (
            BEST,
            LAST,
            METRICS,
            STEPS,
            CURVE,
            PENALTIES,
            LABEL_CURVE,
            REGION_SHARES,
            *tables_of(1),
            TRAINED_NETWORK,
            FEATURES,
        ):  # nothing else that someone may have put there
            (path / name).unlink(missing_ok=True)
        if (path / TENSORBOARD).is_dir():
            shutil.rmtree(path / TENSORBOARD)
        remove_unfinished(path)
        write(path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    tail = f".{os.getpid()}.writing"
    temporary = path.with_name(shortened(f".{path.name}", room=len(tail)) + tail)
    try:
        temporary.mkdir()
        write(temporary)
        if path.is_dir():
            path.rmdir()  # it is empty
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_unfinished(path: Path) -> None:
    """Remove what a killed training left half-written, under names that begin with a dot."""
    for file in path.glob(".*.writing*"):
        if file.is_file():
            file.unlink(missing_ok=True)
