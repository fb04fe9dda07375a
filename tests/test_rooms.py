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
LEAVES = {
    *("aside", "checksum", "errors", "files", "hdf5", "journal", "lock", "schemes", "seal", "workers", "yaml_source"),
}
MAY_IMPORT = {
    "schemes": LEAVES,
    "datasets": LEAVES,
    "landmarks": LEAVES | {"datasets"},
    "rules": LEAVES,
    "refine": LEAVES | {"rules"},
    "nets": LEAVES,
    "store": LEAVES | {"datasets", "landmarks", "rules", "refine"},
    "training": LEAVES | {"datasets", "landmarks", "rules", "nets", "store", "reports"},
    "reports": LEAVES | {"datasets", "landmarks", "rules", "store"},
    "cli": LEAVES | {"datasets", "landmarks", "rules", "refine", "nets", "store", "training", "reports"},
}


def _imported(path: Path) -> set[str]:
    """Return the dotted names that a module imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_arrows_go_one_way(room: str):
    for path in (PACKAGE / room).rglob("*.py"):
        rooms = {name.split(".")[1] for name in _imported(path) if name.startswith("wsegs.")}
        assert rooms <= MAY_IMPORT[room] | {room}, f"{path} imports {rooms - MAY_IMPORT[room] - {room}}"


def test_torch_is_imported_in_nets_and_training_only():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] not in {"nets", "training", "cli", "landmarks"}:
            torch = {name for name in _imported(path) if name.split(".")[0] in {"torch", "pytorch_lightning"}}
            assert not torch, f"{path} imports {torch}"


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
