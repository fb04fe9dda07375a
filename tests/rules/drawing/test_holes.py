"""Masks have no holes but those that their shapes have: halves meet, and neighbours that overlap leave no slit."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely

from wsegs.datasets import open_dataset
from wsegs.io.files import shipped_folder
from wsegs.landmarks.find import find_landmarks
from wsegs.rules import RuleSet, compile_rules, load_rules
from wsegs.rules.drawing.outlines import face_corners, needs_geometry, polygons_of_shape, sides
from wsegs.rules.drawing.scope import Views
from wsegs.rules.language.region_expressions import bits_of
from wsegs.schemes import IBUG68

SMALL = 12  # pixels; larger holes are gaps that can be seen in the shapes themselves
UNIONS = ("Bald", "Chubby", "Double_Chin", "Eyeglasses", "Heavy_Makeup", "No_Beard", "Wearing_Necklace", "Young")


def small_holes(mask: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Return the box (left, top, right, bottom), ends included, of each small part of the background in a mask.

    Pixels that touch at a corner are together, so the tip of a wedge between two shapes is no hole.
    """
    height, width = mask.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=8)
    boxes = [(x, y, x + w - 1, y + h - 1) for x, y, w, h, area in stats[1:].tolist() if area <= SMALL]
    return [box for box in boxes if min(box[:2]) > 0 and box[2] < width - 1 and box[3] < height - 1]


def exact_shapes(rules: RuleSet, faces: np.ndarray) -> list[list[np.ndarray]]:
    """Return each region's shapes, (N,) shapely geometries in pixels, neither moved nor rounded; halves are joined."""
    program = rules.program
    views = Views(np.rint(faces) if program.integer_landmarks else faces, program.scheme, program.parameters)
    regions: list[list[np.ndarray]] = []
    for region in program.regions:
        regions.append([])
        for shape in region.shapes:
            geometries = []
            assert not needs_geometry(shape)
            for mirrored in sides(shape):
                polygons, drawn = polygons_of_shape(shape, mirrored, views.with_names(region.let))
                for polygon in polygons:
                    corners, usable = face_corners(polygon)
                    valid = shapely.buffer(shapely.make_valid(shapely.polygons(corners)), 0)
                    geometries.append(np.where(drawn & usable, valid, shapely.Polygon()))
            regions[-1].append(reduce(shapely.union, geometries))
    return regions


def unasked_holes(rules: RuleSet, faces: np.ndarray, size: tuple[int, int]) -> list[str]:
    """Name each small hole of a region, or of a union of regions, that lies a pixel deep within one of its shapes.

    Less than that is what moving outlines inwards and rounding them to pixels may take from the shapes.
    """
    exact = exact_shapes(rules, faces)
    parts = {f"region {name}": 1 << bit for bit, name in enumerate(rules.region_names)}
    parts |= {name: bits_of(rule.regions) for name, rule in rules.program.attributes.items() if name in UNIONS}
    found = []
    for face, drawn in enumerate(rules.draw(faces, size)):
        for name, bits in parts.items():
            for left, top, right, bottom in small_holes((drawn & drawn.dtype.type(bits)) != 0):
                around = shapely.box(left - 1, top - 1, right + 1, bottom + 1)
                shapes = [shape[face] for bit, of_region in enumerate(exact) if bits >> bit & 1 for shape in of_region]
                if any(shapely.difference(around, shape).area < 0.02 for shape in shapes):
                    found.append(f"{name} of face {face} at {left}, {top}")
    return found


def turned(landmarks: np.ndarray, count: int) -> np.ndarray:
    """Return one face turned and scaled in many ways, (count, P, 2), in a frame 178 wide and 218 high."""
    generator = np.random.default_rng(14)
    centred = landmarks.astype(float) - landmarks.mean(axis=0)
    length = np.linalg.norm(np.ptp(centred, axis=0))
    faces = []
    for turn in np.linspace(-0.9, 0.9, count):
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        faces.append(centred @ matrix * generator.uniform(40, 130) / length + generator.uniform(80, 110, 2))
    return np.array(faces)


