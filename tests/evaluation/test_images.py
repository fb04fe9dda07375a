"""Which images a run is measured on where nobody names any, and how the faces on them are told."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from wsegs.datasets import open_dataset
from wsegs.errors import DataError, MissingError, OptionError
from wsegs.evaluation import images, known_faces
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.images import label_types, open_images, rows_in_use
from wsegs.evaluation.inspect import inspect_run
from wsegs.evaluation.known_faces import faces_of_files
from wsegs.evaluation.predict import predict
from wsegs.evaluation.runs import load_run
from wsegs.geometry.frame import Frame
from wsegs.landmarks.chain import FoundFace
from wsegs.landmarks.scaling import Scale

NOBODY = FoundFace(None, "none", None, 0)


@pytest.fixture(scope="module")
def celeba(tmp_path_factory):
    """CelebA of three images, of which the test image is another one in the wild; boxes but for the last."""
    folder = tmp_path_factory.mktemp("celeba")
    for inside, value in (("img_align_celeba", 50), ("img_celeba", 200)):
        (folder / inside).mkdir()
        for i in range(3):
            shape = (218, 178, 3) if value == 50 else (300, 260, 3)
            cv2.imwrite(str(folder / inside / f"{i:06}.jpg"), np.full(shape, value, np.uint8))
    names = [f"{i:06}.jpg" for i in range(3)]
    (folder / "list_attr_celeba.csv").write_text("image_id,Smiling,Male\n" + "".join(f"{n},1,-1\n" for n in names))
    (folder / "list_eval_partition.csv").write_text("image_id,partition\n" + "".join(f"{n},2\n" for n in names))
    boxes = "".join(f"{n},{x},60,100,139\n" for n, x in zip(names[:2], (10, 140), strict=True))
    (folder / "list_bbox_celeba.csv").write_text("image_id,x_1,y_1,width,height\n" + boxes)
    return folder


@pytest.fixture
def run(run_folder):
    return load_run(run_folder)


def _trained_on(run, name: str, root) -> object:
    landmarks = {"data": {"name": name, "root": str(root)}}
    info = replace(run.info, provenance={**run.info.provenance, "landmarks": landmarks, "root": str(root)})
    return replace(run, info=info, path=root.parent / "no-such-run")


@pytest.mark.parametrize(("kind", "inside"), [("wild", "img_celeba"), ("aligned", "img_align_celeba")])
def test_a_run_is_measured_on_the_kind_of_images_that_it_was_trained_on(run, celeba, tmp_path, kind, inside) -> None:
    trained = _trained_on(run, f"celeba-{kind}", celeba / inside)
    assert open_images(trained, None, None, None, {}).dataset.name == f"celeba-{kind}"
    copy = shutil.copytree(celeba, tmp_path / "copy")
    assert open_images(trained, copy, None, None, {}).dataset.root == copy / inside
    other = {"wild": "aligned", "aligned": "wild"}[kind]
    for data in (None, celeba):
        assert open_images(trained, data, None, None, {"images": other}).dataset.name == f"celeba-{other}"


def test_celeba_that_moved_is_opened_at_its_new_place(run, celeba, tmp_path) -> None:
    """Its images lie inside of its folder, which is found by theirs as long as they are there."""
    moved = _trained_on(run, "celeba-wild", tmp_path / "gone/img_celeba")
    assert open_images(moved, celeba, None, None, {}).dataset.name == "celeba-wild"
    with pytest.raises(MissingError, match=r"gone/img_celeba: no such folder any more"):
        open_images(moved, None, None, None, {})


def test_another_kind_of_data_set_is_opened_as_it_is(run, celeba, faces, table) -> None:
    trained = _trained_on(run, "celeba-wild", celeba / "img_celeba")
    assert open_images(trained, faces, None, None, {}).dataset.name == "folder"
    assert open_images(run, celeba, None, None, {}).dataset.name == "celeba-aligned"


def test_a_kind_that_a_folder_does_not_have_is_said(run, celeba, tmp_path) -> None:
    copy = shutil.copytree(celeba, tmp_path / "copy", ignore=shutil.ignore_patterns("img_celeba"))
    with pytest.raises(MissingError, match=r"no wild images: .*there is .*, for --images aligned"):
        open_images(_trained_on(run, "celeba-wild", celeba / "img_celeba"), copy, None, None, {})


def test_data_that_moved_are_not_replaced_by_others(run, faces, table, celeba, tmp_path, monkeypatch) -> None:
    """Neither by data/celeba of the working folder, nor by what lies at the old place now."""
    shutil.copytree(celeba, tmp_path / "data" / "celeba")
    monkeypatch.chdir(tmp_path)
    moved = _trained_on(run, "folder", tmp_path / "gone")
    with pytest.raises(MissingError, match=r"gone: no such folder any more.*; --data names"):
        open_images(moved, None, None, None, {})
    assert open_images(moved, faces, None, None, {}).dataset.root == faces
    other = tmp_path / "other"
    other.mkdir()
    cv2.imwrite(str(other / "x.png"), np.zeros((9, 9, 3), np.uint8))
    (other / "labels.csv").write_text("file,Smiling\nx.png,1\n")
    replaced = replace(_trained_on(run, "folder", other), path=run.path)
    with pytest.raises(DataError, match=r"other: has none of the 20 images that .* was trained on, such as 'faces/"):
        open_images(replaced, None, None, None, {})
    assert len(open_images(replaced, other, None, None, {}).dataset) == 1


def test_a_report_names_the_folder_that_is_gone(run, tmp_path) -> None:
    main = replace(run.plan.main, root=tmp_path / "gone")
    moved = replace(run, plan=replace(run.plan, sources=(main,)))
    with pytest.raises(MissingError, match=r"gone: no such folder any more"):
        inspect_run(moved)


@pytest.fixture
def opened(monkeypatch):
    """The folders that are opened as data sets, one after another."""
    calls = []

    def counted(data, **options):
        calls.append(data)
        return open_dataset(data, **options)

    monkeypatch.setattr(images, "open_dataset", counted)
    return calls


def test_the_types_of_labels_of_the_training_are_read_again(run, tmp_path, opened) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "labels.csv").write_text("file,age,race\na.png,31,White\n")
    trained = _trained_on(run, "folder", tmp_path)
    trained.info.provenance["landmarks"]["data"] |= {"numbers": ["age"], "categories": ["race"]}
    assert label_types(trained) == {"numbers": ("age",), "categories": ("race",)}
    for data in (None, tmp_path):
        opened.clear()
        dataset = open_images(trained, data, None, None, {}).dataset
        assert ([*dataset.numbers], [*dataset.categories]) == (["age"], ["race"])
        assert opened == [tmp_path]
    (tmp_path / "labels.csv").write_text("file,age,race,Smiling\na.png,31,White,1\n")
    dataset = open_images(trained, tmp_path, None, None, {"numbers": ("age",), "categories": ("race",)}).dataset
    assert ([*dataset.numbers], dataset.attribute_names) == (["age"], ("Smiling",))
    (tmp_path / "labels.csv").write_text("file,Smiling\na.png,1\n")  # another data set
    assert open_images(trained, tmp_path, None, None, {}).dataset.numbers == {}


@pytest.fixture(params=["data", "store"])
def of_unknown_zeros(run, tmp_path, request):
    """A run whose labels of 0 are unknown, trained on a data set or on a mask store."""
    data = _maad(tmp_path / "data", "abc")
    trained = replace(_trained_on(run, "folder", data), path=tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/training_images.csv").write_text("image,identity\na.png,-1\n")
    if request.param == "store":
        trained.info.provenance["landmarks"]["data"]["opened"] = {"data": str(data), "unknown": "0"}
        return trained
    source = replace(run.plan.main, kind="data", path=data, opened={"unknown": "0"}, landmarks="")
    return replace(trained, plan=replace(run.plan, sources=(source,)))


def _maad(folder, names):
    """A data set of which absent is -1 and unknown 0."""
    folder.mkdir()
    for name in names:
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros((9, 9, 3), np.uint8))
    rows = "".join(f"{name}.png,{label}\n" for name, label in zip(names, (1, 0, -1), strict=True))
    (folder / "labels.csv").write_text(f"file,Smiling\n{rows}")
    return folder


def test_what_is_unknown_in_the_training_is_unknown_in_its_evaluation(of_unknown_zeros, tmp_path, opened) -> None:
    def labels(data, **options):
        return open_images(of_unknown_zeros, data, None, None, options).dataset.attributes[:, 0].tolist()

    data, unknown = tmp_path / "data", [1, -1, 0]
    assert labels(None) == labels(data) == labels(data, labels=data / "labels.csv") == unknown
    assert labels(shutil.copytree(data, tmp_path / "moved")) == unknown
    assert len(opened) == 4
    shutil.rmtree(data)
    assert labels(tmp_path / "moved") == unknown
    shutil.copytree(tmp_path / "moved", data)
    # Of another data set, or another table, 0 may be absent.
    other = _maad(tmp_path / "other", "xyz")
    (other / "labels.csv").write_text("file,Smiling\nx.png,1\ny.png,0\nz.png,0\n")
    assert labels(other) == [1, 0, 0]
    (tmp_path / "table.csv").write_text("file,Smiling\na.png,1\nb.png,0\nc.png,0\n")
    assert labels(data, labels=tmp_path / "table.csv") == [1, 0, 0]
    assert labels(other, unknown="0") == [1, -1, -1]


def test_faces_are_looked_for_near_the_boxes_of_the_data_set(run, celeba, astronaut_landmarks, monkeypatch) -> None:
    asked, placed = [], []

    def find(image, box=None):
        asked.append(None if box is None else box.tolist())
        missed = box is not None and box[0] == 140
        return FoundFace(None, "none", None, 0) if missed else FoundFace(astronaut_landmarks, "dlib", None, 1)

    def find_at(image, square, points):
        placed.append(square.tolist())
        return FoundFace(astronaut_landmarks, known_faces.GIVEN, None, -1)

    monkeypatch.setattr(known_faces, "landmarks_of_image", find)
    monkeypatch.setattr(known_faces, "load_chain", lambda options: SimpleNamespace(find_at=find_at))
    wild = open_dataset(celeba, images="wild")
    in_face_frame = replace(run, info=replace(run.info, frame=Frame("face", (64, 56))))
    evaluation = evaluate(in_face_frame, wild, "test")
    assert asked == [[10, 60, 100, 139], [140, 60, 100, 139], None]
    # A square about the middle of the box (190, 128.1), of 0.87 of its width.
    assert placed[0] == pytest.approx([146.5, 84.61, 87.0, 87.0])
    assert evaluation.crops == {"detected": 2, "data set box": 1}


def test_a_table_of_labels_that_lay_elsewhere_is_read_again(run, faces, table, tmp_path) -> None:
    (tmp_path / "other.csv").write_text(f"file,Hat\n{table.images[0]},1\n{table.images[1]},0\n")
    trained = _trained_on(run, "folder", faces)
    opened = {"data": str(faces), "labels": str(tmp_path / "other.csv")}
    trained.info.provenance["landmarks"]["data"]["opened"] = opened
    assert open_images(trained, None, None, None, {}).dataset.attribute_names == ("Hat",)
    given = {"labels": faces / "labels.csv"}
    assert open_images(trained, None, None, None, given).dataset.attribute_names == table.attribute_names


@pytest.fixture
def resized(celeba, tmp_path):
    """CelebA whose images were resized to 64x64 in place, beside the official tables."""
    folder = shutil.copytree(celeba, tmp_path / "resized")
    for file in folder.glob("img_*/*.jpg"):
        cv2.imwrite(str(file), cv2.resize(cv2.imread(str(file)), (64, 64)))
    return folder


def _framed(run, kind, source_size=None):
    return replace(run, info=replace(run.info, frame=Frame(kind, (64, 56)), source_size=source_size))


@pytest.mark.parametrize("kind", ["face", "box"])
def test_boxes_of_images_of_another_size_are_refused_or_scaled(run, resized, kind, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(known_faces, "landmarks_of_image", lambda image, box=None: asked.append(box) or NOBODY)
    monkeypatch.setattr(known_faces, "load_chain", lambda options: SimpleNamespace(find_at=lambda *_, **__: NOBODY))
    framed = _framed(run, kind)
    with pytest.raises(DataError, match=r"own boxes: 0.*64x64.*outside of the image.*--data-scale"):
        evaluate(framed, open_dataset(resized, images="wild"), "test")
    options = {"images": "wild", "data_scale": "260x300"}
    scaled = open_images(framed, resized, None, None, options).dataset
    assert scaled.boxes[0] == pytest.approx([10 / 260 * 64, 60 / 300 * 64, 100 / 260 * 64, 139 / 300 * 64], abs=0.5)
    evaluate(framed, scaled, "test")
    if kind == "face":
        np.testing.assert_array_equal(asked[0], scaled.boxes[0])


def test_the_mean_face_of_images_of_another_size_is_refused_or_scaled(run, resized, monkeypatch) -> None:
    """Where it is used: images of the training's size need no mean face, nor does a face that is found."""
    monkeypatch.setattr(known_faces, "landmarks_of_image", lambda image, box=None: NOBODY)
    aligned = open_dataset(resized)
    with pytest.raises(DataError, match=r"178x218 pixels, and 0+\.jpg has 64x64 .*: --data-scale 178x218 scales them"):
        evaluate(_framed(run, "image", (218, 178)), aligned, "test")
    options = {"data_scale": "178x218"}
    scaled = open_images(run, resized, None, None, options).dataset
    assert (scaled.image_size, scaled.scaled) == ((64, 64), True)
    assert evaluate(_framed(run, "image", (218, 178)), scaled, "test").crops == {"aligned": 3}
    assert evaluate(_framed(run, "image", (64, 64)), aligned, "test").crops == {"as in training": 3}
    with pytest.raises(DataError, match="--data-scale 178x218 scales them"):
        evaluate(_framed(run, "face"), aligned, "test")
    assert evaluate(_framed(run, "face"), scaled, "test").crops == {"aligned": 3}
    with pytest.raises(OptionError, match="--data-scale: a mask store has crops of its own"):
        open_images(run, None, resized, None, options)


