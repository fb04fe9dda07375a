"""What the columns of a table of labels are, by their titles and by what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsegs.datasets.listing import looks_like_image
from wsegs.datasets.tables.cells import NUMBER, is_unknown, number_of, split_of, split_word
from wsegs.datasets.tables.columns import require_unique_columns, usual_name
from wsegs.errors import DataError

FILE_TITLES = {"file", "filename", "file_name", "image", "image_id", "image_name", "img", "name", "path"}
INDEX_TITLES = {"", "index", "unnamed: 0"}
_NUMBER_TITLES = {"id", "idx", "no", "nr", "no.", "nr.", "number", "row", "#"}
# A column of these titles is what its title says, if its values are, too; those of `split` and `identity` must be.
_SPLIT_TITLES = {"partition": split_of} | dict.fromkeys(("subset", "set", "phase", "usage"), split_word)
_PEOPLE_TITLES = {"person", "person_id", "subject", "subject_id", "identity_id"}
_SAMPLE = 100  # rows that tell which column holds the file names


@dataclass(frozen=True)
class Header:
    """The columns of a table.

    Attributes
    ----------
    name
        Where in a row the file name stands.
    titles
        Title -> where in a row it stands, of all columns but the file name and an index.
    split, identity
        Titles of the columns that hold them; "" if there is none.
    notes
        In words, what was not read as it is written.
    """

    name: int
    titles: dict[str, int]
    split: str
    identity: str
    notes: tuple[str, ...]


def read_header(
    path: Path, line: int, fields: Sequence[str], rows: Sequence[Sequence[str]], typed: Collection[str]
) -> Header:
    """Tell what the columns of a table are.

    Parameters
    ----------
    path, line, fields
        The file, the line of the header in it, and its fields.
    rows
        The fields of each row, as many as the header has.
    typed
        Titles of columns whose meaning the user has said.

    Raises
    ------
    DataError
        If there is no header, a title stands twice, or two columns hold splits or people.
    """
    titles = [title.strip() for title in fields]
    _require_header(path, line, titles)
    name = _name_column(titles, rows)
    left = [at for at in range(len(titles)) if at != name]
    notes = []
    if name != 0:
        notes.append(f"file names stand in column '{titles[name]}'")
        if titles[0].lower() in INDEX_TITLES or _counts(rows) or _numbers_rows(titles[0], rows):
            left.remove(0)
            notes[-1] += f"; column 1, '{titles[0]}', numbers the rows"
    # Spreadsheets end lines with separators of columns that are empty.
    left = [at for at in left if titles[at] or any(row[at].strip() for row in rows)]
    spelled = [titles[at] if titles[at] in typed else usual_name(titles[at]) for at in left]
    require_unique_columns(path, line, spelled)
    renamed = [f"'{titles[at]}' is {title}" for at, title in zip(left, spelled, strict=True) if titles[at] != title]
    if renamed:
        notes.append(
            f"titles as CelebA spells them: {renamed[0]}" + (f", and {len(renamed) - 1} more" * (len(renamed) > 1))
        )
    where = dict(zip(spelled, left, strict=True))
    free = [title for title in spelled if title not in typed]

    def column(exact: str, others: Callable[[str], bool]) -> str:
        found = [title for title in free if title.lower() == exact] or [title for title in free if others(title)]
        if len(found) > 1:
            raise DataError(f"{path}, line {line}: expected one column '{exact}', got {' and '.join(found)}")
        return found[0] if found else ""

    def holds_splits(title: str) -> bool:
        tell = _SPLIT_TITLES.get(title.lower())
        return tell is not None and all(tell(row[where[title]]) is not None for row in rows)

    split = column("split", holds_splits)
    identity = column("identity", lambda title: title.lower() in _PEOPLE_TITLES)
    notes += [
        f"column '{title}' is the {exact}" for title, exact in ((split, "split"), (identity, "identity"))
        if title and title.lower() != exact
    ]  # fmt: skip
    return Header(name, where, split, identity, tuple(notes))


def _require_header(path: Path, line: int, titles: Sequence[str]) -> None:
    values = [is_unknown(title) or number_of(title) is not None or split_of(title) is not None for title in titles[1:]]
    numbers = [NUMBER.fullmatch(title) for title in titles[1:]]
    if any(map(looks_like_image, titles)) or (values and all(values) and any(numbers)):
        raise DataError(
            f"{path}, line {line}: expected a header (file name, attributes), got the values"
            f" '{','.join(titles)[:80]}'; is there a header?"
        )


def _name_column(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    some = rows[:_SAMPLE]
    if any(looks_like_image(row[0]) for row in some):
        return 0
    for at in range(1, len(titles)):
        if all(looks_like_image(row[at]) for row in some):
            return at
    is_index = titles[0].lower() in INDEX_TITLES and _counts(rows)
    return 1 if is_index and len(titles) > 1 and titles[1].lower() in FILE_TITLES else 0


def _numbers_rows(title: str, rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first column is called a number and holds another whole number in each row."""
    numbers = {row[0].strip() for row in rows}
    return title.lower() in _NUMBER_TITLES and len(numbers) == len(rows) and all(map(str.isdecimal, numbers))


def _counts(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first column counts the rows, from any number."""
    first = rows[0][0].strip()
    if not first.isdecimal():
        return False
    return all(row[0].strip() == str(number) for number, row in enumerate(rows[:_SAMPLE], start=int(first)))
