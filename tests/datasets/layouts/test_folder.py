import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsegs.datasets import open_dataset
from wsegs.datasets.labels import read_labels
from wsegs.datasets.typed_labels import Categories
from wsegs.errors import DataError, MissingError, OptionError


def error_of(text, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as caught:
        read_labels(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def test_no_labels(folder):
    dataset = open_dataset(folder)
    assert dataset.name == "folder"
    assert dataset.images == ("a.jpg", "b.PNG", "deep/er/c.jpeg")
    assert dataset.attributes.shape == (3, 0)
    assert dataset.split.tolist() == [0, 0, 0]
    assert dataset.identity.tolist() == [-1, -1, -1]
    assert dataset.unmatched == ()


def test_labels(folder):
    (folder / "labels.csv").write_bytes(
        "\ufefffile,split,Smiling,identity,Eye glasses\r\n"
        'deep/er/c.jpeg,val,1,zoe,\r\n\r\n"a.jpg",Test,0,"amy, b", 1\r\n./b.PNG,0,1,,0\r\n'.encode()
    )
    dataset = open_dataset(folder)
    assert dataset.images == ("deep/er/c.jpeg", "a.jpg", "b.PNG")
    assert dataset.attribute_names == ("Smiling", "Eyeglasses")
    assert dataset.attributes.tolist() == [[1, -1], [0, 1], [1, 0]]
    assert dataset.split.tolist() == [1, 2, 0]
    assert dataset.identity.tolist() == [1, 0, -1]


def test_labels_elsewhere_and_minus_one(folder, tmp_path):
    (tmp_path / "mine.csv").write_text("name,Smiling,identity\na.jpg,-1,12\nb.PNG,,3\n")
    dataset = open_dataset(folder, labels=tmp_path / "mine.csv")
    assert dataset.attributes.tolist() == [[0], [-1]]
    assert dataset.identity.tolist() == [12, 3]
    assert [entry[:2] for entry in dataset.unmatched] == [("image without a row", "deep/er/c.jpeg")]


def test_missing_labels(folder, tmp_path):
    with pytest.raises(MissingError, match=r"none\.csv: no such file"):
        open_dataset(folder, labels=tmp_path / "none.csv")


def test_nothing_matches(folder):
    (folder / "labels.csv").write_text("name,Smiling\nx.jpg,1\n")
    with pytest.raises(DataError, match=r"3 images \(such as 'a.jpg'\), 1 rows in .*labels.csv \(such as 'x.jpg'\)$"):
        open_dataset(folder)
    (folder / "labels.csv").write_text("name,Smiling\na.png,1\n")
    with pytest.raises(DataError, match=r"; 'a\.png' and 'a\.jpg' differ in their suffix$"):
        open_dataset(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ("\n \n", "empty file"),
        ("name,Smiling\n", "expected rows below the header"),
        ("name,Smiling\na.jpg,1\nb.jpg\n", "line 3: expected 2 columns, got 1"),
        ("name,Smiling\na.jpg,1,0\n", "line 2: expected 2 columns, got 3"),
        ("name,Smiling\n,1\n", "line 2: expected a file name, got an empty field"),
        (
            "name,Smiling\na.jpg,maybe\n",
            "line 2, column 'Smiling': expected 1, 0, -1 or nothing (unknown), got 'maybe'",
        ),
        ("name,A,B\na.jpg,1,0\nb.jpg,-1,1\n", "line 3, column 'A': got -1, but line 2 has 0"),
        ("name,A,B\na.jpg,-1,1\nb.jpg,-1,1\nc.jpg,1,0\n", "line 4, column 'B': got 0, but line 2 has -1"),
        ("name,A,A\na.jpg,1,1\n", "line 1: expected every column once, got 'A' 2 times"),
        ("name,A,\na.jpg,1,1\n", "line 1: expected a name for every column"),
        ("name,split,Split\na.jpg,0,0\n", "expected one column 'split'"),
        ("a.jpg,1,0\nb.jpg,0,1\n", "line 1: expected a header"),
        ("name,split\na.jpg,later\n", "line 2, column 'split': expected train"),
        ("name,split\na.jpg,\n", "line 2, column 'split': expected train"),
        ("name,A\n/etc/../a.jpg,1\n", "line 2: expected a file name below the folder of the images"),
        ("name,A\na.jpg,1\nb/../../a.jpg,1\n", "line 3: expected a file name below"),
        ("name,A\n..\\a.jpg,1\n", "line 2: expected a file name below"),
        ("name,A\nC:\\..\\a.jpg,1\n", "line 2: expected a file name below"),
        ('name,A\na.jpg,1\n"b.jpg,1\n', "line 3: expected columns separated by commas: unexpected end of data"),
        (b"name,A\na.jpg,1\n\xff\xfe,1\n", "line 3: expected text in UTF-8, got the byte 0xff"),
        (b"name,A\na.jpg,\0\n", "line 2: expected text in UTF-8, got binary data"),
        ("name,A\n".encode("utf-16-le"), "line 1: expected text in UTF-8, got binary data"),
    ],
)
def test_malformed_labels(tmp_path, text, message):
    assert message in error_of(text, tmp_path)


TYPED = "file,Smiling,age,race,split\na.jpg,1,31.5,White,0\ndeep/er/c.jpeg,,,,2\nb.PNG,0, 7e0 , Asian ,1\n"


def test_numbers_and_categories(folder):
    (folder / "labels.csv").write_text(TYPED)
    dataset = open_dataset(folder, numbers=["age"], categories=["race"])
    assert dataset.images == ("a.jpg", "deep/er/c.jpeg", "b.PNG")
    assert dataset.attribute_names == ("Smiling",)
    np.testing.assert_array_equal(dataset.numbers["age"], np.array([31.5, np.nan, 7], np.float32))
    assert dataset.categories["race"] == Categories(("Asian", "White"), np.array([1, -1, 0]))
    assert dataset.summary()["numbers"] == {"age": 2}
    assert dataset.summary()["categories"] == {"race": 2}


def test_columns_that_were_not_announced_name_the_options(folder):
    (folder / "labels.csv").write_text(TYPED)
    with pytest.raises(DataError) as caught:
        open_dataset(folder)
    assert "line 2, column 'age': expected 1, 0, -1 or nothing (unknown), got '31.5'" in str(caught.value)
    assert str(caught.value).endswith("; --numbers age reads numbers, --categories age reads texts")
    with pytest.raises(DataError, match=r"column 'race': .*, got 'White'; --categories race reads texts$"):
        open_dataset(folder, numbers=["age"])


@pytest.mark.parametrize("value", ["old", "inf", "1_000", "1e99", "0x10", "1,5", "٣"])
def test_what_is_no_number_is_one_line(folder, value):
    (folder / "labels.csv").write_text(f'file,age\nb.PNG,\na.jpg,"{value}"\n')
    with pytest.raises(DataError, match=r"line 3, column 'age': expected a number or nothing \(unknown\), got '"):
        open_dataset(folder, numbers=["age"])


@pytest.mark.parametrize(
    ("numbers", "categories", "message"),
    [
        (["agee"], [], r"--numbers agee: .*labels\.csv has no such column; did you mean 'age'\?"),
        ([], ["Race"], r"--categories Race: .*labels\.csv has no such column; did you mean 'race'\?"),
        (["age"], ["age"], r"age: expected each label once, got it twice"),
        (["age", "age"], [], r"--numbers age: expected each label once, got it twice"),
        ([], ["split"], r"--categories 'split': expected another name than identity and split"),
        ([], ["a/b"], r"--categories 'a/b': expected a name without '/'"),
        ([""], [], r"--numbers '': expected a name"),
    ],
)
def test_labels_that_cannot_be_read(folder, numbers, categories, message):
    (folder / "labels.csv").write_text(TYPED)
    with pytest.raises(OptionError, match=message):
        open_dataset(folder, numbers=numbers, categories=categories)


def test_other_data_sets_have_no_such_labels(celeba):
    with pytest.raises(
        OptionError, match=r"--numbers age: the data set 'celeba-aligned' .* has no such numbers \(none\)"
    ):
        open_dataset(celeba(), numbers=["age"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32, allow_infinity=False), min_size=1, max_size=9), st.data())
