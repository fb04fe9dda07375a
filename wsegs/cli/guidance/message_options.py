"""``-v``, ``-q`` and ``--log-file``, which every long command has."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import cloup

from wsegs import __version__
from wsegs.io.messages import LogFile, begin_messages, set_verbosity

Command = TypeVar("Command", bound=Callable[..., Any])

_SEEN = "wsegs.messages"


def _verbose(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        _choose(ctx, 1, "-v")


def _quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        _choose(ctx, -1, "-q")


def _choose(ctx: click.Context, level: int, flag: str) -> None:
    other = ctx.meta.setdefault(_SEEN, flag)
    if other != flag:
        raise click.UsageError("-v and -q: expected one of them, got both", ctx)
    set_verbosity(level)
    begin_messages()


def _log(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    if value is None:
        return
    try:
        log = LogFile(value)
    except OSError as error:
        raise click.BadParameter(f"{value}: {error.strerror}", ctx, param) from None
    log.add(f"wsegs {__version__}: {shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])}\n")
    begin_messages(log)


_GROUP = cloup.option_group(
    "Messages",
    cloup.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=_verbose,
        help="Say more: a line for each validation of a training, and where an error comes from.",
    ),
    cloup.option(
        "-q",
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_quiet,
        help="Say less: results and errors alone, without bars and lines of progress.",
    ),
    cloup.option(
        "--log-file",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        expose_value=False,
        callback=_log,
        help="Append everything that is printed to this file, each line with the time.",
    ),
)


def message_options(command: Command) -> Command:
    """Add ``-v``, ``-q`` and ``--log-file``."""
    decorated: Command = _GROUP(command)
    return decorated
