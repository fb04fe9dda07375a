"""What ``--help`` says of the options of every command."""

from __future__ import annotations

from collections.abc import Iterator

import click
import cloup
import pytest

from wsegs.cli.main import cli


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(_commands(cli))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_has_a_titled_group_and_help(path):
    command = COMMANDS[path]
    assert isinstance(command, cloup.Command)
    assert not command.ungrouped_options
    assert all(group.title for group in command.option_groups)
    for group in command.option_groups:
        for option in group.options:
            # A sentence that says what for, not a fragment.
            assert option.help, option.opts
            assert option.help[0].isupper(), option.help
            assert option.help.partition("  [")[0].endswith("."), option.help
    for parameter in command.params:
        assert getattr(parameter, "help", ""), f"{path}: {parameter.name}"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_and_shows_each_option_below_its_title(run, monkeypatch, path):
    monkeypatch.setenv("COLUMNS", "100")
    done = run(*path, "--help")
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 100
    for group in COMMANDS[path].option_groups:
        section = done.out.partition(f"\n{group.title}:\n")[2].partition("\n\n")[0]
        assert all(option.opts[-1] in section for option in group.options), group.title


def test_shared_options_mean_the_same_everywhere():
    """``--limit`` is a sample and ``--masks`` a mask store; old names are gone."""
    texts: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for option in command.params:
            if isinstance(option, click.Option):
                for name in option.opts:
                    texts.setdefault(name, set()).add(option.help or "")
    assert len(texts["--limit"]) == 1
    assert all("mask store" in text for text in texts["--masks"])
    gone = {"--truth", "--classes", "--half", "--keep", "--only-common", "--start-from", "--redraw", "--tilt"}
    assert not gone & set(texts)
