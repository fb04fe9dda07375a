from pathlib import Path

import numpy as np
import pytest

from wsegs.datasets import open_dataset
from wsegs.errors import DataError, MissingError, OptionError

NAMES = ("000001.jpg", "000002.jpg", "000003.jpg", "000004.jpg")


ATTR = "Anno/list_attr_celeba.txt"
PARTITION = "Eval/list_eval_partition.txt"
IDENTITY = "Anno/identity_CelebA.txt"
POINTS = "Anno/list_landmarks_align_celeba.txt"


def error_of(data, **options):
    with pytest.raises((DataError, MissingError, OptionError)) as caught:
        open_dataset(data, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode()
    assert text.count(old) == 1
    path.write_bytes(text.replace(old, new).encode())


@pytest.mark.parametrize("layout", ["official", "torchvision", "kaggle"])
def test_layouts_say_the_same(celeba, expected, layout):
    dataset = open_dataset(celeba(layout))
    assert dataset.name == "celeba-aligned"
    assert dataset.images == NAMES
    assert all(dataset.path(i).is_file() for i in range(4))
    assert dataset.attribute_names == ("Bangs", "Male", "Smiling")
    # CelebA's -1 is "absent", which wsegs writes as 0.
    np.testing.assert_array_equal(dataset.attributes, expected["attributes"])
    np.testing.assert_array_equal(dataset.split, expected["split"])
    np.testing.assert_array_equal(dataset.identity, np.full(4, -1) if layout == "kaggle" else expected["identity"])
    np.testing.assert_array_equal(dataset.points, expected["points"])
    assert dataset.boxes is None
    assert dataset.unmatched == ()
    assert dataset.image_size == (218, 178)
    assert [array.dtype for array in (dataset.attributes, dataset.split, dataset.identity, dataset.points)] == [
        np.int8,
        np.int8,
        np.int32,
        np.float32,
    ]


def test_wild(celeba, expected):
    dataset = open_dataset(celeba(folder="img_celeba"), images="wild")
    assert dataset.name == "celeba-wild"
    np.testing.assert_array_equal(dataset.boxes, expected["boxes"])  # an empty box is a missing one
    np.testing.assert_array_equal(dataset.points, 2 * expected["points"])
    assert dataset.aligned_points is None
    assert dataset.image_size is None


def test_png_folder_is_joined_by_stem(celeba, expected):
    dataset = open_dataset(celeba(folder="img_align_celeba_png", suffix=".png"))
    assert dataset.images == tuple(name.replace("jpg", "png") for name in NAMES)
    np.testing.assert_array_equal(dataset.attributes, expected["attributes"])
    assert dataset.unmatched == ()


def test_other_folders_are_not_joined_by_stem(celeba):
    message = error_of(celeba(suffix=".png"))
    assert "4 images (such as '000001.png')" in message
    assert "4 rows" in message
    assert "000001.jpg" in message


def test_rows_of_another_order_join_alike(celeba, tmp_path):
    dataset = open_dataset(celeba())
    for path in (tmp_path / "celeba").rglob("*.txt"):
        path.unlink()
    shuffled = open_dataset(celeba(order=(2, 0, 3, 1)))
    assert shuffled.images == tuple(NAMES[i] for i in (2, 0, 3, 1))
    again = shuffled.select([1, 3, 0, 2])
    assert again.images == dataset.images
    for field in ("attributes", "split", "identity", "points"):
        np.testing.assert_array_equal(getattr(again, field), getattr(dataset, field))


def test_tables_of_different_orders_join_by_name(celeba, expected):
    data = celeba()
    path = data / "Anno/identity_CelebA.txt"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    np.testing.assert_array_equal(open_dataset(data).identity, expected["identity"])


def test_what_does_not_match_is_listed(celeba, image_file):
    data = celeba(names=NAMES[:3])
    image_file(data / "Img/img_align_celeba/999999.jpg")
    edit(data / PARTITION, "000002.jpg", "000003.jpg")
    edit(data / "Anno/identity_CelebA.txt", "000001.jpg   7\n", "")
    dataset = open_dataset(data)
    assert dataset.images == ("000001.jpg",)
    assert dataset.identity.tolist() == [-1]
    found = {(entry.kind, entry.name, Path(entry.source).name) for entry in dataset.unmatched}
    assert found == {
        ("row without an image", "000004.jpg", "list_attr_celeba.txt"),
        ("image without a row", "999999.jpg", "list_attr_celeba.txt"),
        ("name twice", "000003.jpg", "list_eval_partition.txt"),
        ("image without a row", "000002.jpg", "list_eval_partition.txt"),
        ("image without a row", "000001.jpg", "identity_CelebA.txt"),
    }
    assert len(found) == len(dataset.unmatched)


def test_rows_that_only_another_table_has_are_listed(celeba):
    data = celeba()
    with (data / "Anno/identity_CelebA.txt").open("a") as file:
        file.write("500000.jpg 3\n")
    (entry,) = open_dataset(data).unmatched
    assert entry[:2] == ("row without an image", "500000.jpg")


def test_name_twice_is_dropped_with_all_its_rows(celeba):
    data = celeba()
    edit(data / ATTR, "000002.jpg", "000001.jpg")
    dataset = open_dataset(data)
    assert dataset.images == ("000003.jpg", "000004.jpg")
    kinds = dataset.summary()["unmatched"]
    assert kinds == {"row without an image": 0, "image without a row": 1, "name twice": 1}


def test_unknown_people(celeba):
    data = celeba()
    edit(data / IDENTITY, "000001.jpg   7", "000001.jpg  -1")
    edit(data / IDENTITY, "000002.jpg   9", "000002.jpg nan")
    assert open_dataset(data).identity.tolist() == [-1, -1, 7, 2880]


@pytest.mark.parametrize("header", ["image_id,identity\n", ""])
@pytest.mark.parametrize("name", ["identity_CelebA.csv", "identity_celeba.CSV"])
def test_people_in_kaggles_spelling(celeba, header, name):
    data = celeba("kaggle")
    (data / name).write_text(header + "000001.jpg,7\n000002.jpg,\n000003.jpg,7\n000004.jpg,-1\n")
    assert open_dataset(data).identity.tolist() == [7, -1, 7, -1]


def test_zero_is_absent_where_no_minus_one_stands(celeba, expected):
    data = celeba("kaggle")
    path = data / "list_attr_celeba.csv"
    zeros = path.read_text().replace("-1", "0")
    path.write_text(zeros)
    dataset = open_dataset(data)
    np.testing.assert_array_equal(dataset.attributes, expected["attributes"])
    assert dataset.notes == ("list_attr_celeba.csv: 0 is absent, since no -1 stands there",)
    path.write_text(zeros.replace("000001.jpg,1,0,1", "000001.jpg,1,,True"))
    assert open_dataset(data).attributes[0].tolist() == [1, -1, 1]
    path.write_text(zeros.replace("000001.jpg,1,0,1", "000001.jpg,1,-1,1"))
    assert error_of(data).endswith("expected 1 or -1, got 0; --unknown 0 says that 0 is unknown")
    dataset = open_dataset(data, unknown="0")
    assert dataset.attributes[:2].tolist() == [[1, 0, 1], [-1, -1, 1]]


def test_a_table_beside_celebas_is_named(celeba):
    data = celeba()
    (data / "Anno/my_labels.csv").touch()
    assert open_dataset(data).others == ("Anno/my_labels.csv",)


def test_optional_tables(celeba):
    data = celeba()
    for path in ("Eval/list_eval_partition.txt", "Anno/identity_CelebA.txt", "Anno/list_landmarks_align_celeba.txt"):
        (data / path).unlink()
    dataset = open_dataset(data)
    assert dataset.split.tolist() == [0, 0, 0, 0]
    assert dataset.identity.tolist() == [-1, -1, -1, -1]
    assert dataset.points is None


def test_missing_attributes(celeba):
    data = celeba()
    (data / "Anno/list_attr_celeba.txt").unlink()
    assert "Anno/list_attr_celeba.txt" in error_of(data)


def test_missing_images_names_the_others(celeba):
    data = celeba()
    message = error_of(data, images="wild")
    assert "no wild images: expected Img/img_celeba" in message
    assert message.endswith("for --images aligned")


def test_unknown_images(celeba):
    assert "expected aligned or wild" in error_of(celeba(), images="cropped")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        (ATTR, "000003.jpg  -1  1 -1", "000003.jpg  -1  1", "line 5: expected 4 columns, got 3"),
        (ATTR, "000003.jpg  -1", "000003.jpg  -1 1", "line 5: expected 4 columns, got 5"),
        (ATTR, "03.jpg  -1  1", "03.jpg  -1  0", "line 5, column 'Male': expected 1 or -1, got 0"),
        (ATTR, "03.jpg  -1", "03.jpg  -x", "line 5, column 'Bangs': expected a number, got '-x'"),
        (ATTR, "000001.jpg", "../000001.jpg", "got '../000001.jpg'"),
        (ATTR, "Bangs Male", "Bangs", "line 3: expected 3 columns, got 4"),
        (ATTR, "Bangs Male", "Male Male", "line 2: expected every column once, got 'Male' 2 times"),
        (ATTR, "Bangs Male Smiling ", "", "line 2: expected names of columns"),
        (ATTR, "4\r\nBangs", "9\r\nBangs", "line 1 announces 9 rows, got 4"),
        (ATTR, "4\r\nBangs", "Bangs", "line 1: expected the number of rows"),
        (PARTITION, "000003.jpg   1", "000003.jpg  3", "line 3, column 'partition': expected 0"),
        (PARTITION, "000003.jpg   1", "000003.jpg", "line 3: expected 2 columns, got 1"),
        (IDENTITY, "000003.jpg   7", "000003.jpg  7.5", "line 3, column 'identity': expected the number"),
        (POINTS, "lefteye_x lefteye_y", "lefteye_y lefteye_x", "line 2: expected the columns"),
    ],
)  # fmt: skip
def test_malformed_table(celeba, path, old, new, message):
    data = celeba()
    edit(data / path, old, new)
    got = error_of(data)
    assert str(data / path) in got
    assert message in got


