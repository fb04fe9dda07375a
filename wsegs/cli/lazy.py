"""A group whose commands are imported only when they are needed."""

from __future__ import annotations

import importlib
from typing import Any

import click

from wsegs.io.files import did_you_mean


class LazyGroup(click.Group):
    """A group that knows its commands by module and one line of help, so that ``--help`` imports none of them.

    Parameters
    ----------
    commands
        Name -> (module, what the command does). The module has an attribute of the command's name, or of the name
        with ``_command`` behind it where the bare name means something else.
    """

    def __init__(self, *args: Any, commands: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy_commands = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which they are used."""
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command; None if there is none of that name."""
        if cmd_name not in self.lazy_commands:
            return None
        module = importlib.import_module(self.lazy_commands[cmd_name][0])
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(module, f"{name}_command", None) or getattr(module, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is named; a mistyped one is told with the nearest."""
        name = args[0]
        if name not in self.lazy_commands and not name.startswith("-"):
            known = list(self.lazy_commands)
            raise click.UsageError(
                f"No such command '{name}': expected one of {', '.join(known)}{did_you_mean(name, known)}", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in self.lazy_commands.items()])
