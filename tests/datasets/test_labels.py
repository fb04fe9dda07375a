"""Tables of labels as pandas, spreadsheets and other data sets write them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from wsegs.datasets.labels import read_labels
from wsegs.errors import DataError, OptionError

PLAIN = "file,Smiling,Male\na.jpg,1,0\nb.jpg,0,1\nc.jpg,,1\n"
EXPECTED = [[1, 0], [0, 1], [-1, 1]]


def read(tmp_path, text, encoding="utf-8", **options):
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode(encoding))
    return read_labels(path, **options)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "file,Smiling,Male\na.jpg,True,False\nb.jpg,False,True\nc.jpg,,True\n",
        "file,Smiling,Male\na.jpg,TRUE,FALSE\nb.jpg,FALSE,TRUE\nc.jpg,#N/A,TRUE\n",
        "file,Smiling,Male\na.jpg,yes,No\nb.jpg,no,yes\nc.jpg,unknown,Yes\n",
        "file,Smiling,Male\na.jpg, 1.0 ,0.0\nb.jpg,0.,+1\nc.jpg, nan,1.00\n",
        "file,Smiling,Male\na.jpg,1,-1\nb.jpg,-1.0,1\nc.jpg,NA,1\n",
        "file\tSmiling\tMale\na.jpg\t1\t0\nb.jpg\t0\t1\nc.jpg\t\t1\n",
        "file;Smiling;Male\na.jpg;1,0;0,0\nb.jpg;0,0;1,0\nc.jpg;;1,0\n",
        "sep=;\nfile;Smiling;Male\na.jpg;1;0\nb.jpg;0;1\nc.jpg;;1\n",
        "file Smiling Male\na.jpg  1  0\nb.jpg  0  1\nc.jpg nan  1\n",
        ",file,Smiling,Male\n0,a.jpg,1,0\n1,b.jpg,0,1\n2,c.jpg,NaN,1\n",
        "Unnamed: 0,file,Smiling,Male\n7,a.jpg,1,0\n8,b.jpg,0,1\n9,c.jpg,None,1\n",
        "index,Smiling,Male,file\n1,1,0,a.jpg\n2,0,1,b.jpg\n3,<NA>,1,c.jpg\n",
        "id,file,Smiling,Male\n17,a.jpg,1,0\n12,b.jpg,0,1\n99,c.jpg,,1\n",
        "file,Smiling,Male,\na.jpg,1,0,\nb.jpg,0,1,\nc.jpg,?,1,\n",
        "file, smiling ,MALE\na.jpg,1,0\nb.jpg,0,1\nc.jpg,null,1\n",
    ],
)
def test_one_table_in_many_spellings(tmp_path, text):
    table = read(tmp_path, text)
    assert table.names == ["a.jpg", "b.jpg", "c.jpg"]
    assert table.attribute_names == ("Smiling", "Male")
    assert table.attributes.tolist() == EXPECTED
    assert table.split is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_byte_order_marks(tmp_path, encoding, end):
    mark = "\ufeff" if encoding.endswith("e") else ""
    assert read(tmp_path, mark + PLAIN.replace("\n", end), encoding).attributes.tolist() == EXPECTED


def test_names_that_only_an_index_tells_from_attributes(tmp_path):
    table = read(tmp_path, ",image_id,Smiling\n0,0001,1\n1,0002,0\n")
    assert (table.names, table.attributes.tolist()) == (["0001", "0002"], [[1], [0]])


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (("train", "valid", "test"), (0, 1, 2)),
        (("Training", "VAL", "Testing"), (0, 1, 2)),
        (("dev", "validation", "train"), (1, 1, 0)),
        (("0", "1.0", " 2"), (0, 1, 2)),
    ],
)
@pytest.mark.parametrize("title", ["split", "Split", "partition"])
def test_splits(tmp_path, words, codes, title):
    rows = "".join(f"{name}.jpg,1,{word}\n" for name, word in zip("abc", words, strict=True))
    table = read(tmp_path, f"file,Smiling,{title}\n{rows}")
    assert table.split.tolist() == list(codes)
    assert table.attribute_names == ("Smiling",)


def test_other_titles_are_splits_by_their_words_alone(tmp_path):
    table = read(tmp_path, "file,subset\na.jpg,train\nb.jpg,dev\n")
    assert (table.attribute_names, table.split.tolist()) == ((), [0, 1])
    assert read(tmp_path, "file,subset\na.jpg,1\nb.jpg,0\n").attribute_names == ("subset",)
    with pytest.raises(DataError, match="expected one column 'split', got split and Split"):
        read(tmp_path, "file,split,Split\na.jpg,0,0\n")


@pytest.mark.parametrize(
    ("people", "numbers"),
    [
        (("5", "-1", "5", "7"), [5, -1, 5, 7]),
        (("5.0", "nan", "5.0", ""), [5, -1, 5, -1]),
        (("zoe", "-1", "amy", "None"), [1, -1, 0, -1]),
        (("Nan", "Ann", "Nan", "NaN"), [1, 0, 1, -1]),  # a name, which pandas does not take for nothing either
    ],
)
@pytest.mark.parametrize("title", ["identity", "Identity", "person_id"])
def test_people_who_are_unknown(tmp_path, people, numbers, title):
    rows = "".join(f"{name}.jpg,{person}\n" for name, person in zip("abcd", people, strict=True))
    assert read(tmp_path, f"file,{title}\n{rows}").identity.tolist() == numbers


def test_a_value_that_is_unknown(tmp_path):
    text = "Filename,Identity,Male,Wearing_Hat\na.jpg,n1,1,-1\nb.jpg,n1,-1,0\nc.jpg,n2,0,1\n"
    assert read(tmp_path, text, unknown="0").attributes.tolist() == [[1, 0], [0, -1], [-1, 1]]
    assert read(tmp_path, text, unknown="-1").attributes.tolist() == [[1, -1], [-1, 0], [0, 1]]
    with pytest.raises(DataError, match=r"--unknown 0 \(or -1\) says which of them is unknown"):
        read(tmp_path, text)
    assert read(tmp_path, "file,Hat\na.jpg,9\nb.jpg,0\n", unknown="9").attributes.tolist() == [[-1], [0]]


def test_attributes_are_spelled_as_celeba_does(tmp_path):
    table = read(tmp_path, "image,split,5 o Clock Shadow,wearing hat,Hat colour\na.jpg,train,0,1,1\n")
    assert table.attribute_names == ("5_o_Clock_Shadow", "Wearing_Hat", "Hat colour")
    assert any("'5 o Clock Shadow' is 5_o_Clock_Shadow, and 1 more" in note for note in table.notes)
    with pytest.raises(DataError, match="expected every column once, got 'Wearing_Hat' 2 times"):
        read(tmp_path, "image,Wearing Hat,Wearing_Hat\na.jpg,0,1\n")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("0001.jpg,0,1,train\n0002.jpg,1,0,train\n", "line 1: expected a header .*; is there a header?"),
        ("0001,0,1\n0002,1,0\n", "line 1: expected a header .*; is there a header?"),
        ("name,Smiling,file\nx,1,a.jpg\ny,0,b\n", "is the first column the file name?"),
        ("file,Hat\na.jpg,9\n", "--numbers Hat reads numbers, .*; --unknown 9 says that it is unknown"),
    ],
)
def test_a_misread_is_explained_by_its_cause(tmp_path, text, cause):
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert re.search(cause.replace("?", r"\?"), str(caught.value)), caught.value


def test_unknown_numbers_and_categories(tmp_path):
    table = read(
        tmp_path,
        "file,age,race,kind\na.jpg,nan,White,1\nb.jpg,NA,n/a,-1\nc.jpg,3,,2\n",
        numbers=["age"],
        categories=["race", "kind"],
    )
    np.testing.assert_array_equal(table.numbers["age"], np.array([np.nan, np.nan, 3], np.float32))
    assert table.categories["race"].names_of_rows() == ["White", "", ""]
    assert table.categories["kind"].names_of_rows() == ["1", "", "2"]
    with pytest.raises(OptionError, match="did you mean 'Wearing_Hat'"):
        read(tmp_path, "file,wearing hat\na.jpg,1\n", categories=["Wearing Hat"])
