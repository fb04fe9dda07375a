"""Run a command as the console script does, and see what a user would."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.training.tiny import make_store, write_faces, write_labels
from wsegs.cli.main import main


@dataclass
class Done:
    """What a command left: its exit code, and what it wrote on the two streams."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys) -> Callable[..., Done]:
    """Return a function that runs ``wsegs ARGUMENTS`` in this process."""

    def run_command(*arguments: object) -> Done:
        monkeypatch.setattr("sys.argv", ["wsegs", *map(str, arguments)])
        handler = signal.getsignal(signal.SIGINT)
        capsys.readouterr()
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        else:
            code = 0
        finally:
            signal.signal(signal.SIGINT, handler)  # main() ignores Ctrl-C at its end
        return Done(code, *capsys.readouterr())

    return run_command


@pytest.fixture
def masks(tmp_path, astronaut_landmarks, monkeypatch):
    """A store in an empty working directory."""
    table = write_faces(tmp_path / "data", astronaut_landmarks)
    write_labels(tmp_path / "data", table)
    monkeypatch.chdir(tmp_path)
    return make_store(tmp_path, table).path
