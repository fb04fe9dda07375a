"""Fixtures that several rooms share: a real face and its landmarks."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # a process a core; it must be said before NumPy and torch are imported
    from wsegs.cli.threads import use_one_thread

    use_one_thread()

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

# An example's time says how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell that starts the tests in the background makes all of its processes deaf to Ctrl-C, which is tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What dlib's 68-point model finds on scikit-image's astronaut (512x512), x and y in pixels.
_ASTRONAUT = [
    *((179, 104), (179, 116), (180, 127), (181, 139), (185, 151), (191, 160), (200, 169), (209, 176), (221, 178)),
    *((232, 177), (243, 171), (253, 164), (260, 154), (265, 144), (268, 132), (270, 120), (272, 108)),
    *((186, 94), (192, 88), (200, 87), (208, 89), (216, 92), (236, 93), (244, 91), (252, 91), (260, 92), (265, 98)),
    *((225, 103), (225, 111), (225, 119), (225, 127), (214, 131), (219, 132), (224, 134), (229, 133), (234, 132)),
    *((195, 101), (200, 98), (207, 98), (212, 104), (206, 104), (199, 104)),
    *((238, 105), (244, 101), (250, 101), (255, 104), (250, 107), (244, 106)),
    *((201, 140), (209, 139), (218, 139), (223, 141), (229, 140), (237, 140), (245, 141)),
    *((237, 151), (229, 155), (222, 156), (216, 155), (208, 150)),
    *((204, 141), (217, 143), (223, 144), (229, 143), (243, 142), (229, 150), (223, 150), (217, 150)),
]


@pytest.fixture(scope="session")
def astronaut_landmarks() -> NDArray[np.float32]:
    """The 68 landmarks of scikit-image's astronaut, (68, 2), x and y."""
    return np.array(_ASTRONAUT, np.float32)


@pytest.fixture
def truth_folder(tmp_path: Path, astronaut_landmarks: NDArray[np.float32]) -> Path:
    """A folder with the astronaut's head four times, 218x218, a little moved, and masks of CelebAMask's classes.

    The masks are what attparsenet-2020 draws. ``landmarks.h5`` has the landmarks of all but the last, ``d.png``.
    """
    import cv2
    import skimage.data

    from wsegs.landmarks.table import LandmarkTable, write_landmarks
    from wsegs.rules import load_rules
    from wsegs.schemes import IBUG68

    classes = {"top_of_head": 13, "below_chin": 17, "ears": 8, "nose": 2, "mouth": 11, "eyes": 4, "eyebrows": 6}
    folder, names, landmarks = tmp_path / "truth", ("a.png", "b.png", "c.png", "d.png"), []
    for inside in ("images", "masks"):
        (folder / inside).mkdir(parents=True)
    rules = load_rules("attparsenet-2020")
    for i, name in enumerate(names):
        left, top = 110 + 4 * i, 22 - 3 * i
        landmarks.append(astronaut_landmarks - np.array([left, top], np.float32))
        image = skimage.data.astronaut()[top : top + 218, left : left + 218]
        cv2.imwrite(str(folder / "images" / name), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        (regions,) = rules.draw(landmarks[-1][None], (218, 218))
        mask = np.zeros((218, 218), np.uint8)
        for region, number in classes.items():
            mask[(regions >> rules.region_names.index(region) & 1).astype(bool)] = number
        cv2.imwrite(str(folder / "masks" / name), mask)
    landmarks[3] = np.full((68, 2), np.nan, np.float32)
    table = LandmarkTable(
        scheme=IBUG68,
        images=names,
        landmarks=np.stack(landmarks),
        status=np.array([1, 1, 1, 0], np.uint8),
        status_names=("none", "dlib"),
        faces=np.ones(4, np.int16),
        boxes=np.full((4, 4), np.nan, np.float32),
        image_size=np.full((4, 2), 218, np.int32),
        attribute_names=(),
        attributes=np.zeros((4, 0), np.int8),
        identity=np.full(4, -1, np.int32),
        split=np.zeros(4, np.int8),
        provenance={},
    )
    write_landmarks(folder / "landmarks.h5", table)
    return folder


@pytest.fixture(scope="session")
def mediapipe_landmarks() -> dict[str, NDArray[np.float32]]:
    """MediaPipe's 478 landmarks of scikit-image's astronaut (512x512) and of examples/faces/grace_hopper.jpg."""
    with Path(__file__).with_name("mediapipe478.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    return {name: np.array(values, np.float32).reshape(2, 478).T for name, *values in rows[1:]}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that is not part of the project; tests that need it skip without it."""
    folder = Path(os.environ.get("WSEGS_SHARED", Path(__file__).parents[2] / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the shared research data, which is not in {folder}")
    return folder


@pytest.fixture(scope="session")
def tiny_predictor(tmp_path_factory: pytest.TempPathFactory, astronaut_landmarks: NDArray[np.float32]) -> Path:
    """A shape predictor of 68 points, trained on one turned face in no time: no test needs the real model."""
    import cv2
    import dlib
    import skimage.data

    images, faces = [], []
    for degrees in range(-16, 17, 8):
        turn = cv2.getRotationMatrix2D((225.0, 130.0), degrees, 1.0)
        grey = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2GRAY)
        images.append(cv2.warpAffine(grey, turn, (512, 512)))
        points = astronaut_landmarks @ turn[:, :2].T + turn[:, 2]
        parts = [dlib.point(round(x), round(y)) for x, y in points.tolist()]
        faces.append([dlib.full_object_detection(dlib.rectangle(174, 73, 277, 176), parts)])
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.tree_depth, options.num_trees_per_cascade_level = 3, 2, 10
    options.oversampling_amount, options.feature_pool_size, options.num_threads = 4, 50, 1
    options.random_seed = "wsegs"
    path = tmp_path_factory.mktemp("predictor") / "tiny.dat"
    dlib.train_shape_predictor(images, faces, options).save(str(path))
    return path