@pytest.fixture(scope="module")
def shipped_faces(tmp_path_factory, astronaut_landmarks) -> np.ndarray:
    """The astronaut and Grace Hopper, each turned in sixty ways, (120, 68, 2)."""
    dataset = open_dataset(shipped_folder("faces"))
    table = find_landmarks(dataset, tmp_path_factory.mktemp("holes") / "l.h5", detectors=("dlib",), jobs=1)
    assert table.found.all()
    return np.concatenate([turned(face, 60) for face in table.landmarks])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attparsenet-2020", "celeba", "celeba-5points", "celeba-478points"])
def test_no_hole_that_no_shape_asks_for(name, shipped_faces, mediapipe_landmarks):
    rules = load_rules(name)
    faces = {
        "ibug68": shipped_faces,
        "celeba5": IBUG68.five_points(shipped_faces),
        "mediapipe478": np.concatenate([turned(face, 60) for face in mediapipe_landmarks.values()]),
    }[rules.scheme.name]
    assert unasked_holes(rules, faces, (218, 178)) == []


@pytest.mark.parametrize(
    "half",
    [
        "[[-0.5, -0.5], {between: [21, 22]}, 8, [-0.5, 0.5]]",  # the seam is not at x = 0 of a turned face
        "[0, {points: 27, offset: [0.03, 0]}, {points: 8, offset: [0.01, 0]}]",  # halves that overlap a little
        "[0, {points: 27, offset: [-0.01, 0]}, {points: 8, offset: [0.02, 0]}]",  # and that miss each other a little
        "[0, 17, {points: 27, offset: [-0.4, 0]}, {mean: [21, 22]}, 33, 8]",
    ],
)
def test_halves_meet(half, shipped_faces):
    text = f"{{version: 1, scheme: ibug68, space: face, regions: {{it: {{polygon: {half}, mirror: true}}}}}}"
    for mask in compile_rules(text, "t").draw(shipped_faces, (218, 178)):
        assert small_holes(mask.astype(bool)) == []


def test_halves_that_are_apart_stay_apart(shipped_faces):
    text = "{version: 1, scheme: ibug68, space: face, regions: {it: {polygon: [%s], mirror: true}}}"
    apart = ", ".join(f"{{points: {point}, offset: [-0.1, 0]}}" for point in (27, 8)) + ", 4, 0"
    for mask in compile_rules(text % apart, "t").draw(shipped_faces, (218, 178)):
        assert cv2.connectedComponents(mask.astype(np.uint8))[0] == 3  # with the background


@pytest.fixture(scope="module")
def real_faces(tmp_path_factory, shared_data) -> np.ndarray:
    """The landmarks of 500 official aligned crops, (N, 68, 2)."""
    folder = tmp_path_factory.mktemp("crops")
    for path in sorted((shared_data / "celeba" / "Img" / "img_align_celeba").glob("*.jpg"))[:500]:
        Path(folder, path.name).symlink_to(path)
    table = find_landmarks(open_dataset(folder), folder / "l.h5", detectors=("dlib",), jobs=1)
    return table.landmarks[table.found].astype(float)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["celeba", "attparsenet-2020"])
def test_no_hole_that_no_shape_asks_for_on_500_real_faces(name, real_faces):
    assert len(real_faces) >= 480
    assert unasked_holes(load_rules(name), real_faces, (218, 178)) == []


@pytest.mark.slow
def test_neighbours_of_celeba_overlap(real_faces):
    """Fitted regions leave slits between them; on few faces are these not covered by their neighbours."""
    rules = load_rules("celeba")
    drawn = rules.draw(real_faces, (218, 178))
    for name in UNIONS:
        bits = drawn.dtype.type(bits_of(rules.program.attributes[name].regions))
        with_holes = [bool(small_holes((regions & bits) != 0)) for regions in drawn]
        assert np.mean(with_holes) < (0.45 if name == "Young" else 0.1), name  # before: Young .92, Bald .44, Chubby .33