def test_rows_in_use_are_measured_or_trained_on(of_unknown_zeros, tmp_path) -> None:
    dataset = open_dataset(tmp_path / "data", unknown="0")
    assert rows_in_use([of_unknown_zeros], dataset, ["c.png"]).tolist() == [0, 2]
    (tmp_path / "run/validation_images.csv").write_text("image\nb.png\n")
    assert rows_in_use([of_unknown_zeros], dataset, ["c.png"]).tolist() == [0, 1, 2]
    older = replace(of_unknown_zeros, path=tmp_path / "older")
    assert rows_in_use([of_unknown_zeros, older], dataset, ["c.png"]) is None


def test_boxes_of_single_files_are_those_of_their_data_set(run, celeba, faces, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(known_faces, "landmarks_of_image", lambda image, box=None: asked.append(box) or NOBODY)
    monkeypatch.setattr(known_faces, "load_chain", lambda options: SimpleNamespace(find_at=lambda *_, **__: NOBODY))
    files = [celeba / "img_celeba" / f"{i:06}.jpg" for i in (1, 2, 0)]
    found = faces_of_files(celeba, [*files, faces / "no.jpg"])
    np.testing.assert_array_equal(found.boxes[[0, 2]], [[140, 60, 100, 139], [10, 60, 100, 139]])
    assert np.isnan(found.boxes[[1, 3]]).all()
    monkeypatch.chdir(celeba / "img_celeba")
    np.testing.assert_array_equal(faces_of_files(Path(".."), [Path("000001.jpg")]).boxes, found.boxes[:1])
    kinds = [each.crop_kind for each in predict(_framed(run, "box"), files, faces=found)]
    assert kinds == ["box", "whole image", "box"]
    asked.clear()
    [*predict(_framed(run, "face"), files, faces=found)]
    assert [None if box is None else box[0] for box in asked] == [140, None, 10]
    with pytest.raises(OptionError, match=r"none of the 1 images is one of its own, in .*img_align_celeba"):
        faces_of_files(celeba, [faces / "no.jpg"])
    with pytest.raises(OptionError, match=r"the data set 'folder' knows neither boxes nor points"):
        faces_of_files(faces, [faces / "faces/000.png"])


def test_boxes_of_single_files_that_were_resized_are_refused_or_scaled(resized) -> None:
    with pytest.raises(DataError, match=r"own boxes: 000000\.jpg has 64x64 .*--data-scale"):
        faces_of_files(resized, [resized / "img_celeba" / "000000.jpg"])
    scaled = faces_of_files(resized, [resized / "img_celeba" / "000000.jpg"], Scale("size", size=(260, 300)))
    expected = [10 / 260 * 64, 60 / 300 * 64, 100 / 260 * 64, 139 / 300 * 64]
    np.testing.assert_allclose(scaled.boxes, [expected], atol=0.5)
