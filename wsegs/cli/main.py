"""The ``wsegs`` command: its commands, and the one place where an error becomes a line."""

from __future__ import annotations

import io
import math
import os
import signal
import sys
import threading
import time
from types import FrameType

import click

from wsegs import __version__
from wsegs.cli.lazy import LazyGroup
from wsegs.errors import WsegsError

# Command -> module and attribute. Imported when the command is asked for, so that `wsegs --help` loads
# neither torch nor dlib nor OpenCV.
_COMMANDS = {
    "demo": ("wsegs.cli.demo", "The whole road on the faces that come with wsegs."),
    "landmarks": ("wsegs.cli.landmarks", "Find facial landmarks: a data set to landmarks.h5."),
    "masks": ("wsegs.cli.masks", "Draw attribute masks: landmarks.h5 and rules to masks.h5."),
    "preview": ("wsegs.cli.preview", "Draw a contact sheet of landmarks, regions and masks."),
    "train": ("wsegs.cli.train", "Train a network on masks.h5 and its images."),
    "evaluate": ("wsegs.cli.evaluate", "Measure a run on a split of a data set."),
    "report": ("wsegs.cli.report", "One HTML page that shows what a run has learned."),
    "predict": ("wsegs.cli.predict", "Recognise the attributes of images."),
    "rules": ("wsegs.cli.rules", "Check, preview, score and fit rule files."),
    "store": ("wsegs.cli.store", "Look inside a mask store, verify it, or join its shards."),
}


# "\b" keeps click from joining the lines that follow.
_HELP = """Weak attribute segments of faces.

Landmarks and rules give a mask for every attribute; networks learn from them where to look.

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
    help="Open HDF5 files without locks, which some network drives do not have.",
)
def cli(no_hdf5_locking: bool) -> None:
    """Run one of the commands."""
    if no_hdf5_locking:
        os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"  # HDF5's own variable, which worker processes inherit


class _CtrlC:
    """Stops the program at a Ctrl-C; further ones within some seconds must not disturb the tidying up that follows."""

    SECONDS = 5.0  # then it is heard again, since tidying up may hang

    def __init__(self) -> None:
        self.deaf_until = -math.inf
        self.other_hook = sys.unraisablehook

    def __call__(self, number: int, frame: FrameType | None) -> None:
        # A handler that took itself away would have Python complain of a second signal that is on its way.
        if time.monotonic() > self.deaf_until:
            self.deaf_until = time.monotonic() + self.SECONDS
            raise KeyboardInterrupt

    def dropped(self, what: sys.UnraisableHookArgs) -> None:
        """Come again: it came while an object was deleted, where Python drops every exception."""
        if not issubclass(what.exc_type, KeyboardInterrupt):
            self.other_hook(what)
        elif self.deaf_until < math.inf:
            self.deaf_until = -math.inf
            main_thread = threading.main_thread().ident
            # Not now, since this would be dropped, too.
            threading.Timer(0.01, signal.pthread_kill, [main_thread, signal.SIGINT]).start()


def main() -> None:
    """Run the command line; exit code 1 and one line for bad input, 2 for wrong usage, 130 for Ctrl-C."""
    # Worker processes must not import what lies in the working directory, which may be a folder of somebody's data.
    os.environ["PYTHONSAFEPATH"] = "1"
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as on stderr, for file names that it cannot encode
    ctrl_c = _CtrlC()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not with nohup
        signal.signal(signal.SIGINT, ctrl_c)
        if hasattr(signal, "pthread_kill"):  # not on Windows
            sys.unraisablehook = ctrl_c.dropped
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe went away (| head). Python would complain again while it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except WsegsError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        # A full disk, a folder that cannot be written to, a file where a folder must be: the machine's word for it.
        if error.filename is None and error.strerror is None:
            raise
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        click.echo(f"Error: {where}{error.strerror}", err=True)
        sys.exit(1)
    finally:
        # All is said and done. Python waits for its threads and processes, and would tell at length of a Ctrl-C there.
        ctrl_c.deaf_until = math.inf
        if hasattr(signal, "pthread_sigmask"):  # not on Windows; what is on its way arrives before
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
