"""The images that a run is measured on: those of the kind that it was trained on, unless somebody says otherwise."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.datasets import open_dataset
from wsegs.datasets.index import FaceDataset
from wsegs.datasets.layouts.celeba import ATTRIBUTES, is_celeba
from wsegs.datasets.layouts.folder import LABELS
from wsegs.datasets.layouts.lfwa import is_lfwa
from wsegs.datasets.listing import first_file
from wsegs.errors import DataError, MissingError, OptionError, WsegsError
from wsegs.evaluation.crop_sources import store_dataset
from wsegs.evaluation.runs import Run
from wsegs.landmarks.known import fit_to_images
from wsegs.landmarks.scaling import parse_scale
from wsegs.landmarks.table import LandmarkTable, read_landmarks
from wsegs.store import MaskStore
from wsegs.training.run_folder import TRAINED, VALIDATED
from wsegs.training.runs import RunInfo

_TYPES = ("numbers", "categories")


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


class _OtherDataError(DataError):
    """Another data set lies where that of the training was."""


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
        For :func:`wsegs.datasets.open_dataset`, and ``data_scale``, as ``--data-scale`` has it. What is left out is
        that of the training: aligned images or those in the wild, numbers, categories; of its own data set all.

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
        if "data_scale" in options:
            raise OptionError("--data-scale: a mask store has crops of its own; expected --masks or --data-scale")
        store = MaskStore(masks)
        return OpenImages(store_dataset(store), store.path, store)
    if data is None:
        return open_training_images(run, landmarks, options)
    if _is_folder_of(run, data):
        with suppress(_OtherDataError):
            return open_training_images(run, landmarks, options, named=True)
    return _open_elsewhere(run, data, landmarks, options)


def open_training_images(
    run: Run, landmarks: Path | None, options: Mapping[str, Any], *, named: bool = False
) -> OpenImages:
    """Open the data set that a run was trained on, or its mask store, if that keeps the images.

    Parameters
    ----------
    run
        Says where they were, and with which options and landmarks a data set was opened.
    landmarks, options
        What replaces those; see :func:`open_images`.
    named
        Whether somebody named that folder, so that neither the store nor landmarks that are gone are meant.

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
        table = Path(source.landmarks) if source.landmarks else None
        if landmarks is not None or (named and table is not None and not table.is_file()):
            table = landmarks
        opened = _open_folder(source.path, table, _completed(source.path, _trained_options(run), options))
        return _checked(run, opened, options)
    root = Path(run.info.provenance["root"])
    store = None if options or named else training_store(run.info)
    if not root.is_dir():
        if store is None:
            raise gone(run, root)
        return OpenImages(store_dataset(store), store.path, store)
    try:
        folder = _folder_of(run.info, root)
        opened = _open_as_trained(run, folder, landmarks, _completed(folder, _trained_options(run), options))
        return _checked(run, opened, options)
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


def label_types(run: Run) -> dict[str, tuple[str, ...]]:
    """Return the numbers and the categories of a run's data set, as :func:`wsegs.datasets.open_dataset` takes them."""
    found_in = run.info.provenance["landmarks"].get("data", {})
    if run.plan.main.kind == "data":
        found_in = run.plan.main.opened
    types = {name: tuple(found_in.get(name, ())) for name in _TYPES}
    return {name: labels for name, labels in types.items() if labels}


def _is_folder_of(run: Run, data: Path) -> bool:
    """Return whether a run was trained on the data set in a folder."""
    source, root = run.plan.main, Path(run.info.provenance["root"])
    try:
        folder = source.path if source.kind == "data" else _folder_of(run.info, root)
        return folder.samefile(data)
    except (OSError, MissingError):
        return False


def _open_elsewhere(run: Run, data: Path, landmarks: Path | None, options: Mapping[str, Any]) -> OpenImages:
    """Open a data set that a run was not trained on, or that was elsewhere then."""
    unknown = _trained_options(run).get("unknown")
    if unknown and not {"unknown", "labels"} & set(options):
        opened = _open_as_trained(run, data, landmarks, {**options, "unknown": unknown})
        if {*_names_in(run.path / TRAINED)} & {*opened.dataset.images}:
            return opened
    return _open_as_trained(run, data, landmarks, options)


