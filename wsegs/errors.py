"""The errors that wsegs raises on bad input.

Each is also a builtin error, so that library code can catch what it knows. The command line
turns any of them into one clean line and exit code 1 (:mod:`wsegs.cli.main`): a message names the file, the
line or the option, says what was expected and what came.
"""


class WsegsError(Exception):
    """Anything that is the input's fault rather than the program's; its message is one line, whatever came."""

    def __str__(self) -> str:
        return "".join(character if character.isprintable() else "?" for character in super().__str__())


class DataError(WsegsError, ValueError):
    """A file or data set whose contents are not what its format promises."""


class MissingError(WsegsError, FileNotFoundError):
    """A file, folder or model weight that must exist and does not."""


class MissingPackageError(WsegsError, ImportError):
    """A package that is not installed; the message names the extra that installs it."""


class OutputExistsError(WsegsError, FileExistsError):
    """An output that is already there; ``--force`` overwrites it."""


class OutputLockedError(WsegsError, BlockingIOError):
    """An output that another process is writing."""


class OptionError(WsegsError, ValueError):
    """Options that do not fit each other or the data."""


class RuleError(WsegsError, ValueError):
    """A rule file that cannot be used. The message names file, line and column.

    Attributes
    ----------
    place
        File, line and column (counted from 1), where the error has one place.
    problem
        The message without the place; empty where there is none.
    """

    place: tuple[str, int, int] | None = None
    problem: str = ""
