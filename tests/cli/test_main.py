"""The command line as a whole: exit codes, one line for an error."""

from __future__ import annotations

import pytest

from wsegs import __version__
from wsegs.cli.options import SIZE


def test_version(run):
    assert run("--version").out.strip() == f"wsegs, version {__version__}"


def test_no_command_shows_help_as_a_usage_error(run):
    done = run()
    assert done.code == 2
    assert "landmarks" in done.out + done.err


def test_unknown_commands_and_options_are_usage_errors(run):
    for arguments in (["mask"], ["masks", "--rule", "x"], ["masks", "--size", "218"], ["masks", "-j", "many"]):
        done = run(*arguments)
        assert done.code == 2
        assert "Traceback" not in done.err


def test_an_error_is_one_line(run, tmp_path):
    done = run("masks", tmp_path / "none.h5")
    assert done.code == 1
    assert done.out == ""
    assert done.err.startswith("Error: ")
    assert done.err.count("\n") == 1
    assert "none.h5" in done.err


@pytest.mark.parametrize("text", ["218", "x178", "218x", "0x178", "-2x5", "218x178x3", "5000x10", "axb"])
def test_a_size_that_is_none(text):
    with pytest.raises(Exception, match="expected"):
        SIZE.convert(text, None, None)


def test_a_size():
    assert SIZE.convert("218X178", None, None) == (218, 178)


def test_help_keeps_its_lines(run):
    lines = [line.strip() for line in run("--help").out.splitlines()]
    assert "wsegs train attparsenet                ->  runs/attparsenet" in lines


@pytest.mark.parametrize(
    "arguments",
    [["masks", "--zoom"], ["rules", "score", "celeba", "--scale"], ["rules", "score", "celeba", "--turn"]],
)
def test_nan_is_no_number(run, arguments):
    done = run(*arguments, "nan")
    assert done.code == 2
    assert "expected a number, got 'nan'" in done.err