def _open_as_trained(run: Run, folder: Path, landmarks: Path | None, options: Mapping[str, Any]) -> OpenImages:
    """Open a data set with options that are completed by those of a run's training, where it has such labels."""
    complete = dict(options)
    celeba, _, kind = trained_name(run.info).partition("-")
    if celeba == "celeba" and not {"images", "labels"} & set(options) and folder.is_dir() and is_celeba(folder):
        complete["images"] = kind
    types = {} if {*_TYPES} & set(options) else label_types(run)
    try:
        return _open_folder(folder, landmarks, {**complete, **types})
    except WsegsError:
        if not types:
            raise
    return _open_folder(folder, landmarks, complete)  # another data set


def _completed(folder: Path, trained: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options completed by those of the training; of another table of labels what is unknown is not known."""
    complete = {**trained, **options}
    if "labels" in options:
        table = Path(trained["labels"]) if "labels" in trained else first_file(folder, LABELS)
        if table is None or table.absolute() != Path(options["labels"]).absolute():
            complete = {name: value for name, value in complete.items() if name in options or name == "data_scale"}
    return complete


def _open_folder(data: Path, landmarks: Path | None, options: Mapping[str, Any]) -> OpenImages:
    options = dict(options)
    text = options.pop("data_scale", None)
    scale = None if text is None else parse_scale(text, "--data-scale", ())
    table = None if landmarks is None else read_landmarks(landmarks)
    dataset = open_dataset(data, **options)
    if scale is not None:
        dataset = fit_to_images(dataset, scale, points=True, boxes=True)
    return OpenImages(dataset, data, None, table)


def _trained_options(run: Run) -> dict[str, Any]:
    """Return the options with which a run's data set was opened: its table of labels and so on."""
    if run.plan.main.kind == "data":
        return dict(run.plan.main.opened)
    found_in = run.info.provenance["landmarks"].get("data", {})
    options = {**(found_in.get("opened") or {}), "data_scale": found_in.get("data_scale")}
    return {name: value for name, value in options.items() if value and name != "data"}


def _folder_of(info: RunInfo, root: Path) -> Path:
    """Return the folder in which the data set of a run's mask store was opened; raises MissingError if it is gone."""
    found_in = info.provenance["landmarks"].get("data", {})
    folder = Path((found_in.get("opened") or {}).get("data", ""))
    there = str(root) == found_in.get("root") and folder.is_absolute() and folder.is_dir()  # else it has moved
    return folder if there else _data_folder(root, trained_name(info))


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


def rows_in_use(runs: Sequence[Run], dataset: FaceDataset, measured: Sequence[str]) -> NDArray[np.intp] | None:
    """Return the rows of a data set that are measured, or that runs were trained or validated on.

    None if a run does not say which those were, as one of an earlier version does not.
    """
    names = {*measured}
    for run in runs:
        trained = _names_in(run.path / TRAINED)
        if not trained:
            return None
        names.update(trained, _names_in(run.path / VALIDATED))
    return np.flatnonzero([name in names for name in dataset.images])


def _names_in(file: Path) -> list[str]:
    """Return the images of a table of a run's samples; nothing where there is no table."""
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8", errors="surrogateescape") as table:
        return [row["image"] for row in csv.DictReader(table)]


def _checked(run: Run, opened: OpenImages, options: Mapping[str, Any]) -> OpenImages:
    """Check that a folder holds the data set of the training yet, and not another one."""
    if {"images", "labels"} & set(options):
        return opened
    trained = _names_in(run.path / TRAINED)
    if trained and not set(trained) & set(opened.dataset.images):
        raise _OtherDataError(
            f"{opened.path}: has none of the {len(trained)} images that {run.path} was trained on, such as"
            f" '{trained[0]}', so it is another data set now; --data names the one to measure on"
        )
    return opened
