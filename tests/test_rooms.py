"""The arrows between the rooms go one way, and heavy packages are imported only where they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import wsegs

PACKAGE = Path(wsegs.__file__).parent
# Lowest first: a room may import those above it in this list, but for the pairs that do not know each other.
ROOMS = (
    *("errors", "geometry", "io", "schemes", "datasets", "landmarks", "rules", "refine", "store", "human_masks"),
    *("nets", "tasks", "features", "heads", "training", "evaluation", "model_export", "reports", "api", "cli"),
)
STRANGERS = {
    "rules": {"datasets", "landmarks"},
    "refine": {"datasets", "landmarks"},
    "nets": {"datasets", "geometry", "landmarks", "refine", "rules", "schemes", "store", "human_masks"},
    "tasks": {"datasets", "landmarks", "refine", "store", "human_masks"},
    "heads": {*ROOMS} - {"errors", "io", "tasks", "heads"},
}
LARGEST = 16  # files of a room, a package of its own counting as one


def _imported(path: Path) -> set[str]:
    """Return the dotted names that a module imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.slow
@pytest.mark.parametrize("room", [room for room in ROOMS if (PACKAGE / room).is_dir()])
def test_arrows_go_one_way(room: str):
    allowed = {*ROOMS[: ROOMS.index(room) + 1]} - STRANGERS.get(room, set())
    for path in (PACKAGE / room).rglob("*.py"):
        rooms = {name.split(".")[1] for name in _imported(path) if name.startswith("wsegs.")}
        assert rooms <= allowed, f"{path} imports {rooms - allowed}"


def test_every_room_has_its_place():
    rooms = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith(("_", "py.typed", "shipped"))}
    assert rooms == set(ROOMS)


def test_no_room_is_crowded():
    for folder in (PACKAGE, *PACKAGE.rglob("*/")):
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) < LARGEST, f"{folder} has {len(modules)} modules"


def test_torch_is_imported_where_networks_are():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] not in {
            "nets",
            "tasks",
            "heads",
            "training",
            "evaluation",
            "model_export",
            "api",
            "cli",
            "landmarks",
        }:
            torch = {name for name in _imported(path) if name.split(".")[0] in {"torch", "pytorch_lightning"}}
            assert not torch, f"{path} imports {torch}"


def test_lightning_is_imported_in_training_only():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] != "training":
            assert "pytorch_lightning" not in {name.split(".")[0] for name in _imported(path)}, path


def test_help_loads_nothing_heavy():
    program = (
        "import sys; from wsegs.cli.main import cli; cli.main(['--help'], standalone_mode=False);"
        "heavy = {'torch', 'cv2', 'dlib', 'h5py', 'numpy', 'matplotlib', 'shapely'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None, f"{path} {name}"
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")


def test_each_command_has_help():
    from wsegs.cli.main import cli

    for name, command in _commands(cli, "wsegs"):
        assert command.help, name
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, f"{name} --{parameter.name}"
