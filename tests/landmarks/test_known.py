"""Points that cannot be the faces of their images are refused, with a guess of the cause; scaled where asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

from wsegs.datasets import open_dataset
from wsegs.errors import DataError, OptionError
from wsegs.landmarks.imports import Imported, read_imports
from wsegs.landmarks.known import fit_to_images, known_landmarks
from wsegs.landmarks.scaling import Scale, parse_scale
from wsegs.schemes import CELEBA5, IBUG68

WIDTH, HEIGHT = 106, 130
FACES = np.stack([np.array(IBUG68.average) * 26 + [52 + 2 * i, 58 + i] for i in range(4)])
SIZE = np.array([WIDTH, HEIGHT])
EXIF = PIL.ExifTags.Base.Orientation


def _images(folder, sizes=((WIDTH, HEIGHT),) * 4, orientations=(1,) * 4):
    folder.mkdir(exist_ok=True)
    for row, (size, orientation) in enumerate(zip(sizes, orientations, strict=True)):
        exif = PIL.Image.Exif()
        if orientation != 1:
            exif[EXIF] = orientation
        stored = size if orientation < 5 else size[::-1]
        PIL.Image.new("RGB", stored, (90, 120, 150)).save(folder / f"{row}.jpg", exif=exif)
    return open_dataset(folder)


@pytest.fixture
def dataset(tmp_path):
    return _images(tmp_path / "images")


def _imported(points, first=0, made_on=(0, 0)):
    """Return points as a file has them whose pixels count from ``first``."""
    count = len(points)
    return Imported(
        (points - first).astype(np.float32),
        places=tuple(f"t.csv, line {row + 2}" for row in range(count)),
        sizes=np.tile(np.array(made_on, np.int32), (count, 1)),
        first=np.full(count, first, np.uint8),
    )


def _known(dataset, points, scale=None, scheme=IBUG68, **how):
    text = None if scale is None else parse_scale(scale, "--import-scale")
    return known_landmarks(dataset, _imported(points, **how), scheme, from_data=False, scale=text).landmarks


def _error(dataset, points, **how):
    with pytest.raises(DataError) as caught:
        _known(dataset, points, **how)
    message = str(caught.value)
    assert message.startswith("t.csv, line ")
    assert "\n" not in message
    return message


def test_right_points_stay_as_they_are(dataset):
    np.testing.assert_array_equal(_known(dataset, FACES), FACES.astype(np.float32))
    np.testing.assert_array_equal(_known(dataset, FACES, made_on=SIZE), FACES.astype(np.float32))


def test_a_face_that_the_border_cuts_is_no_mistake(dataset):
    cut = FACES.copy()
    cut[0] -= [50, 0]  # a third of the face is outside
    assert ((cut[0] < 0).any(axis=1)).mean() > 0.3
    np.testing.assert_array_equal(_known(dataset, cut), cut.astype(np.float32))
    tight = (FACES - FACES.mean(axis=1, keepdims=True)) * 2.7 + [53, 75]  # all jaws are some pixels outside
    assert (tight[:, :, 0].min(axis=1) < -2).all()
    np.testing.assert_array_equal(_known(dataset, tight), tight.astype(np.float32))


@pytest.mark.parametrize("first", [0, 1])
def test_normalised_points(dataset, first):
    message = _error(dataset, FACES / SIZE, first=first)
    assert "line 2: 0.jpg has 106x130 pixels, its points x 0.2904 to 0.6907, y 0.39" in message
    assert "(3 more images alike)" in message
    assert "these look normalised to 0..1; --import-scale image multiplies them by width and height" in message
    np.testing.assert_allclose(_known(dataset, FACES / SIZE, "image", first=first), FACES, atol=1e-4)
    assert "normalised to -1..1" in _error(dataset, FACES / SIZE * 2 - 1)
    one = FACES.copy()
    one[2] /= SIZE
    assert "line 4: 2.jpg has 106x130 pixels" in _error(dataset, one)


@pytest.mark.parametrize("factor", [2, 3, 8])
def test_points_of_larger_images(dataset, factor):
    message = _error(dataset, (FACES + 0.5) * factor - 0.5)
    size = f"{round(WIDTH * factor)}x{round(HEIGHT * factor)}"
    assert f"outside of the image; made on images about {factor:g} times as large ({size})?" in message
    scale = message.partition("--import-scale ")[2].partition(",")[0]
    np.testing.assert_allclose(_known(dataset, (FACES + 0.5) * factor - 0.5, scale), FACES, atol=0.05)
    np.testing.assert_allclose(_known(dataset, (FACES + 0.5) * factor - 0.5, size), FACES, atol=0.7)


def test_points_of_smaller_images(dataset):
    half = (FACES + 0.5) / 2 - 0.5
    message = _error(dataset, half)
    assert "upper left quarter; made on images about 1/2 times as large (53x65)? --import-scale 2" in message
    np.testing.assert_allclose(_known(dataset, half, "2"), FACES, atol=1e-4)
    np.testing.assert_array_equal(_known(dataset, half, "1"), half.astype(np.float32))
    np.testing.assert_array_equal(_known(dataset.select([0, 1]), half[:2]), half[:2].astype(np.float32))  # may be


def test_a_file_that_says_another_size(dataset):
    message = _error(dataset, FACES, made_on=(53, 65))
    assert "of 53x65 pixels, and 0.jpg has 106x130 (4 of 4 images differ): --import-scale 53x65" in message
    half = (FACES + 0.5) / 2 - 0.5
    np.testing.assert_allclose(_known(dataset, half, "file", made_on=(53, 65)), FACES, atol=1e-4)
    with pytest.raises(DataError, match="--import-scale file: no file says how large the images were"):
        _known(dataset, half, "file")


@pytest.mark.parametrize("orientation", range(2, 9))
def test_points_made_without_the_rotation_of_exif(tmp_path, orientation):
    dataset = _images(tmp_path / "images", orientations=(orientation,) * 4)
    stored = SIZE if orientation < 5 else SIZE[::-1]
    # The face that a viewer shows, where it lies in the file: the reverse of what Pillow does to the picture.
    marks = np.zeros((stored[1], stored[0]), np.int32).reshape(-1)
    marks[:] = np.arange(len(marks))
    picture = PIL.Image.fromarray(marks.reshape(stored[1], stored[0]))
    picture.getexif()[EXIF] = orientation
    shown = np.asarray(PIL.ImageOps.exif_transpose(picture))
    assert shown.shape == (HEIGHT, WIDTH)
    x, y = np.moveaxis(FACES.round().astype(int), -1, 0)
    at = shown[y, x]
    raw = np.stack([at % stored[0], at // stored[0]], axis=-1).astype(float)
    assert "without its EXIF rotation" in _error(dataset, raw)
    np.testing.assert_array_equal(_known(dataset, raw, "1"), raw)
    np.testing.assert_array_equal(_known(dataset, FACES), FACES.astype(np.float32))
    if orientation >= 5:
        assert "was taken without its EXIF rotation" in _error(dataset, raw, made_on=stored)


def test_somebody_who_lies_in_the_picture_is_no_mistake(tmp_path):
    dataset = _images(tmp_path / "images", orientations=(6, 6, 1, 1))
    lying = FACES.copy()
    lying[0] = (FACES[0] - [53, 65]) @ [[0, 1], [-1, 0]] + [53, 65]
    lying[2] = lying[0]
    np.testing.assert_array_equal(_known(dataset, lying), lying.astype(np.float32))


@pytest.mark.parametrize(
    ("change", "guess"),
    [
        (lambda points: points[..., ::-1], "x and y look exchanged"),
        (lambda points: [0, HEIGHT - 1] + points * [1, -1], "y looks as if it pointed up"),
        (lambda points: points * [1, -1], "y looks as if it pointed up"),
        (lambda points: [WIDTH - 1, 0] + points * [-1, 1], "left and right look exchanged"),
        (lambda points: points[:, ::-1], "are they of another scheme, or in another order?"),
        (lambda points: np.random.default_rng(0).random(points.shape) * SIZE, "are they of another scheme"),
    ],
)
def test_points_that_have_not_the_shape_of_a_face(dataset, change, guess):
    wrong = change(FACES)
    message = _error(dataset, wrong)
    assert "not the shape of a face" in message
    assert guess in message
    np.testing.assert_array_equal(_known(dataset, wrong, "1"), wrong.astype(np.float32))
    single = np.concatenate([wrong[:1], FACES[1:]])
    if (single[0] > 0).all():
        np.testing.assert_array_equal(_known(dataset, single), single.astype(np.float32))


def test_one_place_is_no_face(dataset):
    points = FACES.copy()
    points[1] = 50
    assert "line 3: 1.jpg" in (message := _error(dataset, points))
    assert "all at one place, which is no face" in message


def test_one_point_far_away(dataset):
    points = FACES.copy()
    points[3, 7] = [50, 1000]
    assert "line 5: 3.jpg" in _error(dataset, points)


def test_images_that_cannot_be_read_are_told_later(dataset, tmp_path):
    (tmp_path / "images" / "1.jpg").write_bytes(b"no image")
    np.testing.assert_array_equal(_known(dataset, FACES), FACES.astype(np.float32))


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "2x", "x", "1e9", "images", "1/0", "0x5"])
def test_a_scale_that_is_none(text):
    with pytest.raises(OptionError, match=r"--import-scale .*: expected image, file, a number \(2, 0\.5\), or"):
        parse_scale(text, "--import-scale")


def test_scales():
    assert parse_scale("Image", "-s") == Scale("image")
    assert parse_scale("1/2", "-s") == parse_scale("0.5", "-s") == Scale("factor", 0.5)
    assert parse_scale("178x218", "-s") == Scale("size", size=(178, 218))
    assert parse_scale("1", "-s").as_it_is
    with pytest.raises(OptionError):
        parse_scale("image", "--data-scale", ())


def _aligned(dataset, sizes=(218, 178)):
    five = (IBUG68.five_points(FACES) * 1.0 + 0.5) * [178 / WIDTH, 218 / HEIGHT] - 0.5
    return replace(dataset, points=five.astype(np.float32), image_size=sizes, aligned_points=five[0].astype(np.float32))


def test_the_data_sets_own_points_are_of_images_of_its_size(dataset):
    aligned = _aligned(dataset)
    for uses in ({"points": True, "boxes": False}, {"points": False, "boxes": True}):
        with pytest.raises(
            DataError,
            match=r"of 178x218 pixels, and 0\.jpg has 106x130 \(4 of 4 images differ\): --data-scale 178",
        ):
            fit_to_images(aligned, None, **uses)
    fitted = fit_to_images(aligned, parse_scale("178x218", "--data-scale", ()), points=True, boxes=False)
    np.testing.assert_allclose(fitted.points, IBUG68.five_points(FACES), atol=1e-3)
    np.testing.assert_allclose(fitted.aligned_points, IBUG68.five_points(FACES)[0], atol=1e-3)
    assert fitted.image_size == (HEIGHT, WIDTH)
    nothing = Imported.nothing(4, CELEBA5)
    assert known_landmarks(fitted, nothing, CELEBA5, from_data=True).status.tolist() == [5] * 4


def test_points_in_the_wild_have_no_size_but_a_place(dataset):
    wild = replace(dataset, points=IBUG68.five_points(FACES) * 2)
    with pytest.raises(
        DataError, match=r"data set's own points: 0\.jpg has 106x130 .* --data-scale 0\.5, or their size, scales them"
    ):
        fit_to_images(wild, None, points=True, boxes=False)
    fitted = fit_to_images(wild, parse_scale("0.5", "--data-scale", ()), points=True, boxes=False)
    np.testing.assert_allclose(fitted.points, IBUG68.five_points(FACES), atol=0.3)


@pytest.mark.parametrize("factor", [2, 0.5])
def test_boxes_of_images_of_another_size(dataset, factor):
    boxes = np.array([[30, 40, 45, 60], [28, 45, 50, 66], [35, 38, 44, 58], [np.nan] * 4], np.float32)
    right = replace(dataset, boxes=boxes)
    assert fit_to_images(right, None, points=False, boxes=True) is right
    wrong = replace(dataset, boxes=boxes * factor)
    with pytest.raises(
        DataError, match=rf"own boxes: 0\.jpg has 106x130 .* --data-scale {1 / factor:g}, or their size, scales them"
    ):
        fit_to_images(wrong, None, points=False, boxes=True)
    fitted = fit_to_images(wrong, Scale("factor", 1 / factor), points=False, boxes=True)
    np.testing.assert_allclose(fitted.boxes, boxes, atol=0.5)
    unchecked = fit_to_images(wrong, Scale("factor", 1), points=False, boxes=True)
    assert unchecked.boxes is wrong.boxes
    assert fit_to_images(unchecked, None, points=False, boxes=True) is unchecked  # it was asked for


def test_an_export_says_of_which_images_its_points_are(dataset, tmp_path):
    from wsegs.landmarks.find import find_landmarks

    table = find_landmarks(
        dataset, tmp_path / "l.h5", detectors=("none",), imported=_imported(FACES), export=tmp_path / "l.csv", jobs=1
    )
    assert table.found.all()
    smaller = _images(tmp_path / "smaller", ((53, 65),) * 4)
    imported = read_imports([tmp_path / "l.csv"], smaller.images)
    with pytest.raises(DataError, match=r"l\.csv, line 2: points of images of 106x130 pixels, and 0\.jpg has 53x65"):
        known_landmarks(smaller, imported, IBUG68, from_data=False)
    again = known_landmarks(dataset, read_imports([tmp_path / "l.csv"], dataset.images), IBUG68, from_data=False)
    np.testing.assert_array_equal(again.landmarks, table.landmarks)