def test_half_written_table(celeba):
    data = celeba()
    path = data / "Anno/list_attr_celeba.txt"
    path.write_bytes(path.read_bytes()[:-8])
    assert "line 6: expected 4 columns, got" in error_of(data)


def test_table_cut_between_rows(celeba):
    data = celeba()
    path = data / "Anno/list_attr_celeba.txt"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert "announces 4 rows, got 3; is the file complete?" in error_of(data)


@pytest.mark.slow
def test_constants_are_where_real_faces_are(shared_data):
    """The mean face: dark eyes at the aligned points, measured on real images with no detector."""
    import cv2

    dataset = open_dataset(shared_data / "celeba")
    chosen = np.linspace(0, len(dataset) - 1, 60).astype(int)
    mean = np.mean([cv2.imread(str(dataset.path(i)), cv2.IMREAD_GRAYSCALE) for i in chosen], axis=0)
    assert mean.shape == dataset.image_size
    for x, y in dataset.aligned_points[:2]:
        eye = mean[int(y) - 4 : int(y) + 5, int(x) - 6 : int(x) + 7].mean()
        cheek = mean[int(y) + 20 : int(y) + 30, int(x) - 6 : int(x) + 7].mean()
        assert eye < cheek - 20


@pytest.mark.slow
def test_real_celeba(shared_data):
    dataset = open_dataset(shared_data / "celeba")
    assert len(dataset) == 11_500
    assert dataset.attributes.shape == (11_500, 40)
    assert dataset.summary()["splits"] == {"train": 9_250, "validation": 300, "test": 1_950}
    assert dataset.summary()["unmatched"]["row without an image"] == 202_599 - 11_500
    people = [{*dataset.identity[dataset.split == split].tolist()} for split in range(3)]
    assert [len(some) for some in people] == [1_850, 60, 390]
    assert len(set.union(*people)) == 2_300  # nobody is in two splits
    # The last row with an image, looked up in the file itself.
    name = dataset.images[-1]
    lines = (shared_data / "celeba/Anno/list_attr_celeba.txt").read_text().splitlines()
    (row,) = (line.split()[1:] for line in lines if line.startswith(name))
    assert dataset.attributes[-1].tolist() == [int(value == "1") for value in row]
    assert len(open_dataset(shared_data / "celeba", images="wild")) == 1_300
