import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsegs.datasets.tables import numeric as tables
from wsegs.datasets.tables.numeric import read_table
from wsegs.errors import DataError, MissingError

COLUMNS = ("a", "b")


def both(path, body, delimiter):
    """Return what the fast and the slow path read, None for what they refuse."""
    fast = tables._parse_fast(body, len(COLUMNS), delimiter, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_BLOCK", 1)  # every line is a block
        in_blocks = tables._parse_fast(body, len(COLUMNS), delimiter, 1)
    assert (fast is None) == (in_blocks is None)
    if fast is not None and in_blocks is not None:
        for whole, joined in zip(fast, in_blocks, strict=True):
            np.testing.assert_array_equal(whole, joined)
    try:
        slow = tables._parse_slow(path, body, COLUMNS, delimiter, 1)
    except DataError:
        slow = None
    return fast, slow


field = st.sampled_from(
    ["1", "-1", " 1", "0", "12345", "999999999", "-", "", "x.jpg", "é ü.jpg", "1.5", '"', "\t", "1234567890"]
)
body = st.lists(st.lists(field, min_size=2, max_size=4), max_size=5)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(body, st.sampled_from([None, ","]), st.sampled_from(["", "\n", "\n\n"]))
@example([["x", "1", "2"]], ",", "\n")
@example([["", ""]], ",", "\n")
@example([], None, "\n")
@example([["x", "-1", "2"], ["y", "7", "-999999999"]], None, "")
def test_fast_path_reads_what_the_slow_path_reads(tmp_path_factory, rows, delimiter, end):
    text = "\n".join((delimiter or " ").join(row) for row in rows) + end
    fast, slow = both("table", text, delimiter)
    if fast is None:
        return
    assert slow is not None
    assert fast[0] == slow[0]
    np.testing.assert_array_equal(fast[1], slow[1])
    np.testing.assert_array_equal(fast[2], slow[2])


@pytest.mark.parametrize("delimiter", [None, ","])
def test_fast_path_takes_regular_tables(delimiter):
    d = delimiter or "  "
    names, values, lines = tables._parse_fast(f"x{d}1{d}-20\ny{d}0{d}345\n", 2, delimiter, 3)
    assert names == ["x", "y"]
    assert values.tolist() == [[1, -20], [0, 345]]
    assert lines.tolist() == [3, 4]


def test_decimals(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text('image_id,a,b\n"x,1.jpg", 1.5,-2\n\nz.jpg,3,4\n')
    table = read_table(path, COLUMNS)
    assert table.names == ["x,1.jpg", "z.jpg"]
    assert table.values.tolist() == [[1.5, -2], [3, 4]]
    assert table.lines.tolist() == [2, 4]


@pytest.mark.parametrize("blank", ["\x1c", "\x1d", "\x1e", "\x1f"])
def test_blanks_that_float_does_not_strip(tmp_path, blank):
    """Found by libFuzzer: str.strip takes the separators of ASCII away, int and float do not."""
    for name, text in (
        ("list.csv", f"image_id,Male\na.jpg,1{blank}\n"),
        ("list.txt", f"{blank}1\nMale\na.jpg {blank}1\n"),
    ):
        (tmp_path / name).write_text(text)
        assert read_table(tmp_path / name, None).values.tolist() == [[1]]


def test_require_names_the_place(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("x 1 2\n\ny 1 3\n")
    table = read_table(path, COLUMNS, header=False)
    with pytest.raises(DataError, match=r"t\.txt, line 3, column 'b': expected 2, got 3"):
        table.require(table.values < 3, "2")


def test_only_a_header(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image_id,a,b")
    with pytest.raises(DataError, match="expected rows of a file name and 2 numbers, got none"):
        read_table(path, None)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators(tmp_path, separator):
    path = tmp_path / "t.csv"
    path.write_text("image_id,a,b\nx,1,2\n".replace(",", separator))
    table = read_table(path, None)
    assert (table.columns, table.values.tolist()) == (("a", "b"), [[1, 2]])


def test_wrong_separator(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image_id:a:b\nx:1:2\n")
    with pytest.raises(DataError, match="line 1: expected names of columns separated by commas, got 'image_id:a:b'"):
        read_table(path, None)


def test_an_index_column_words_and_unknown_values(tmp_path):
    """As pandas writes a table with its index, Booleans and nothing."""
    path = tmp_path / "t.csv"
    path.write_text(",image_id,a,b\n0,x.jpg,True,\n1,y.jpg,False,3\n")
    table = read_table(path, None)
    assert table.names == ["x.jpg", "y.jpg"]
    np.testing.assert_array_equal(table.values, [[1, np.nan], [0, 3]])


def test_a_csv_without_a_header_where_its_columns_are_known(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("x.jpg,7\ny.jpg,nan\n")
    table = read_table(path, ("identity",), header=False)
    assert (table.names, table.lines.tolist()) == (["x.jpg", "y.jpg"], [1, 2])
    with pytest.raises(DataError, match="line 1: expected names of columns"):
        read_table(path, ("identity",))


def test_missing_file(tmp_path):
    with pytest.raises(MissingError, match="no such file"):
        read_table(tmp_path / "t.csv", None)
