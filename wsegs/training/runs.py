"""Run folders: what a training leaves. Imports no torch."""

from __future__ import annotations

import json
import platform
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wsegs import __version__
from wsegs.datasets.index import SPLITS
from wsegs.datasets.leaks import describe_leaks, find_leaks
from wsegs.errors import DataError
from wsegs.geometry.frame import Frame, frame_from_json
from wsegs.io.files import atomic_write
from wsegs.training.plan import TrainingPlan, read_plan, write_plan
from wsegs.training.recipe import Recipe, write_recipe
from wsegs.training.run_folder import INFO, PLAN, RECIPE, begin_run, check_free, check_run
from wsegs.training.samples.opening import OpenSource, OpenStore, mean_points
from wsegs.training.samples.record import Recorded, write_record
from wsegs.training.samples.split import Split

RUN_FORMAT = 2

Checkpoint = Literal["best", "last", "trained"]
"""``trained`` is the network as it was trained, of a run whose heads were fitted after the training."""


@dataclass(frozen=True)
class RunInfo:
    """Data that a network was trained on: ``run.json``.

    Attributes
    ----------
    frame
        How its images were cropped, at the size of the mask store.
    source_size
        (H, W) that all source images had, where the frame is ``image``; None where they may be of any.
    scheme
        Name of the landmark scheme, for the record: crops need only the five points. Empty without landmarks.
    mean_points
        (5, 2): where the five points (eyes, nose, mouth corners) lie on average in the network's images, x and y in
        pixels; None if no image had a face.
    provenance
        What else is worth knowing: the mask store or data set, its rules, numbers of images.
    margin
        By which share boxes were widened, where the frame is ``box``.
    """

    frame: Frame
    source_size: tuple[int, int] | None
    scheme: str
    mean_points: NDArray[np.float32] | None
    provenance: dict[str, Any]
    margin: float = 0.0


def describe_run(plan: TrainingPlan, source: OpenSource, rows: Split, **more: Any) -> RunInfo:
    """Return the :class:`RunInfo` of a training on its first source; ``more`` is added to the provenance."""
    provenance: dict[str, Any]
    source_size = None
    scheme = ""
    if isinstance(source, OpenStore):
        store = source.labelled
        scheme = store.scheme.name
        if store.frame.kind == "image":
            matrix = store.affine[rows.train[0]]
            source_size = (round(store.size[0] / matrix[1, 1]), round(store.size[1] / matrix[0, 0]))
        provenance = {
            "masks": str(store.path.absolute()),
            "rules": {"source": store.rules.source, "sha256": store.rules.sha256},
            "landmarks": store.provenance,
        }
    else:
        source_size = source.labelled.image_size if source.frame.kind == "image" else None
        data = {"name": source.labelled.name, "root": str(source.root), "path": str(plan.main.path.absolute())}
        provenance = {"data": data, "landmarks": {"data": data, "file": plan.main.landmarks}}
    provenance |= {
        "images": {"train": len(rows.train), "validation": len(rows.validation)},
        "splits": {name: int((source.labelled.split == code).sum()) for code, name in enumerate(SPLITS)},
        "validation_carved_out_of_train": rows.carved,
        "without_face": int((~source.has_face[rows.train]).sum()),
        "root": str(source.root.absolute()),
        **_leaks(source, rows if plan.main.limit else None),
        **({"validation_images": _names(source, rows)} if rows.carved else {}),
        **more,
    }
    mean = mean_points(source, rows.train, plan.main.frame.size if plan.main.ten_crops else plan.network.size)
    return RunInfo(source.frame, source_size, scheme, mean, provenance, plan.main.margin)


def _leaks(source: OpenSource, chosen: Split | None) -> dict[str, Any]:
    """Return what of the people and pictures is in two splits, in words and numbers.

    Of a sample that is ``chosen``, what it has in common with all that it may be tested on.
    """
    labelled = source.labelled
    rows = None
    if chosen is not None:
        rows = np.concatenate([chosen.train, chosen.validation, np.flatnonzero(labelled.split == SPLITS.index("test"))])
    root = source.root if source.root.is_dir() else None  # a store may keep its images
    found = find_leaks(labelled.images, labelled.identity, labelled.split, root, rows)
    return {"leaks": {"text": describe_leaks(found), "splits": [asdict(leak) for leak in found]}} if found else {}


def _names(source: OpenSource, rows: Split) -> list[str]:
    return [source.labelled.images[row] for row in rows.validation]


def create_run(
    path: Path, recipe: Recipe, plan: TrainingPlan, info: RunInfo, sources: Sequence[Recorded], *, force: bool
) -> None:
    """Begin a run folder, with everything but checkpoints.

    Raises
    ------
    OutputExistsError
        If there is one and ``force`` is false, or another folder that is not a run.
    """
    check_free(path, force=force)
    fields = {
        "format": RUN_FORMAT,
        "wsegs": __version__,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **described_process(),
        "frame": info.frame.as_json(),
        "source_size": info.source_size and list(info.source_size),
        "scheme": info.scheme,
        "mean_points": None if info.mean_points is None else info.mean_points.astype(float).round(3).tolist(),
        "margin": info.margin,
        "provenance": info.provenance,
    }

    def write(folder: Path) -> None:
        write_recipe(folder / RECIPE, recipe)
        write_plan(folder / PLAN, plan)
        write_record(folder, sources)
        with atomic_write(folder / INFO) as temporary:
            temporary.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")

    begin_run(path, write)


def described_process() -> dict[str, Any]:
    """Return the command, where it runs, and the versions of what computes."""
    versions = {"python": platform.python_version()}
    for package in ("numpy", "opencv-python", "torch", "pytorch-lightning", "timm"):
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "folder": str(Path.cwd()),
        "versions": versions,
    }


def add_duration(path: Path, seconds: float, device: str) -> None:
    """Write down how long a training took, all its parts together where it was resumed, and on which device."""
    file = path / INFO
    fields = json.loads(file.read_text(encoding="utf-8"))
    fields["seconds"] = round(float(fields.get("seconds", 0)) + seconds, 1)
    fields["device"] = device
    with atomic_write(file) as temporary:
        temporary.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def read_run(path: Path) -> tuple[TrainingPlan, RunInfo]:
    """Read the plan of a run, and what it was trained on.

    Raises
    ------
    MissingError
        If it is no run folder.
    DataError
        If another format version made it, or a file in it is damaged.
    """
    check_run(path)
    try:
        fields = json.loads((path / INFO).read_text(encoding="utf-8"))
        found = fields["format"]
        if found != RUN_FORMAT:
            raise DataError(f"{path / INFO}: expected format {RUN_FORMAT} of a run, got {found}; train it again")
        info = RunInfo(
            frame=frame_from_json(fields["frame"]),
            source_size=fields["source_size"] and (int(fields["source_size"][0]), int(fields["source_size"][1])),
            scheme=str(fields["scheme"]),
            mean_points=None if fields["mean_points"] is None else np.array(fields["mean_points"], np.float32),
            provenance=dict(fields["provenance"]),
            margin=float(fields["margin"]),
        )
    except DataError:
        raise
    except KeyError as error:
        raise DataError(f"{path / INFO}: the field {error} is missing; the run is damaged") from None
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise DataError(f"{path / INFO}: damaged ({error})") from None
    return read_plan(path / PLAN), info