def test_numbers_and_categories_round_trip(tmp_path_factory, numbers, data):
    kinds = data.draw(
        st.lists(
            st.sampled_from(["", "cat", "dog, wild", "-3", "10", "9"]), min_size=len(numbers), max_size=len(numbers)
        )
    )
    path = tmp_path_factory.mktemp("table") / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "kind", "size"])
        for row, (number, kind) in enumerate(zip(numbers, kinds, strict=True)):
            writer.writerow([f"{row}.jpg", kind, "" if np.isnan(number) else repr(number)])
    table = read_labels(path, ["size"], ["kind"])
    np.testing.assert_array_equal(table.numbers["size"], np.array(numbers, np.float32))
    assert table.categories["kind"].names_of_rows() == kinds


def test_directory_instead_of_labels(folder):
    (folder / "labels.csv").mkdir()
    with pytest.raises(DataError, match=r"labels\.csv: expected a file, got a directory"):
        open_dataset(folder)


part = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters='/\\:"')
    | st.sampled_from("\", ;'"),
    min_size=1,
    max_size=8,
).filter(lambda name: name not in (".", "..") and name == name.strip())  # blanks at the ends are dropped
names = st.lists(st.lists(part, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8, unique=True)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(names, st.integers(0, 4), st.booleans(), st.data())
def test_labels_round_trip(tmp_path_factory, names, attributes, minus, data):
    """Whatever csv.writer writes is read as it was meant."""
    columns = [f"{i}, “{i}”" for i in range(attributes)]
    value = st.sampled_from([1, 0, -1])
    labels = np.array([[data.draw(value) for _ in columns] for _ in names], np.int8).reshape(len(names), -1)
    split = [data.draw(st.integers(0, 2)) for _ in names]
    written = {1: "1", 0: "-1" if minus else "0", -1: ""}
    path = tmp_path_factory.mktemp("table") / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file name", *columns, "split"])
        for name, row, part in zip(names, labels.tolist(), split, strict=True):
            writer.writerow([name, *(written[value] for value in row), part])
    table = read_labels(path)
    assert table.names == names
    assert table.attribute_names == tuple(columns)
    np.testing.assert_array_equal(table.attributes, labels)
    assert table.split.tolist() == split
