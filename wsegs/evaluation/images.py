"""The images that a run is measured on: those of the kind that it was trained on, unless somebody says otherwise."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsegs.datasets import open_dataset
from wsegs.datasets.index import FaceDataset
from wsegs.datasets.layouts.celeba import ATTRIBUTES, is_celeba
from wsegs.datasets.layouts.lfwa import is_lfwa
from wsegs.datasets.listing import first_file
from wsegs.errors import DataError, MissingError, OptionError, WsegsError
from wsegs.evaluation.crop_sources import store_dataset
from wsegs.evaluation.runs import Run
from wsegs.landmarks.table import LandmarkTable, read_landmarks
from wsegs.store import MaskStore
from wsegs.training.run_folder import TRAINED
from wsegs.training.runs import RunInfo


@dataclass(frozen=True)
class OpenImages:
    """The images that a run is measured on.

    Attributes
    ----------
    dataset
        Their names and labels.
    path
        The folder of the data set, or the mask store.
    store
        The mask store whose images they are; None where they are files.
    landmarks
        Where their faces lie; None where that is not known, or the store says so.
    """

    dataset: FaceDataset
    path: Path
    store: MaskStore | None = None
    landmarks: LandmarkTable | None = None


def open_images(
    run: Run, data: Path | None, masks: Path | None, landmarks: Path | None, options: Mapping[str, Any]
) -> OpenImages:
    """Open the images that a run is to be measured on.

    Parameters
    ----------
    run
        Says what it was trained on, which is used where nothing else is named.
    data, masks
        A data set, or a mask store that keeps its images.
    landmarks
        ``landmarks.h5`` of the data set.
    options
        For :func:`wsegs.datasets.open_dataset`; what is left out is that of the training: aligned images or those in
        the wild, numbers, categories.

    Raises
    ------
    OptionError
        If the mask store keeps no images, or both it and landmarks are named.
    MissingError, DataError
        If a file cannot be read, or the data of the training are not where they were.
    """
    if masks is not None and landmarks is not None:
        raise OptionError("--landmarks: a mask store has landmarks of its own; expected --masks or --landmarks")
    if masks is not None:
        store = MaskStore(masks)
        return OpenImages(store_dataset(store), store.path, store)
    if data is not None:
        return _open_folder(data, landmarks, as_trained(run, data, options))
    return open_training_images(run, landmarks, options)


def open_training_images(run: Run, landmarks: Path | None, options: Mapping[str, Any]) -> OpenImages:
    """Open the data set that a run was trained on, or its mask store, if that keeps the images.

    Parameters
    ----------
    run
        Says where they were, and with which options and landmarks a data set was opened.
    landmarks, options
        What replaces those; see :func:`open_images`.

    Raises
    ------
    MissingError
        If they are not where they were; no other folder is taken.
    DataError
        If another data set lies there now.
    """
    source = run.plan.main
    if source.kind == "data":
        if not source.path.is_dir():
            raise gone(run, source.path)
        table = landmarks or (Path(source.landmarks) if source.landmarks else None)
        opened = _open_folder(source.path, table, {**source.opened, **options})
        return _checked(run, opened, options)
    root = Path(run.info.provenance["root"])
    store = training_store(run.info) if not options else None
    if not root.is_dir():
        if store is None:
            raise gone(run, root)
        return OpenImages(store_dataset(store), store.path, store)
    try:
        folder, opened_with = _opened_in(run.info, root)
        complete = as_trained(run, folder, {**opened_with, **options} if "labels" not in options else options)
        return _checked(run, _open_folder(folder, landmarks, complete), options)
    except WsegsError:
        if store is None:
            raise
    return OpenImages(store_dataset(store), store.path, store)


def gone(run: Run, folder: Path) -> MissingError:
    """Return the error that the images of a run's training are not where they were."""
    return MissingError(
        f"{folder}: no such folder any more, which held the images that {run.path} was trained on;"
        " --data names the place where they are now"
    )


def trained_name(info: RunInfo) -> str:
    """Return the name of the data set that a run was trained on, such as ``celeba-wild``."""
    return str(info.provenance.get("landmarks", {}).get("data", {}).get("name", ""))


def training_store(info: RunInfo) -> MaskStore | None:
    """Return the store that a run was trained on, if it is still there and keeps its images."""
    try:
        store = MaskStore(info.provenance["masks"])
    except (WsegsError, KeyError):
        return None
    return store if store.has_images else None


def label_types(info: RunInfo) -> dict[str, tuple[str, ...]]:
    """Return the numbers and the categories of a run's data set, as :func:`wsegs.datasets.open_dataset` takes them."""
    found_in = info.provenance["landmarks"].get("data", {})
    types = {name: tuple(found_in.get(name, ())) for name in ("numbers", "categories")}
    return {name: labels for name, labels in types.items() if labels}


def as_trained(run: Run, folder: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options for :func:`wsegs.datasets.open_dataset`, completed by those of a run's training."""
    complete = dict(options)
    celeba, _, kind = trained_name(run.info).partition("-")
    if celeba == "celeba" and not {"images", "labels"} & set(options) and folder.is_dir() and is_celeba(folder):
        complete["images"] = kind
    if not {"numbers", "categories"} & set(options):
        types = label_types(run.info)
        if types and _has_labels(folder, complete | types):
            complete |= types
    return complete


def _has_labels(folder: Path, options: Mapping[str, Any]) -> bool:
    try:
        open_dataset(folder, **options)
    except WsegsError:
        return False
    return True


def _open_folder(data: Path, landmarks: Path | None, options: Mapping[str, Any]) -> OpenImages:
    table = None if landmarks is None else read_landmarks(landmarks)
    return OpenImages(open_dataset(data, **options), data, None, table)


def _opened_in(info: RunInfo, root: Path) -> tuple[Path, dict[str, Any]]:
    """Return the folder in which a run's data set was opened, and with which options: its table of labels and so on."""
    found_in = info.provenance["landmarks"].get("data", {})
    options = dict(found_in.get("opened") or {})
    folder = Path(options.pop("data", ""))
    there = str(root) == found_in.get("root") and folder.is_absolute() and folder.is_dir()  # else it has moved
    return folder if there else _data_folder(root, trained_name(info)), options


def _data_folder(root: Path, name: str) -> Path:
    """Return the folder of a data set by that of its images, which CelebA and LFWA have inside of it."""

    def has_attributes(folder: Path) -> bool:  # Img/ has the images alone
        return first_file(folder, ATTRIBUTES) is not None

    layouts = {"celeba": has_attributes, "lfwa": is_lfwa}
    layout = name.partition("-")[0]
    if layout not in layouts:
        return root
    for folder in [root, *root.absolute().parents[:3]]:
        if layouts[layout](folder):
            return folder
    raise MissingError(f"{root}: no table of labels in or above it, which it had in the training; --data names both")


def _checked(run: Run, opened: OpenImages, options: Mapping[str, Any]) -> OpenImages:
    """Check that a folder holds the data set of the training yet, and not another one."""
    file = run.path / TRAINED
    if {"images", "labels"} & set(options) or not file.is_file():
        return opened
    with file.open(newline="", encoding="utf-8", errors="surrogateescape") as table:
        trained = [row["image"] for row in csv.DictReader(table)]
    if trained and not set(trained) & set(opened.dataset.images):
        raise DataError(
            f"{opened.path}: has none of the {len(trained)} images that {run.path} was trained on, such as"
            f" '{trained[0]}', so it is another data set now; --data names the one to measure on"
        )
    return opened
