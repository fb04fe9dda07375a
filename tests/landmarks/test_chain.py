from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import skimage.data

from wsegs.errors import OptionError
from wsegs.io.images import Photo, open_photo
from wsegs.landmarks.chain import Chain, ChainOptions, landmarks_of_image, load_chain
from wsegs.landmarks.detectors.protocol import NO_FACES, Faces, Landmarker
from wsegs.landmarks.detectors.upright import box_of_points


class Always:
    """A detector that finds the same faces wherever it looks, and a predictor that marks the middle of the box."""

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self.seen: list[tuple[int, ...]] = []

    def detect(self, image):
        self.seen.append(image.shape)
        return self.faces

    def predict(self, image, box, points):
        return np.tile(box[:2] + (box[2:] - 1) / 2, (68, 1)).astype(np.float32)


def _landmarker(name: str, *boxes: tuple[float, ...], scores: list[float] | None = None, **options) -> Landmarker:
    known = None if scores is None else np.array(scores, np.float32)
    always = Always(Faces(np.array(boxes, np.float32), None, known) if boxes else NO_FACES)
    return Landmarker(name, always, always, **options)


IMAGE = np.zeros((200, 400, 3), np.uint8)


def test_the_next_is_tried_only_if_the_first_finds_nothing():
    first, second, third = (
        _landmarker("dlib"),
        _landmarker("mtcnn", (10, 10, 20, 20), (50, 50, 90, 90)),
        _landmarker("third"),
    )
    found = Chain([first, second, third], 0).find(IMAGE)
    assert (found.found_by, found.faces, found.box.tolist()) == ("mtcnn", 2, [50, 50, 90, 90])
    assert not third.detector.seen


def test_a_face_away_from_the_known_box_is_not_the_one():
    chain = Chain([_landmarker("dlib", (10, 10, 20, 20)), _landmarker("mtcnn", (300, 100, 50, 50))], 0)
    assert chain.find(IMAGE).found_by == "dlib"
    assert chain.find(IMAGE, np.array([290, 90, 50, 50])).found_by == "mtcnn"
    assert chain.find(IMAGE, np.array([150, 150, 20, 20]))[:4] == (None, "none", None, 0)


SHIRT, FACE = (10, 10, 60, 60), (300, 20, 40, 40)


def _found(*landmarkers: Landmarker) -> tuple[str, list[float], int, float]:
    found = Chain(list(landmarkers), 0).find(IMAGE)
    return found.found_by, found.box.tolist(), found.faces, round(found.score, 3)


def test_the_next_is_asked_where_the_first_is_unsure():
    unsure = _landmarker("dlib", SHIRT, scores=[0.3])
    later = _landmarker("mtcnn", FACE, scores=[0.9])
    assert _found(unsure, later) == ("mtcnn", [*FACE], 1, 0.9)
    # It finds the same face among others: the first's box and landmarks are taken.
    near = (12, 12, 60, 60)
    assert _found(unsure, _landmarker("mtcnn", FACE, near, scores=[0.9, 0.6])) == ("dlib", [*SHIRT], 1, 0.6)
    assert _found(unsure, _landmarker("mtcnn", near)) == ("dlib", [*SHIRT], 1, 0.3)
    # Nobody is sure: the surer one.
    assert _found(unsure, _landmarker("mtcnn", FACE, scores=[0.2])) == ("dlib", [*SHIRT], 1, 0.3)
    assert _found(unsure, _landmarker("mtcnn", FACE, scores=[0.4])) == ("mtcnn", [*FACE], 1, 0.4)
    assert _found(unsure, _landmarker("mtcnn")) == ("dlib", [*SHIRT], 1, 0.3)
    assert _found(unsure) == ("dlib", [*SHIRT], 1, 0.3)
    borrows = _landmarker("face-alignment", FACE, scores=[0.9], second_opinion=False)
    assert _found(unsure, borrows) == ("dlib", [*SHIRT], 1, 0.3)
    assert not borrows.detector.seen


def test_the_next_is_not_asked_where_the_first_is_sure_or_the_data_set_knows():
    later = _landmarker("mtcnn", FACE, scores=[0.9])
    assert _found(_landmarker("dlib", SHIRT, scores=[0.5]), later) == ("dlib", [*SHIRT], 1, 0.5)
    assert _found(_landmarker("dlib", (120, 30, 120, 120), scores=[0.1]), later)[0] == "dlib"  # it fills the image
    known = Chain([_landmarker("dlib", SHIRT, scores=[0.1]), later], 0).find(IMAGE, np.array(SHIRT))
    assert (known.found_by, known.box.tolist()) == ("dlib", [*SHIRT])
    assert not later.detector.seen


