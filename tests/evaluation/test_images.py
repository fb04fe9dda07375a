"""Which images a run is measured on where nobody names any, and how the faces on them are told."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from wsegs.datasets import open_dataset
from wsegs.errors import DataError, MissingError
from wsegs.evaluation import known_faces
from wsegs.evaluation.evaluate import evaluate
from wsegs.evaluation.images import as_trained, label_types, open_images
from wsegs.evaluation.inspect import inspect_run
from wsegs.evaluation.runs import load_run
from wsegs.geometry.frame import Frame
from wsegs.landmarks.chain import FoundFace


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


def test_the_types_of_labels_of_the_training_are_read_again(run, tmp_path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "labels.csv").write_text("file,age,race\na.png,31,White\n")
    found_in = {"name": "folder", "numbers": ["age"], "categories": ["race"]}
    info = SimpleNamespace(provenance={"root": str(tmp_path), "landmarks": {"data": found_in}})
    assert label_types(info) == {"numbers": ("age",), "categories": ("race",)}
    run = replace(run, info=info)
    assert as_trained(run, tmp_path, {}) == {"numbers": ("age",), "categories": ("race",)}
    assert as_trained(run, tmp_path, {"numbers": ("age",)}) == {"numbers": ("age",)}
    (tmp_path / "labels.csv").write_text("file,Smiling\na.png,1\n")  # another data set
    assert as_trained(run, tmp_path, {}) == {}


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
