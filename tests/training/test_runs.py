from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.tiny import make_store, tiny_recipe
from wsegs.errors import DataError, MissingError
from wsegs.evaluation.runs import load_run
from wsegs.training.resolve import Overrides, resolve
from wsegs.training.runs import describe_run, read_run
from wsegs.training.samples.loaders import open_source
from wsegs.training.weights import read_checkpoint


@pytest.fixture
def run(run_folder, tmp_path):
    """A run that may be damaged."""
    return shutil.copytree(run_folder, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_a_network_comes_back_with_its_weights(run_folder, checkpoint) -> None:
    run = load_run(run_folder, checkpoint)
    saved = torch.load(run_folder / f"{checkpoint}.ckpt", weights_only=True)["state_dict"]
    assert not run.network.training
    assert run.size == (32, 28)
    for name, value in run.network.state_dict().items():
        assert torch.equal(value, saved[f"network.{name}"])


def test_a_folder_that_is_no_run(tmp_path) -> None:
    with pytest.raises(MissingError, match="no such run"):
        load_run(tmp_path / "none")
    with pytest.raises(MissingError, match=r"expected a run folder, but it has no run.json"):
        load_run(tmp_path)


@pytest.mark.parametrize("file", ["best.ckpt"])
def test_a_missing_file_is_named(run, file) -> None:
    (run / file).unlink()
    with pytest.raises(MissingError, match=f"{file}: no such"):
        load_run(run)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_half_written_checkpoint(run, keep) -> None:
    content = (run / "best.ckpt").read_bytes()
    (run / "best.ckpt").write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(DataError, match=r"best.ckpt: damaged, or not a checkpoint") as caught:
        load_run(run)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_never_runs_code(run, tmp_path) -> None:
    class Malice:
        def __reduce__(self):
            return (open, (str(tmp_path / "pwned"), "w"))

    torch.save({"state_dict": Malice()}, run / "best.ckpt")
    with pytest.raises(DataError, match=r"best.ckpt: damaged, or not a checkpoint"):
        load_run(run)
    assert not (tmp_path / "pwned").exists()


def test_a_checkpoint_of_something_else(run) -> None:
    torch.save({"weights": torch.zeros(1)}, run / "best.ckpt")
    with pytest.raises(DataError, match="has no state_dict"):
        load_run(run)
    torch.save({"state_dict": {"network.other": torch.zeros(1)}}, run / "best.ckpt")
    with pytest.raises(DataError, match=r"not a checkpoint of the network in") as caught:
        load_run(run)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, r"run.json: expected format 2 of a run, got 1"),
        ({"source_size": "large"}, r"run.json: damaged"),
        ({"mean_points": None, "frame": None}, r"run.json: damaged"),
    ],
)
def test_a_run_of_another_version(run, change, message) -> None:
    fields = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**fields, **change}))
    with pytest.raises(DataError, match=message):
        read_run(run)


@pytest.mark.parametrize("field", ["format", "frame", "provenance"])
def test_a_missing_field(run, field) -> None:
    fields = json.loads((run / "run.json").read_text())
    del fields[field]
    (run / "run.json").write_text(json.dumps(fields))
    with pytest.raises(DataError, match=f"the field '{field}' is missing"):
        read_run(run)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"network": 3}'])
def test_a_plan_that_is_none(run, content) -> None:
    (run / "plan.json").write_text(content)
    with pytest.raises(DataError, match=r"plan.json: .*the run is damaged, or of another version"):
        load_run(run)


def test_a_run_without_its_plan(run) -> None:
    (run / "plan.json").unlink()
    with pytest.raises(DataError, match=r"plan.json: cannot be read .*the run is damaged"):
        load_run(run)


@pytest.mark.parametrize("content", ["", "{", "[]", "\N{NULL}"])
def test_a_description_that_is_none(run, content) -> None:
    (run / "run.json").write_text(content)
    with pytest.raises(DataError, match=r"run.json: damaged"):
        read_run(run)


def test_deep_json_is_a_damaged_run(tmp_path):
    (tmp_path / "run.json").write_text("[" * 1_000_000)
    with pytest.raises(DataError, match=r"run\.json: damaged"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"PK\x03\x04", b"PK\x03\x04" + bytes(100), b"\x80\x02}q\x00.", b"\x80\x28.", b"\x80\x02ccsv\nx\n."],
)
def test_what_is_no_checkpoint_is_one_line(tmp_path, content):
    """torch's older formats let struct.error, IndexError and warnings through; they have no checksums, either."""
    (tmp_path / "last.ckpt").write_bytes(content)
    with pytest.raises(DataError, match=r"last\.ckpt: damaged, or not a checkpoint") as caught:
        read_checkpoint(tmp_path / "last.ckpt")
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_an_older_format_of_torch_is_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt", _use_new_zipfile_serialization=False)
    with pytest.raises(DataError, match="damaged, or not a checkpoint"):
        read_checkpoint(tmp_path / "last.ckpt")


def test_a_run_says_what_made_it_and_how_long_it_took(run_folder, store) -> None:
    fields = json.loads((run_folder / "run.json").read_text())
    assert fields["command"]
    assert Path(fields["folder"]).is_absolute()
    assert {"python", "numpy", "torch", "pytorch-lightning"} <= set(fields["versions"])
    assert fields["device"].startswith(("cpu (", "cuda (", "mps ("))
    assert fields["seconds"] > 0
    assert Path(fields["provenance"]["root"]).is_absolute()
    with (run_folder / "validation_images.csv").open(newline="") as file:
        carved = [row["image"] for row in csv.DictReader(file)]
    assert fields["provenance"]["validation_images"] == carved  # the data set has no such split


def test_people_and_pictures_of_two_splits_are_written_down(table, tmp_path) -> None:
    """Images 0 and 1 show one person, as do 2 and 3; image 4 is there twice."""
    folder = tmp_path / "data"
    shutil.copytree(table.provenance["data"]["root"], folder)
    shutil.copyfile(folder / "faces/004.png", folder / "faces/006.png")
    split, identity = table.split.copy(), table.identity.copy()
    split[[1, 3, 6]] = 2
    provenance = {"data": {**table.provenance["data"], "root": str(folder)}}
    leaking = make_store(tmp_path, replace(table, split=split, provenance=provenance, identity=identity))
    plan = resolve(tiny_recipe(), Overrides(masks=leaking.path))
    opened, rows, _ = open_source(plan.main, plan.network.size)
    leaks = describe_run(plan, opened, rows).provenance["leaks"]
    assert leaks["text"] == "3 people and 1 picture are both in train and in test"
    assert leaks["splits"] == [{"first": "train", "second": "test", "people": 3, "pictures": 1, "sampled": False}]
    few = resolve(tiny_recipe(), Overrides(masks=leaking.path, limit=4))
    opened, rows, _ = open_source(few.main, few.network.size)
    split = opened.labelled.split
    people = {*opened.labelled.identity[np.concatenate([rows.train, rows.validation])].tolist()}
    expected = len(people & {*opened.labelled.identity[split == 2].tolist()})
    found = describe_run(few, opened, rows).provenance.get("leaks", {"splits": []})["splits"]
    assert sum(leak["people"] for leak in found) == expected < 3
