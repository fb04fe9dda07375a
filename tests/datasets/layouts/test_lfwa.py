import h5py
import numpy as np
import pytest
from scipy.io import savemat

from wsegs.datasets import open_dataset
from wsegs.errors import DataError

NAMES = ("Bo_Li/Bo_Li_0001.jpg", "Al_Gore/Al_Gore_0001.jpg", "Al_Gore/Al_Gore_0002.jpg", "Cy_Young/Cy_Young_0001.jpg")
ATTRIBUTES = ("5 o Clock Shadow", "Male", "Smiling")
LABELS = np.array([[1, 0, 1], [0, 0, 1], [0, 1, 0], [1, 1, 1]], float)


def cells(texts):
    array = np.empty((len(texts), 1), object)
    array[:, 0] = texts
    return array


def write_hdf5_cells(file, name, texts):
    """Write a MATLAB 7.3 cell column: a row of references to columns of UTF-16 code units."""
    references = np.empty((1, len(texts)), h5py.ref_dtype)
    for i, text in enumerate(texts):
        units = np.frombuffer(text.encode("utf-16-le"), np.uint16)[:, None]
        references[0, i] = file.create_dataset(f"#refs#/{name}{i}", data=units).ref
    file.create_dataset(name, data=references, dtype=h5py.ref_dtype)


@pytest.fixture
def lfwa(tmp_path, image_file):
    """Write LFWA as .mat files of one version."""

    def write(version="7.3", folder="lfw-deepfunneled", label=LABELS, train=(1, 3), test=(2, 4)):
        data = tmp_path / "lfwa"
        for name in NAMES:
            image_file(data / folder / name)
        names = [name.replace("/", "\\") for name in NAMES]
        indices = {"indices_img_train": np.array([train], float).T, "indices_img_test": np.array([test], float).T}
        if version == "7.3":
            with h5py.File(data / "lfw_att_40.mat", "w") as file:
                write_hdf5_cells(file, "name", names)
                write_hdf5_cells(file, "AttrName", ATTRIBUTES)
                file["label"] = label.T
            with h5py.File(data / "indices_train_test.mat", "w") as file:
                for name, rows in indices.items():
                    file[name] = rows.T
        else:
            arrays = {"name": cells(names), "AttrName": cells(ATTRIBUTES), "label": label}
            savemat(data / "lfw_att_40.mat", arrays, do_compression=version == "5z")
            savemat(data / "indices_train_test.mat", indices)
        return data

    return write


def check(dataset):
    assert dataset.name == "lfwa"
    assert dataset.images == NAMES
    assert all(dataset.path(i).is_file() for i in range(4))
    assert dataset.attribute_names == ("5_o_Clock_Shadow", "Male", "Smiling")
    np.testing.assert_array_equal(dataset.attributes, LABELS)
    assert dataset.attributes.dtype == np.int8
    assert dataset.split.tolist() == [0, 2, 0, 2]
    assert dataset.identity.tolist() == [1, 0, 0, 2]
    assert dataset.unmatched == ()


@pytest.mark.slow
@pytest.mark.parametrize("version", ["7.3", "5", "5z"])
def test_versions_of_mat(lfwa, version):
    dataset = open_dataset(lfwa(version))
    check(dataset)
    assert dataset.image_size == (250, 250)
    assert dataset.aligned_points.shape == (5, 2)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["7.3", "5"])
def test_attributes_in_rows_and_minus_one(lfwa, version):
    check(open_dataset(lfwa(version, label=(2 * LABELS - 1).T)))


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["lfw", "."])
def test_other_folders_are_not_aligned(lfwa, folder):
    dataset = open_dataset(lfwa(folder=folder))
    check(dataset)
    assert dataset.aligned_points is None


def test_without_indices_all_are_in_train(lfwa):
    data = lfwa()
    (data / "indices_train_test.mat").unlink()
    assert open_dataset(data).split.tolist() == [0, 0, 0, 0]


def test_csv(lfwa):
    data = lfwa()
    (data / "lfw_att_40.mat").unlink()
    rows = [
        f"{name},{('train', 'test')[i % 2]},{','.join(str(int(value)) for value in LABELS[i])}"
        for i, name in enumerate(NAMES)
    ]
    (data / "lfwa_attributes.csv").write_text("\n".join(["image,split,5_o_Clock_Shadow,Male,Smiling", *rows]) + "\n")
    check(open_dataset(data))


@pytest.mark.slow
def test_identity_does_not_depend_on_the_images(lfwa):
    data = lfwa()
    for name in NAMES[1:3]:
        (data / "lfw-deepfunneled" / name).unlink()
    dataset = open_dataset(data)
    assert dataset.identity.tolist() == [1, 2]
    assert dataset.summary()["unmatched"]["row without an image"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("version", ["7.3", "5", "5z"])
@pytest.mark.parametrize("keep", [10, 0.5, 0.95])
def test_cut_file(lfwa, version, keep):
    data = lfwa(version)
    path = data / "lfw_att_40.mat"
    content = path.read_bytes()
    path.write_bytes(content[: keep if keep > 1 else int(keep * len(content))])
    with pytest.raises(DataError, match=r"lfw_att_40\.mat: expected") as caught:
        open_dataset(data)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": LABELS[:3]}, r"expected 'label' of 4 names x 3 attributes, got \(3, 3\)"),
        ({"label": np.where(LABELS == 1, 1, 5)}, "'Bo_Li/Bo_Li_0001.jpg', 'Male': expected 1 or 0, got 5"),
        ({"train": (1, 5)}, "expected rows from 1 to 4 in 'indices_img_train'"),
        ({"train": (0, 1)}, "expected rows from 1 to 4 in 'indices_img_train'"),
        ({"train": (1, 2)}, "row 2 is in both"),
        ({"train": (1, 1)}, "row 3 is in none"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit(lfwa, options, message):
    with pytest.raises(DataError, match=message):
        open_dataset(lfwa(**options))


@pytest.mark.slow
def test_missing_array(lfwa):
    data = lfwa("5")
    savemat(data / "lfw_att_40.mat", {"label": LABELS})
    with pytest.raises(DataError, match="'name' is missing"):
        open_dataset(data)


def test_directory_instead_of_mat(lfwa):
    data = lfwa()
    (data / "lfw_att_40.mat").unlink()
    (data / "lfw_att_40.mat").mkdir()
    with pytest.raises(DataError, match="expected a file, got a directory"):
        open_dataset(data)


def test_real_lfw(shared_data):
    dataset = open_dataset(shared_data / "lfw")
    assert len(dataset) == 450
    assert dataset.attributes.shape == (450, 40)
    assert dataset.unmatched == ()
    assert set(np.unique(dataset.attributes)) == {0, 1}
