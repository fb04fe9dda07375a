"""Each kind of file that holds landmarks, written here as its tool writes it, gives the points that it was made of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wsegs.errors import DataError
from wsegs.landmarks.imports import read_imports
from wsegs.schemes import IBUG68

IMAGES = ("0001.jpg", "b/0002.jpg", "0003.jpg")
WIDTH, HEIGHT = 106, 130
FACES = np.stack([np.array(IBUG68.average) * 25 + [50 + 2 * i, 55 + i] for i in range(3)]).round(2)
P = 68


def _check(paths, found=(True, True, True), faces=FACES, scheme=IBUG68):
    imported = read_imports([*paths], IMAGES, scheme)
    assert imported.found.tolist() == list(found)
    np.testing.assert_allclose(imported.landmarks[imported.found], faces[np.array(found)], atol=1e-4)
    return imported


def _each(folder: Path, suffix: str, write) -> Path:
    for name, face in zip(IMAGES, FACES, strict=True):
        path = (folder / name).with_suffix(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, face)
    return folder


def _lines(face, form="{:.2f} {:.2f}"):
    return "\n".join(form.format(x, y) for x, y in face) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nn_points:  68\n{{\n{}}}\n",
        "{}",
        "{{\n{}}}",
        "// made by hand\n\n{}\n",
        "version: 1\nn_points: 68\n{}",
    ],
)
def test_pts_with_and_without_header_and_braces(tmp_path, text):
    folder = _each(tmp_path, ".pts", lambda path, face: path.write_text(text.format(_lines(face + 1))))
    assert _check([folder]).first.tolist() == [1, 1, 1]


def test_lapa_and_helen_txt(tmp_path):
    _check([_each(tmp_path / "lapa", ".txt", lambda path, face: path.write_text(f"68\n{_lines(face)}"))])
    helen = "{:.2f} , {:.2f}"
    _check(
        [_each(tmp_path / "helen", ".txt", lambda path, face: path.write_text(path.stem + "\n" + _lines(face, helen)))]
    )
    _check([_each(tmp_path / "bare", ".txt", lambda path, face: path.write_text(_lines(face)))])
    scheme = replace(IBUG68, name="other", count=70, average=())
    with pytest.raises(DataError, match=r"0001\.txt, line 1: expected 70 points of other, got 68; --scheme"):
        read_imports([tmp_path / "lapa"], IMAGES, scheme)


@pytest.mark.parametrize("shape", [(P, 2), (1, P, 2)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_npy_named_as_its_image(tmp_path, shape, kind):
    _check([_each(tmp_path, ".npy", lambda path, face: np.save(path, face.reshape(shape).astype(kind)))])


def test_arrays_of_many_faces_need_names(tmp_path):
    np.savez(tmp_path / "a.npz", landmarks=FACES, names=np.array(IMAGES))
    np.savez_compressed(tmp_path / "b.npz", **dict(zip(IMAGES, FACES, strict=True)))
    _check([tmp_path / "a.npz"])
    _check([tmp_path / "b.npz"])
    np.save(tmp_path / "c.npy", FACES)
    with pytest.raises(DataError, match=r"c\.npy: 3 faces and no names of images; write a \.npz"):
        read_imports([tmp_path / "c.npy"], IMAGES)
    np.savez(tmp_path / "d.npz", points=FACES)
    with pytest.raises(DataError, match=r"d\.npz: 'points' holds 3 faces, and no array of names"):
        read_imports([tmp_path / "d.npz"], IMAGES)


def test_pickled_arrays_are_never_read(tmp_path):
    np.save(tmp_path / "0001.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"0001\.npy: pickled Python objects, which are never read"):
        read_imports([tmp_path], IMAGES)
    np.save(tmp_path / "0001.npy", FACES[0][:, :1])
    with pytest.raises(DataError, match=r"0001\.npy: expected numbers \(68, 2\) of ibug68, got float64 \(68, 1\)"):
        read_imports([tmp_path], IMAGES)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"'shape': (68, 2)", b"'shape': (68, (2"),
        (b"'descr'", b"'descr "),
        (b"(68, 2)", b"(68, 9)"),
    ],
)
def test_a_damaged_header_of_an_array_is_one_line(tmp_path, old, new):
    np.save(tmp_path / "0001.npy", FACES[0])
    data = (tmp_path / "0001.npy").read_bytes()
    assert old in data
    (tmp_path / "0001.npy").write_bytes(data.replace(old, new))
    with pytest.raises(DataError, match=r"0001\.npy: not an array that can be read"):
        read_imports([tmp_path], IMAGES)


def test_a_signalling_nan_is_one_line(tmp_path):
    bits = FACES[0].astype(np.float32).view(np.uint32)
    bits[3, 1] = 0x7F800001
    np.save(tmp_path / "0001.npy", bits.view(np.float32))
    with pytest.raises(DataError, match=r"0001\.npy: expected a number of pixels, got 'nan' for point 3 of 68"):
        read_imports([tmp_path], IMAGES)


def test_arrays_that_python_2_wrote_are_read_without_a_word(tmp_path):
    np.save(tmp_path / "0001.npy", FACES[0])
    (tmp_path / "0001.npy").write_bytes((tmp_path / "0001.npy").read_bytes().replace(b"(68, 2)", b"(68,2L)"))
    _check([tmp_path], (True, False, False))


def _coco(faces=FACES, visibility=2, **more):
    return {
        "images": [{"id": 9 + i, "file_name": name, "width": WIDTH, "height": HEIGHT} for i, name in enumerate(IMAGES)],
        "annotations": [
            {
                "id": i,
                "image_id": 9 + i,
                "keypoints": [v for x, y in face.tolist() for v in (x, y, visibility)],
                **more,
            }
            for i, face in enumerate(faces)
        ],
        "categories": [{"id": 1, "name": "face"}],
    }


def _json(path, data):
    path.write_text(json.dumps(data))
    return path


def test_coco_keypoints(tmp_path):
    path = _json(tmp_path / "faces.json", _coco())
    imported = _check([path])
    assert imported.sizes.tolist() == [[WIDTH, HEIGHT]] * 3
    assert imported.places[1] == f"{path}, annotation 1"
    bodies = _coco()
    bodies["annotations"].insert(0, {"image_id": 9, "keypoints": [1, 2, 2] * 17})
    _check([_json(path, bodies)])
    texts = _coco()
    for annotation in texts["annotations"]:
        annotation["image_id"] = str(annotation["image_id"])
    _check([_json(path, texts)])
    _check([_json(path, [{**a, "image_id": IMAGES[i]} for i, a in enumerate(_coco()["annotations"])])])
    whole = _coco()
    for annotation in whole["annotations"]:
        annotation |= {"face_kpts": annotation["keypoints"], "keypoints": [0] * 51, "face_valid": True}
    _check([_json(path, whole)])


def test_coco_visibility_0_is_unknown(tmp_path):
    data = _coco()
    data["annotations"][0]["keypoints"][2::3] = [0] * P
    data["annotations"][1]["keypoints"][5] = 0
    imported = _check([_json(tmp_path / "f.json", data)], (False, False, True))
    assert imported.notes == (
        f"{tmp_path / 'f.json'}: 1 image with a face whose points are not all known, left out; the first:"
        f" {tmp_path / 'f.json'}, annotation 1",
        f"{tmp_path / 'f.json'}: 1 image without a face",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["annotations"][0].update(keypoints=[1, 2, 2] * 17), None),
        (lambda d: [a.update(keypoints=[1, 2, 2] * 17) for a in d["annotations"]], "annotation 0: expected 68 points"),
        (lambda d: d["annotations"][1].update(image_id=77), "annotation 1: there is no image of the id 77"),
        (lambda d: d["annotations"][1].update(image_id=[]), "annotation 1: expected the id of an image"),
        (lambda d: d["annotations"][1]["keypoints"].__setitem__(0, "x"), "annotation 1: expected a number of pixels"),
        (lambda d: d["annotations"][1]["keypoints"].__setitem__(2, 7), "annotation 1: expected x, y, visibility"),
        (lambda d: d["images"].append({}), "image 3: expected 'id' and 'file_name'"),
        (lambda d: d.pop("annotations"), "expected COCO keypoints"),
    ],
)
def test_coco_that_is_wrong(tmp_path, change, message):
    data = _coco()
    change(data)
    path = _json(tmp_path / "faces.json", data)
    if message is None:
        _check([path], (False, True, True))
        return
    with pytest.raises(DataError, match=message) as caught:
        read_imports([path], IMAGES)
    assert str(path) in str(caught.value)


def _labelme(face, labels, group=None):
    return {
        "version": "5.4.1",
        "shapes": [
            {"label": str(label), "points": [point], "group_id": group, "shape_type": "point"}
            for label, point in zip(labels, face.tolist(), strict=True)
        ],
        "imagePath": "..\\images\\0001.jpg",
        "imageWidth": WIDTH,
        "imageHeight": HEIGHT,
    }


@pytest.mark.parametrize(
    "labels",
    [range(P), range(1, P + 1), [f"{i:02}" for i in range(P)], [f"point_{i}" for i in range(1, P + 1)], ["face"] * P],
)
def test_labelme_points_by_their_labels(tmp_path, labels):
    def write(path, face):
        data = _labelme(face, labels)
        if len({*labels}) > 1:
            data["shapes"].reverse()
        _json(path, data)

    imported = _check([_each(tmp_path, ".json", write)])
    assert imported.sizes.tolist() == [[WIDTH, HEIGHT]] * 3


def test_labelme_shapes_of_all_points_and_files_of_any_name(tmp_path):
    shape = {"label": "face", "points": FACES[0].tolist(), "shape_type": "linestrip"}
    path = _json(tmp_path / "any.json", {**_labelme(FACES[0], range(P)), "shapes": [shape]})
    _check([path], (True, False, False))
    path = _json(path, {**_labelme(FACES[0], range(P)), "shapes": [], "imageHeight": None})
    _check([path], (False, False, False))


def test_labelme_that_is_wrong(tmp_path):
    path = _json(tmp_path / "0001.json", _labelme(FACES[0][1:], range(1, P)))
    with pytest.raises(DataError, match=r"0001\.json: expected points 0 to 67 of ibug68, got 67: 0 is missing"):
        read_imports([path], IMAGES)
    _json(path, _labelme(FACES[0], [*range(P - 1), 3]))
    with pytest.raises(DataError, match="point '3' is there twice"):
        read_imports([path], IMAGES)
    _json(path, _labelme(FACES[0], [*range(P - 1), "nose"]))
    with pytest.raises(DataError, match="expected a label that ends in the number of a point, got 'nose'"):
        read_imports([path], IMAGES)


def _imglab(faces=FACES, first=0, box=""):
    def parts(face):
        numbered = [*enumerate(face.round().astype(int).tolist(), first)]
        return "".join(f"<part name='{i:02}' x='{x}' y='{y}'/>" for i, (x, y) in reversed(numbered))

    images = "".join(
        f"<image file='{name}' width='{WIDTH}' height='{HEIGHT}'>\n<box top='1' left='2' width='9' height='9'{box}>"
        f"<label>face</label>{parts(face)}</box><box top='0' left='0' width='3' height='3' ignore='1'/></image>\n"
        for name, face in zip(IMAGES, faces, strict=True)
    )
    return f"<?xml version='1.0' encoding='ISO-8859-1'?>\n<dataset><name>é</name><images>\n{images}</images></dataset>"


@pytest.mark.parametrize("first", [0, 1])
def test_dlib_imglab(tmp_path, first):
    (tmp_path / "f.xml").write_bytes(_imglab(first=first).encode("latin-1"))
    imported = _check([tmp_path / "f.xml"], faces=FACES.round())
    assert imported.sizes.tolist() == [[WIDTH, HEIGHT]] * 3
    assert imported.places[0] == f"{tmp_path / 'f.xml'}, line 4"


def _cvat(write):
    images = "".join(
        f'<image id="{i}" name="{name}" width="{WIDTH}" height="{HEIGHT}">\n{write(face)}</image>\n'
        for i, (name, face) in enumerate(zip(IMAGES, FACES, strict=True))
    )
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{images}</annotations>'


def _all_in_one(face):
    return f'<points label="face" points="{";".join(f"{x},{y}" for x, y in face)}" z_order="0"/>'


def _one_each(face, first=0):
    numbered = reversed([*enumerate(face.tolist(), first)])
    return "".join(f'<points label="{i}" points="{x},{y}"><attribute/></points>\n' for i, (x, y) in numbered)


@pytest.mark.parametrize(
    "write",
    [
        _all_in_one,
        _one_each,
        lambda face: _one_each(face, 1),
        lambda face: f'<skeleton label="face">{_one_each(face)}</skeleton>',
        lambda face: "".join(
            f'<points label="mark" points="{x},{y}"><attribute name="number">{i}</attribute></points>'
            for i, (x, y) in reversed([*enumerate(face.tolist(), 1)])
        ),
    ],
)
def test_cvat_for_images(tmp_path, write):
    (tmp_path / "annotations.xml").write_text(_cvat(write))
    _check([tmp_path / "annotations.xml"])


def test_cvat_without_a_point_or_of_a_video(tmp_path):
    path = tmp_path / "annotations.xml"
    path.write_text(_cvat(lambda face: _one_each(face[1:])))
    with pytest.raises(DataError, match=r"annotations\.xml, line 2: expected points 0 to 67 .*got 67: 67 is missing"):
        read_imports([path], IMAGES)
    path.write_text("<annotations><track><points/></track></annotations>")
    with pytest.raises(DataError, match="CVAT for video; expected CVAT for images"):
        read_imports([path], IMAGES)
    path.write_text("<html/>")
    with pytest.raises(DataError, match=r"expected dlib's imglab .* got <html>"):
        read_imports([path], IMAGES)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://localhost/x.dtd"> %b;]>',
    ],
)
def test_entities_of_xml_are_refused(tmp_path, doctype):
    path = tmp_path / "f.xml"
    path.write_text(f"<?xml version='1.0'?>\n{doctype}<dataset><image file='&b;'/></dataset>")
    with pytest.raises(DataError, match=r"f\.xml, line 2: entities in a DOCTYPE are not read"):
        read_imports([path], IMAGES)
    path.write_text(_imglab().replace("'ISO-8859-1'?>", "'utf-8'?><!DOCTYPE dataset>"))
    _check([path], faces=FACES.round())


def _table(path, columns, rows, separator=","):
    path.write_text("\n".join(separator.join(map(str, row)) for row in [columns, *rows]) + "\n")
    return path


X, Y = [f"x_{i}" for i in range(P)], [f"y_{i}" for i in range(P)]


def _row(face):
    return [*face[:, 0].tolist(), *face[:, 1].tolist()]


@pytest.mark.parametrize("name", ["input", "filename", "Image", "path", "whatever"])
def test_tables_know_many_names_of_the_column_of_names(tmp_path, name):
    rows = [[f"/data/{image}", *_row(face)] for image, face in zip(IMAGES, FACES, strict=True)]
    _check([_table(tmp_path / "t.csv", [name, *X, *Y], rows)])
    rows = [[i, *row] for i, row in enumerate(rows)]
    _check([_table(tmp_path / "t.csv", ["", name, *X, *Y], rows)])


def test_py_feat_names_its_images_last(tmp_path):
    columns = ["FaceRectX", "FaceScore", *X, *Y, "Pitch", "input", "frame"]
    rows = [[1.5, 0.9, *_row(face), -2, image, i] for i, (image, face) in enumerate(zip(IMAGES, FACES, strict=True))]
    _check([_table(tmp_path / "fex.csv", columns, rows)])


def test_tables_of_other_separators_encodings_and_names_of_columns(tmp_path):
    rows = [[image, *_row(face)] for image, face in zip(IMAGES, FACES, strict=True)]
    _check([_table(tmp_path / "t.tsv", ["image", *X, *Y], rows, "\t")])
    interleaved = [f"{axis}{i}" for i in range(1, P + 1) for axis in "xy"]
    flat = [[image, *face.ravel().tolist()] for image, face in zip(IMAGES, FACES, strict=True)]
    _check([_table(tmp_path / "t.csv", ["image", *interleaved], flat)])
    german = [[row[0], *(str(value).replace(".", ",") for value in row[1:])] for row in rows]
    path = _table(tmp_path / "t.csv", ["image", *X, *Y], german, ";")
    _check([path])
    path.write_text(path.read_text(), encoding="utf-16")
    _check([path])
    (tmp_path / "t.txt").write_text(path.read_text(encoding="utf-16"))
    _check([tmp_path / "t.txt"])


@pytest.mark.parametrize("value", ["nan", "NaN", "", " ", "0", "0.0", "-1", "-1.0", "None", "null", "N/A"])
def test_rows_that_say_no_face(tmp_path, value):
    rows = [[image, *_row(face)] for image, face in zip(IMAGES, FACES, strict=True)]
    rows[1][1:] = [value] * 2 * P
    path = _table(tmp_path / "t.csv", ["image", *X, *Y], rows)
    assert _check([path], (True, False, True)).notes == (f"{path}: 1 image without a face",)
    rows[0][5] = "nan"
    with pytest.raises(DataError, match=r"t\.csv, line 2: expected a number of pixels, got 'nan' for point"):
        read_imports([_table(path, ["image", *X, *Y], rows)], IMAGES)


@pytest.mark.parametrize(
    "empty", [np.zeros((P, 2)), np.full((P, 2), -1.0), np.full((P, 2), np.nan), np.zeros((0, P, 2))]
)
def test_arrays_that_say_no_face(tmp_path, empty):
    np.save(tmp_path / "0001.npy", empty)
    np.save(tmp_path / "0003.npy", FACES[2])
    _check([tmp_path], (False, False, True))


@pytest.mark.parametrize("score", ["confidence", "FaceScore", "score"])
def test_of_several_faces_the_surest_counts_and_that_is_said(tmp_path, score):
    rows = [[image, 0.5, *_row(face)] for image, face in zip(IMAGES, FACES, strict=True)]
    rows += [[IMAGES[0], 0.4, *_row(FACES[1])], [IMAGES[2], 0.6, *_row(FACES[1])]]
    path = _table(tmp_path / "t.csv", ["image", score, *X, *Y], rows)
    imported = _check([path], faces=FACES[[0, 1, 1]])
    assert imported.notes == (f"{path}: 2 images with several faces; the surest counts",)
    np.testing.assert_allclose(imported.scores, [0.5, 0.5, 0.6])
    np.testing.assert_allclose(imported.select([2, 0]).scores, [0.6, 0.5])
    _table(path, ["image", "other", *X, *Y], rows)
    with pytest.raises(DataError, match=r"t\.csv, line 5: 0001\.jpg has landmarks already, from .*line 2: of several"):
        read_imports([path], IMAGES)


def test_several_faces_of_coco_and_imglab(tmp_path):
    data = _coco(score=0.7)
    data["annotations"] += [{**a, "score": 0.8, "image_id": 9} for a in _coco()["annotations"][1:2]]
    imported = _check([_json(tmp_path / "f.json", data)], faces=FACES[[1, 1, 2]])
    np.testing.assert_allclose(imported.scores, [0.8, 0.7, 0.7])
    del data["annotations"][0]["score"]
    with pytest.raises(DataError, match=r"f\.json, annotation 3: 0001\.jpg has landmarks already"):
        read_imports([_json(tmp_path / "f.json", data)], IMAGES)
    text = _imglab(box=" detection_score='0.5'")
    (tmp_path / "f.xml").write_text(text, encoding="latin-1")
    imported = _check([tmp_path / "f.xml"], faces=FACES.round())
    np.testing.assert_allclose(imported.scores, 1 - 10**-0.5)  # of a margin of dlib's detector


@pytest.mark.parametrize("empty", ["", "nan", "NA"])
def test_scores_that_are_empty_or_of_another_scale_are_unknown(tmp_path, empty):
    def rows(*scores):
        return [[image, score, *_row(face)] for image, score, face in zip(IMAGES, scores, FACES, strict=True)]

    path, header = tmp_path / "t.csv", ["image", "score", *X, *Y]
    np.testing.assert_array_equal(_check([_table(path, header, rows(0.25, empty, 1))]).scores, [0.25, np.nan, 1])
    imported = _check([_table(path, header, rows(98.5, empty, 1))])
    assert np.isnan(imported.scores).all()
    assert imported.notes == (f"{path}: its scores are 1 to 98.5, expected 0 to 1; they are not kept",)
    with pytest.raises(DataError, match=r"t\.csv, line 3: expected the score of a face, got 'high'"):
        read_imports([_table(path, header, rows(1, "high", 1))], IMAGES)


def test_an_unknown_kind_says_which_are_read(tmp_path):
    (tmp_path / "faces.mat").write_bytes(b"MATLAB 5.0")
    for path in (tmp_path / "faces.mat", tmp_path):
        with pytest.raises((DataError, FileNotFoundError), match=r"read are \.pts, \.csv .* \.json \(COCO keypoints"):
            read_imports([path], IMAGES)
    (tmp_path / "l.h5").touch()
    with pytest.raises(DataError, match=r"--update takes a landmarks\.h5"):
        read_imports([tmp_path / "l.h5"], IMAGES)


def test_other_files_beside_the_landmarks_are_no_matter(tmp_path):
    _each(tmp_path, ".pts", lambda path, face: path.write_text(_lines(face + 1)))
    (tmp_path / "readme.txt").write_text("These are faces.")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "._0001.pts").write_bytes(b"\0\5\26\7")
    _check([tmp_path])


def test_an_import_of_which_nothing_fits_is_refused_with_a_name_of_each_side(tmp_path):
    rows = [[f"/old/99{i}.jpg", *_row(face)] for i, face in enumerate(FACES)]
    path = _table(tmp_path / "t.csv", ["image", *X, *Y], rows)
    message = r"t\.csv, line 2: none of 3 names .*'/old/990\.jpg'\) fits one of 3 images \(such as '0001\.jpg'\)$"
    with pytest.raises(DataError, match=message):
        read_imports([path], IMAGES)
    rows[0][0] = "0001.png"
    with pytest.raises(DataError, match=r"; '0001\.png' and '0001\.jpg' differ in their suffix$"):
        read_imports([_table(path, ["image", *X, *Y], rows)], IMAGES)
    with pytest.raises(DataError, match=r"t\.csv: expected faces, got none"):
        read_imports([_table(path, ["image", *X, *Y], [])], IMAGES)


def test_names_of_another_form_are_understood_and_said(tmp_path):
    rows = [[name, *_row(face)] for name, face in zip(["1.JPG ", "B\\2.jpg", f"{tmp_path}/3"], FACES, strict=True)]
    path = _table(tmp_path / "t.csv", ["image", *X, *Y], rows)
    imported = read_imports([path], IMAGES, folder=tmp_path)
    np.testing.assert_allclose(imported.landmarks, FACES, atol=1e-4)
    assert len(imported.notes) == 1
    assert "3 of 3 images are named otherwise: '1.JPG ' is taken for '0001.jpg' (blanks" in imported.notes[0]
