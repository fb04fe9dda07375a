"""The ``wsegs`` command: its commands, and the one place where an error becomes one line."""

from __future__ import annotations

import io
import logging
import math
import os
import signal
import sys
import time
import traceback
from types import FrameType
from typing import NoReturn

import click

from wsegs import __version__
from wsegs.cli.guidance.former_names import with_present_names
from wsegs.cli.lazy import LazyGroup
from wsegs.errors import WsegsError
from wsegs.io.extras import needs_extras
from wsegs.io.messages import end_messages, verbosity

# Command -> module and help. Modules are imported when their command runs: `wsegs --help` loads neither torch nor dlib.
_COMMANDS = {
    "demo": ("wsegs.cli.demo", "Run every step on the faces that come with wsegs."),
    "landmarks": ("wsegs.cli.landmarks", "Find the landmarks of faces: a data set to landmarks.h5."),
    "masks": ("wsegs.cli.masks", "Draw attribute masks: landmarks.h5 and rules to masks.h5."),
    "preview": ("wsegs.cli.preview", "Draw a contact sheet of landmarks, regions and masks."),
    "classes": ("wsegs.cli.labels.classes", "Write a folder for each class out of other data sets."),
    "locate": ("wsegs.cli.localisation.locate", "Locate faces by LNets that learnt attribute tags: boxes.csv."),
    "features": ("wsegs.cli.features", "Read a frozen backbone's maps by region: masks.h5 to features.h5."),
    "train": ("wsegs.cli.train", "Train a network on masks.h5 and its images, or on a data set."),
    "evaluate": ("wsegs.cli.evaluate", "Measure trained networks on a split of a data set."),
    "compare": ("wsegs.cli.measures.compare", "Compare two runs on the same images, attribute by attribute."),
    "report": ("wsegs.cli.report", "Write one HTML page that shows what a run has learned."),
    "predict": ("wsegs.cli.predict", "Predict the attributes of images."),
    "export-model": (
        "wsegs.cli.exporting.export_model",
        "Write a trained network as ONNX, safetensors or torch.export.",
    ),
    "rules": ("wsegs.cli.rules", "Write, check, preview, score and fit rule files."),
    "store": ("wsegs.cli.store", "Look inside a mask store, verify it, or join its shards."),
}


# "\b" keeps click from joining the lines that follow.
_HELP = """Weak attribute segments of faces.

Landmarks and rules give a mask for every attribute; from the masks, networks learn where to look.

\b
wsegs landmarks --data data/celeba     ->  landmarks.h5
wsegs masks --rules rules/celeba.yaml  ->  masks.h5
wsegs train attparsenet                ->  runs/attparsenet
"""


@click.command(
    cls=LazyGroup,
    commands=_COMMANDS,
    help=_HELP,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "WSEGS",
        "show_default": True,
        "max_content_width": 100,
    },
)
@click.version_option(__version__, prog_name="wsegs")
@click.option(
    "--no-hdf5-locking",
    is_flag=True,
    show_envvar=True,
    help="Open HDF5 files without file locks, which some network drives lack.",
)
def cli(no_hdf5_locking: bool) -> None:
    """Run one of the commands."""
    # Of a home that cannot be written, and of fonts that it looks for, nobody who runs wsegs need know.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    if no_hdf5_locking:
        os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"  # HDF5's own variable, which worker processes inherit


class _Interrupt:
    """Handler of Ctrl-C and SIGTERM: raises KeyboardInterrupt, and ignores presses while wsegs tidies up after one."""

    def __init__(self, seconds: float = 2.0) -> None:
        self.pressed, self.deaf_until, self._seconds = False, -math.inf, seconds
        self.number: int = signal.SIGINT

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if time.monotonic() > self.deaf_until:
            self.pressed, self.deaf_until, self.number = True, time.monotonic() + self._seconds, number
            raise KeyboardInterrupt

    def end(self) -> NoReturn:
        """Say so in a line, and end with the exit code of the signal: 130 for Ctrl-C, 143 for SIGTERM."""
        click.echo("terminated" if self.number == signal.SIGTERM else "interrupted", err=True)
        sys.exit(128 + self.number)


def main() -> None:
    """Run the command line.

    Exit code 1 and one line for bad input, 2 for wrong usage, 130 for Ctrl-C, 143 for SIGTERM.
    """
    # Worker processes must not import modules from the working directory, which may hold somebody's data.
    os.environ["PYTHONSAFEPATH"] = "1"
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as on stderr, for file names that it cannot encode
    interrupt = _Interrupt()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in the background of a shell
        signal.signal(signal.SIGINT, interrupt)
    before = signal.getsignal(signal.SIGTERM)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, interrupt)
    try:
        with needs_extras("this command"):
            cli.main(with_present_names(sys.argv[1:]), standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        interrupt.end()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe has ended (| head). Python would fail again while it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except WsegsError as error:
        if verbosity() > 0:
            traceback.print_exc()
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        # A full disk, a folder that cannot be written, a file where a folder must be: the system says what is wrong.
        if error.filename is None and error.strerror is None:
            raise
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        click.echo(f"Error: {where}{error.strerror}", err=True)
        sys.exit(1)
    except Exception:
        if not interrupt.pressed:
            raise
        interrupt.end()  # pydantic turns an interrupt into an error of its own
    finally:
        end_messages()
        if before is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, before)
        # Python waits for its threads and processes now, and would print a traceback of an interrupt there.
        signal.signal(signal.SIGINT, lambda *_: None)  # for a press that is on its way: Python complains of it else
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