def test_detectors_see_the_reduced_image_and_answers_are_in_the_full_one():
    landmarker = _landmarker("dlib", (10, 20, 10, 10))
    found = Chain([landmarker], 100).find(IMAGE)
    assert landmarker.detector.seen == [(50, 100, 3)]
    # Pixels 10 to 19 of the reduced image are 40 to 79 of the full one.
    np.testing.assert_allclose(found.box, [41.5, 81.5, 40, 40])
    small = _landmarker("dlib", (10, 20, 10, 10))
    Chain([small], 1000).find(IMAGE)
    assert small.detector.seen == [IMAGE.shape]


def test_max_side_hardly_moves_landmarks(astronaut, tiny_predictor):
    large = cv2.resize(astronaut, (1024, 1024))
    full = landmarks_of_image(large, ("mtcnn",), predictor=str(tiny_predictor), max_side=0)
    reduced = landmarks_of_image(large, ("mtcnn",), predictor=str(tiny_predictor), max_side=256)
    np.testing.assert_allclose(reduced.box, full.box, atol=0.12 * full.box[2])
    np.testing.assert_allclose(reduced.landmarks.mean(axis=0), full.landmarks.mean(axis=0), atol=0.1 * full.box[2])


@pytest.mark.slow
def test_one_image_in_memory(astronaut, tiny_predictor):
    landmarks, found_by, box, faces, score = landmarks_of_image(astronaut, predictor=str(tiny_predictor))
    assert landmarks.shape == (68, 2)
    assert (found_by, faces) == ("dlib", 1)
    assert 0.9 < score < 1
    centre = landmarks.mean(axis=0)
    assert (box[:2] < centre).all()
    assert (centre < box[:2] + box[2:]).all()
    nothing = landmarks_of_image(skimage.data.brick()[..., None].repeat(3, 2), predictor=str(tiny_predictor))
    assert nothing[:4] == (None, "none", None, 0)


@pytest.mark.slow
def test_options_pickle_small_and_load_once(tiny_predictor):
    options = ChainOptions(("dlib",), str(tiny_predictor))
    data = pickle.dumps(options)
    assert len(data) < 1000
    assert load_chain(pickle.loads(data)) is load_chain(options)


def test_wrong_options():
    with pytest.raises(OptionError, match="unknown detector 'viola'"):
        ChainOptions(("viola",))
    assert ChainOptions(("none",)).detectors == ()


def test_a_reduced_photo_gives_places_in_the_whole_image(tmp_path):
    """Pixel i of a quarter covers four pixels of the whole, from 4 i: boxes, known boxes, points and landmarks."""
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((800, 1600, 3), np.uint8))
    photo = open_photo(tmp_path / "a.jpg", 400)
    assert photo.reduction == 4
    landmarker = _landmarker("dlib", (10, 20, 10, 10))
    found = Chain([landmarker], 400).find(photo, np.array([30, 70, 50, 60]))
    assert landmarker.detector.seen == [(200, 400, 3)]
    np.testing.assert_allclose(found.box, [41.5, 81.5, 40, 40])
    np.testing.assert_allclose(found.landmarks[0], [41.5 + 4 * 4.5, 81.5 + 4 * 4.5])
    assert Chain([landmarker], 400).find(photo, np.array([1000, 700, 50, 60])).found_by == "none"
    placed = Chain([landmarker], 400).find_at(photo, square=found.box)
    assert (placed.found_by, placed.faces) == ("data set box", -1)
    np.testing.assert_allclose(placed.box, found.box)
    np.testing.assert_allclose(placed.landmarks, found.landmarks)
    five = np.array([[100, 100], [200, 100], [150, 150], [110, 200], [190, 200]], np.float32)
    np.testing.assert_allclose(Chain([landmarker], 400).find_at(photo, points=five).box, box_of_points(five), atol=1e-3)


@pytest.mark.slow
def test_colours_are_decoded_only_for_a_method_that_looks_at_them(astronaut, tmp_path, tiny_predictor, monkeypatch):
    cv2.imwrite(str(tmp_path / "a.jpg"), astronaut[..., ::-1])
    monkeypatch.setattr(Photo, "colour", lambda self: pytest.fail("colours were decoded"))
    chain = load_chain(ChainOptions(("dlib", "mtcnn"), str(tiny_predictor)))
    assert chain.find(open_photo(tmp_path / "a.jpg")).found_by == "dlib"
    cv2.imwrite(str(tmp_path / "b.jpg"), skimage.data.brick())
    with pytest.raises(pytest.fail.Exception, match="colours were decoded"):
        chain.find(open_photo(tmp_path / "b.jpg"))


@pytest.mark.slow
def test_threads_do_not_share_a_chain(tiny_predictor):
    options = ChainOptions(("dlib",), str(tiny_predictor))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(load_chain, options).result() is not load_chain(options)
