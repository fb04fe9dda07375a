"""No command overwrites anything without ``--force``: every command that has it is tried with outputs that exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.training.tiny import make_store, tiny_recipe, write_faces, write_labels
from wsegs.cli.main import cli
from wsegs.landmarks.table import write_landmarks
from wsegs.training.train import train

# Command -> arguments; EXISTS is an output that is there, a file or a folder that is not empty.
CASES = {
    "demo": [["-o", "EXISTS/"]],
    "landmarks": [
        ["--data", "DATA", "-o", "EXISTS"],
        ["--data", "DATA", "-o", "new.h5", "--export", "EXISTS.csv"],
    ],
    "locate": [
        ["RUN", "--data", "DATA", "-o", "EXISTS.csv"],
        ["RUN", "--data", "DATA", "-o", "new.csv", "--pictures", "EXISTS/"],
    ],
    "masks": [["LANDMARKS", "--shared-attributes-only", "-o", "EXISTS"]],
    "preview": [["MASKS", "--data", "DATA", "-o", "EXISTS.png"]],
    "features": [["MASKS", "-o", "EXISTS"]],
    "train": [["attparsenet", "MASKS", "--data", "DATA", "-o", "RUN"], ["attparsenet", "MASKS", "-o", "EXISTS/"]],
    "evaluate": [["RUN", "--data", "DATA", "-o", "EXISTS/"]],
    "compare": [["RUN", "RUN", "-o", "EXISTS/"]],
    "report": [["RUN", "-o", "EXISTS.html"]],
    "export-model": [
        ["RUN", "-o", "EXISTS.onnx"],
        ["RUN", "--format", "safetensors", "-o", "EXISTS.safetensors"],
        ["RUN", "--format", "safetensors", "-o", "EXISTSBESIDE.safetensors"],
    ],
    "predict": [["RUN", "IMAGE", "--heatmaps", "MAPS"]],
    "classes": [["one=DATA", "other=DATA", "-o", "EXISTS/"]],
    "rules groups": [["celeba", "-o", "EXISTS.yaml"]],
    "rules new": [["--data", "DATA", "-o", "EXISTS.yaml"]],
    "rules preview": [["celeba", "IMAGE", "-o", "EXISTS.png"]],
    "rules score": [
        ["celeba", "--parsing-masks", "TRUTH", "--csv", "EXISTS.csv"],
        ["celeba", "--parsing-masks", "TRUTH", "--worst", "EXISTS.png"],
    ],
    "rules fit": [
        ["celeba", "--parsing-masks", "TRUTH", "-o", "EXISTS.yaml"],
        ["celeba", "--parsing-masks", "TRUTH", "-o", "new.yaml", "--curve", "EXISTS.png"],
    ],
    "rules schema": [["-o", "EXISTS.json"]],
    "store merge": [["MASKS", "-o", "EXISTS"]],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_landmarks) -> Path:
    """A data set, its landmarks and masks, and a run."""
    folder = tmp_path_factory.mktemp("force")
    table = write_faces(folder / "data", astronaut_landmarks)
    write_labels(folder / "data", table)
    write_landmarks(folder / "landmarks.h5", table)
    store = make_store(folder, table)
    train(tiny_recipe(max_steps=2), store, folder / "run")
    (folder / "masks-path").write_text(str(store.path))
    return folder


def _commands_with_force(group: click.Group, path: str = "") -> Iterator[str]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from _commands_with_force(command, f"{path}{name} ")
        elif command is not None and any(parameter.name == "force" for parameter in command.params):
            yield f"{path}{name}"


def test_every_command_that_writes_is_here():
    assert set(_commands_with_force(cli)) == set(CASES)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "arguments"), [(name, case) for name, cases in CASES.items() for case in cases])
def test_what_exists_is_kept(run, folder, truth_folder, tmp_path, monkeypatch, command, arguments):
    monkeypatch.chdir(tmp_path)
    image = next(path for path in (folder / "data").rglob("*") if path.suffix in (".png", ".jpg"))
    places = {
        "DATA": folder / "data",
        "one=DATA": f"one={folder / 'data'}",
        "other=DATA": f"other={folder / 'data'}",
        "LANDMARKS": folder / "landmarks.h5",
        "MASKS": (folder / "masks-path").read_text(),
        "RUN": folder / "run",
        "IMAGE": image,
        "TRUTH": truth_folder,
        "MAPS": tmp_path / "maps",
    }
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / f"{image.stem}.png").write_text("mine")
    for argument in arguments:
        if argument.endswith("/"):
            (tmp_path / argument).mkdir()
            (tmp_path / argument / "mine.txt").write_text("mine")
        elif argument.startswith("EXISTS"):
            written = argument.replace("BESIDE.safetensors", "BESIDE.json")
            (tmp_path / written).write_text("mine")
    before = _contents(folder) | _contents(tmp_path) | _contents(truth_folder)
    done = run(*command.split(), *(places.get(argument, argument) for argument in arguments))
    assert done.code == 1, done.out
    assert "exists" in done.err, done.err
    assert len(done.err.strip().splitlines()) == 1, done.err
    assert _contents(folder) | _contents(tmp_path) | _contents(truth_folder) == before


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
