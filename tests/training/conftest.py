"""A tiny store and a tiny run, made once: tests only read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.tiny import make_store, tiny_recipe, write_faces, write_labels
from wsegs.landmarks.table import LandmarkTable
from wsegs.store import MaskStore
from wsegs.training.train import train


@pytest.fixture(scope="session")
def faces(tmp_path_factory, astronaut_landmarks) -> Path:
    """A folder that is a data set: images, ``labels.csv``."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def table(faces, astronaut_landmarks) -> LandmarkTable:
    """Its landmarks."""
    table = write_faces(faces, astronaut_landmarks)
    write_labels(faces, table)
    return table


@pytest.fixture(scope="session")
def store(table, tmp_path_factory) -> MaskStore:
    """Its masks, in the image frame."""
    return make_store(tmp_path_factory.mktemp("store"), table)


@pytest.fixture(scope="session")
def run_folder(store, tmp_path_factory) -> Path:
    """A run of eight steps, in four rounds."""
    folder = tmp_path_factory.mktemp("runs") / "attparsenet"
    train(tiny_recipe(validate_every=2), store, folder)
    return folder
