"""The kinds of file that wsegs reads: whole examples to damage, and what reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path

import numpy as np

from wsegs.io.files import shipped_folder

Make = Callable[[Path], list[str]]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    make
        Write whole files into an empty folder and return their names.
    read
        Read a damaged file; its exception or assertion is judged.
    text
        Whether the files are damaged as text, too.
    """

    make: Make
    read: Callable[[Path], object]
    text: bool = True


def _files(contents: dict[str, str]) -> Make:
    def make(folder: Path) -> list[str]:
        for name, content in contents.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content)
        return list(contents)

    return make


def _shipped(kind: str) -> Make:
    paths = sorted(shipped_folder(kind).glob("*.yaml"))
    return _files({path.name: path.read_text() for path in paths})


def _call(entry: str) -> Callable[..., object]:
    """Return what calls ``module:function``, which is imported when it is called."""
    module, name = entry.split(":")
    return lambda *arguments: getattr(import_module(module), name)(*arguments)


RULES = """version: 1
scheme: ibug68
space: face
parameters: {turn: x30, unsure: 1 / (x30 - x30), half: 0.5}
regions:
  hull: {hull: 17..26, grow: 0.02}
  curve: {curve: 0..16, grow: -0.02}
  ellipse: {ellipse: {center: 30, radii: [0.2, 0.1 + turn], angle: 100 * turn}, mirror: true}
  line: {line: {points: 17..21, thickness: 0.1}, mirror: true, when: turn > 0 and not (x0 < y1 or half == 2)}
  box: {box: 27..35, space: image}
  joined: {union: [{polygon: 36..41, mirror: true}, {circle: {center: 30, radius: 0.1}}], grow: 0.05 + turn / 10}
  cut: {difference: [{hull: 0..16}, {curve: 48..59, when: turn > 0}, {box: 36..47, space: image}]}
  along: {polygon: [{along: 0..16, count: 7}, {curve: [{mean: 42..47}, 27, {mean: 36..41}]}]}
  moved: {polygon: [0..8, {points: 8..0, offset: [0, iod / 9], space: image}], mirror: true}
  rest: {shapes: [{circle: {center: 33, radius: 0.6}}], minus: hull | box, within: curve}
attributes: {Smiling: joined, Eyeglasses: box | cut - (hull & curve), Big: hull | curve}
"""
EXTENDS = (
    "extends: base.yaml\nregions: {hull: {hull: 17..26, grow: 0.1}, new: {polygon: [0..8]}}\nattributes: {Big: new}\n"
)
SCHEME = """name: mine
points: 6
eyes: {left: 0, right: 2}
nose: 3
mouth: {left: 4, right: 5}
mirror: [[0, 2], [4, 5]]
average: [[-0.5, 0], [-0.4, 0], [0.5, 0], [0, 0.6], [-0.4, 1], [0.4, 1]]
"""
CELEBA = "3\nMale Smiling\n000001.jpg  1 -1\n000002.jpg -1 -1\n000003.jpg  1  1\n"
KAGGLE = "image_id,Male,Smiling\n000001.jpg,1,-1\n000002.jpg,-1,-1\n"
LABELS = 'image,Male,"Smi ling",split,identity\na.jpg,1,0,train,7\nb/c.jpg,0,,val,8\n"d,e.jpg",1,1,test,\n'
PARTITION = "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n"
POINTS = (
    "3\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y\n"
)
POINTS += "".join(f"00000{i}.jpg 69 109 106 113 77 142 73 152 108 154\n" for i in (1, 2, 3))
_COLUMNS = ",".join(f"{axis}_{i}" for axis in "xy" for i in range(5))
FIVE = [[100.5, 120], [180, 121.25], [140, 160], [110, 200], [170, 201]]
_VALUES = ",".join([*(f"{x}" for x, _ in FIVE), *(f"{y}" for _, y in FIVE)])
IMPORTS = {
    "a.pts": "version: 1\nn_points: 5\n{\n" + "".join(f"{x + 1} {y + 1}\n" for x, y in FIVE) + "}\n",
    "b.csv": f"frame,face_id,timestamp,confidence,success,{_COLUMNS}\n"
    + "".join(f"1,{face},0.0,0.9{face},1,{_VALUES}\n" for face in (0, 1)),
    "c.csv": f"image,{_COLUMNS}\na.jpg,{_VALUES}\nb.jpg,{_VALUES}\n",
    "d.tsv": f"input,FaceScore,{_COLUMNS},image_width,image_height\na,0.5,{_VALUES},400,500\n".replace(",", ";"),
    "x/c.pts": "".join(f"{x + 1} {y + 1}\n" for x, y in FIVE),
    "b.txt": "5\n" + "".join(f"{x + 1} {y + 1}\n" for x, y in FIVE),
}
JSON_IMPORTS = {
    "coco.json": json.dumps(
        {
            "images": [
                {"id": i, "file_name": f"{name}.jpg", "width": 400, "height": 500} for i, name in enumerate("ab")
            ],
            "annotations": [
                {
                    "id": i,
                    "image_id": i % 2,
                    "keypoints": [v for point in FIVE for v in (*point, 2)],
                    "score": 0.5 + i / 9,
                }
                for i in range(3)
            ],
        },
        indent=1,
    ),
    "a.json": json.dumps(
        {
            "shapes": [
                {"label": f"p{i}", "points": [point], "group_id": None, "shape_type": "point"}
                for i, point in enumerate(FIVE)
            ],
            "imagePath": "..\\a.jpg",
            "imageWidth": 400,
            "imageHeight": 500,
        }
    ),
}
_PARTS = "".join(f"<part name='{i}' x='{x}' y='{y}'/>" for i, (x, y) in enumerate(FIVE))
_POINTS = "".join(f'<points label="{i}" points="{x},{y}"/>' for i, (x, y) in enumerate(FIVE))
XML_IMPORTS = {
    "imglab.xml": "<?xml version='1.0' encoding='ISO-8859-1'?><dataset><images><image file='a.jpg' width='400'"
    f" height='500'><box top='1' left='2' width='3' height='4'>{_PARTS}</box></image></images></dataset>",
    "cvat.xml": '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE annotations><annotations><version>1.1</version>'
    f'<image id="0" name="a.jpg" width="400" height="500">{_POINTS}</image><image id="1" name="x/c.jpg" width="400"'
    f' height="500"><points label="f" points="{";".join(f"{x},{y}" for x, y in FIVE)}"/></image></annotations>',
}


def _rules(folder: Path) -> list[str]:
    _files({"base.yaml": RULES})(folder)
    return [*_files({"rules.yaml": RULES, "extends.yaml": EXTENDS})(folder), *_shipped("rules")(folder)]


def _read_rules(path: Path) -> object:
    from wsegs.rules import load_rules

    rules = load_rules(path)
    face = (np.random.default_rng(0).random((rules.scheme.count, 2)) * 40 + 12).astype(np.float32)
    odd = [face, -face, face * np.float32(1e6), face * np.float32(1e30), np.zeros_like(face) + 20]
    odd += [face * np.float32([1, 0]), face * np.float32(1e-20), face * np.nan]
    return rules.draw(np.stack(odd), (32, 32)), rules.lookup(rules.attribute_names)


def _schemes(folder: Path) -> list[str]:
    import wsegs.schemes

    paths = sorted(Path(wsegs.schemes.__file__).parent.glob("*.yaml"))
    texts = {path.name: path.read_text().replace(f"name: {path.stem}", "name: mine")[:20_000] for path in paths}
    return _files({**texts, "mine.yaml": SCHEME})(folder)


def _read_attributes(path: Path) -> object:
    if path.name.startswith("labels"):
        return _call("wsegs.datasets.labels:read_labels")(path)
    return _call("wsegs.datasets.tables.numeric:read_table")(path, None)


def _celeba(folder: Path) -> list[str]:
    (folder / "img_align_celeba").mkdir(exist_ok=True)
    for i in (1, 2, 3):
        (folder / f"img_align_celeba/00000{i}.jpg").touch()
    tables = {"list_attr_celeba.txt": CELEBA, "list_eval_partition.txt": PARTITION, "identity_CelebA.txt": PARTITION}
    return _files({**tables, "list_landmarks_align_celeba.txt": POINTS})(folder)


def _mat(folder: Path) -> list[str]:
    """Write a table as LFWA has it, as MATLAB 5 and 7.3 would."""
    import h5py
    from scipy.io import savemat

    names = np.array([f"A_B\\A_B_000{i}.jpg" for i in range(4)], object).reshape(-1, 1)
    attributes = np.array(["Male", "5 o Clock Shadow"], object).reshape(-1, 1)
    label = np.array([[1, 0], [0, 0], [1, 1], [0, 1]], np.float64)
    for name, packed in (("lfw_att_40.mat", True), ("plain.mat", False)):
        savemat(folder / name, {"name": names, "AttrName": attributes, "label": label}, do_compression=packed)
    with h5py.File(folder / "v73.mat", "w", userblock_size=512) as file:
        file["label"] = label.T
        for key, texts in (("name", names), ("AttrName", attributes)):
            cells = []
            for i, text in enumerate(texts.ravel()):
                file[f"#refs#/{key}{i}"] = np.frombuffer(text.encode("utf-16-le"), np.uint16)[:, None]
                cells.append(file[f"#refs#/{key}{i}"].ref)
            file.create_dataset(key, data=np.array(cells, h5py.ref_dtype)[None], dtype=h5py.ref_dtype)
    return ["lfw_att_40.mat", "plain.mat", "v73.mat"]


def _array_imports(folder: Path) -> list[str]:
    np.save(folder / "a.npy", np.array([FIVE], np.float32))
    np.savez(folder / "many.npz", landmarks=np.array([FIVE, FIVE]), names=np.array(["b", "x/c.jpg"]))
    np.savez_compressed(folder / "packed.npz", **{"a.jpg": np.array(FIVE)})
    return ["a.npy", "many.npz", "packed.npz"]


def _read_imports(path: Path) -> object:
    """Read and join a file, and doubt what comes."""
    from wsegs.landmarks.imports import read_imports
    from wsegs.landmarks.plausible import Faces, check_faces
    from wsegs.schemes import CELEBA5

    images = ["a.jpg", "b.jpg", "x/c.jpg"]
    imported = read_imports([path], images, CELEBA5)
    rows = np.flatnonzero(imported.found)
    assert np.isfinite(imported.landmarks[rows]).all()
    faces = Faces(
        points=imported.landmarks[rows].astype(np.float64),
        sizes=np.full((len(rows), 2), (400, 500)),
        made_on=imported.sizes[rows],
        first=imported.first[rows],
        images=[images[row] for row in rows],
        places=[imported.places[row] for row in rows],
        orientation=lambda row: 1 + row,
    )
    check_faces(faces, CELEBA5)
    return imported


def _table():
    from wsegs.landmarks.table import LandmarkTable
    from wsegs.schemes import IBUG68

    rng = np.random.default_rng(0)
    points = (rng.random((6, 68, 2)) * 60).astype(np.float32)
    points[5] = np.nan
    return LandmarkTable(
        scheme=IBUG68,
        images=tuple(f"{i}.jpg" for i in range(6)),
        landmarks=points,
        status=np.array([1, 1, 1, 1, 1, 0], np.uint8),
        status_names=("none", "dlib"),
        faces=np.ones(6, np.int16),
        boxes=np.full((6, 4), np.nan, np.float32),
        image_size=np.full((6, 2), 64, np.int32),
        attribute_names=("Smiling", "Big"),
        attributes=rng.integers(-1, 2, (6, 2)).astype(np.int8),
        identity=np.arange(6, dtype=np.int32),
        split=np.zeros(6, np.int8),
        provenance={"data": {"name": "folder", "root": "nowhere"}},
    )


def _landmarks(folder: Path) -> list[str]:
    _call("wsegs.landmarks.table:write_landmarks")(folder / "landmarks.h5", _table())
    return ["landmarks.h5"]


def _read_landmarks(path: Path) -> None:
    from wsegs.landmarks.table import read_landmarks

    table, expected = read_landmarks(path), _table()
    for field in fields(expected):
        if field.name not in ("scheme", "provenance"):
            np.testing.assert_array_equal(getattr(table, field.name), getattr(expected, field.name))


def _masks(folder: Path) -> list[str]:
    from wsegs.geometry.frame import Frame
    from wsegs.rules import compile_rules
    from wsegs.store.writing.build import build_store

    rules, frame = compile_rules(RULES, "rules.yaml"), Frame("image", (64, 64))
    for layout in ("regions", "dense"):
        build_store(_table(), rules, frame, folder / f"{layout}.h5", layout=layout, shared_attributes_only=True, jobs=1)
    return ["regions.h5", "dense.h5"]


_WRITTEN: dict[str, dict[str, object]] = {}


def _read_masks(path: Path) -> None:
    """Read all of a store; whatever comes must be what was written, which is what comes from the first."""
    from wsegs.store import MaskStore

    with MaskStore(path) as store:
        columns = ("images", "attributes", "landmarks", "affine", "identity", "split", "status")
        found = {name: getattr(store, name) for name in columns} | {"regions": store.regions(range(len(store)))}
    for name, expected in _WRITTEN.setdefault(path.name, found).items():
        np.testing.assert_array_equal(found[name], expected)


class _ChanceRows:
    """Features of chance, by row."""

    def __len__(self) -> int:
        return 70

    def read(self, rows: np.ndarray) -> object:
        from wsegs.features.build import Rows

        values = np.stack([np.random.default_rng(row).normal(size=(3, 5)) for row in rows]).astype(np.float16)
        return Rows({"s8": values}, np.ones(len(rows), np.uint8))

    def stream(self, parts: object, jobs: int) -> None:
        return None


def _features(folder: Path) -> list[str]:
    from wsegs.features.build import build_features

    names = tuple(f"{row:02}.jpg" for row in range(70))
    build_features(_ChanceRows(), names, ("a", "b"), {"of": "chance"}, folder / "features.h5", jobs=1)
    return ["features.h5"]


def _read_features(path: Path) -> None:
    """Read all features; whatever comes must be what was written."""
    from wsegs.features.reader import FeatureStore

    with FeatureStore(path) as features:
        expected = _ChanceRows().read(np.arange(70)).blocks["s8"]  # type: ignore[attr-defined]
        np.testing.assert_array_equal(features.matrix(range(70)), expected.reshape(70, -1))
        assert (features.status == 1).all()


def _read_older_masks(path: Path) -> object:
    """Read all of a store without digests, in which changed labels cannot be noticed."""
    from wsegs.store import MaskStore

    with MaskStore(path) as store:
        return store.images, store.attributes, store.landmarks, store.affine, store.masks(range(len(store)))


def _without_digests(make: Make) -> Make:
    """Write files as older versions did, without the user block that holds the digests."""

    def make_older(folder: Path) -> list[str]:
        from wsegs.io.integrity import USER_BLOCK

        names = make(folder)
        for name in names:
            (folder / name).write_bytes((folder / name).read_bytes()[USER_BLOCK:])
        return names

    return make_older


def _journal(folder: Path) -> list[str]:
    from wsegs.io.journal import Journal

    with Journal(folder / "l.h5.partial", "test 1", {"of": "this"}, force=False) as journal:
        journal.write((key, bytes([key]) * 3000) for key in range(12))
    return ["l.h5.partial"]


def _read_journal(path: Path) -> None:
    from wsegs.io.journal import Journal

    with Journal(path, "test 1", {"of": "this"}, force=False) as journal:
        assert all(value == bytes([key]) * 3000 for key, value in journal.read())
        journal.write([(3, b"\3" * 3000), (20, b"\x14" * 3000)])
    path.with_name(f"{path.name}-wal").unlink(missing_ok=True)


def _checkpoint(folder: Path) -> list[str]:
    import torch

    torch.save({"state_dict": {"a": torch.zeros(3)}, "global_step": 4, "text": "x"}, folder / "last.ckpt")
    return ["last.ckpt"]


def _run(folder: Path) -> list[str]:
    import PIL.Image

    from wsegs.training.recipe import load_recipe
    from wsegs.training.resolve import Overrides, resolve
    from wsegs.training.runs import create_run, describe_run
    from wsegs.training.samples.opening import open_planned, rows_of
    from wsegs.training.samples.record import Recorded

    (folder / "data").mkdir(exist_ok=True)
    names = [f"{i}.png" for i in range(6)]
    for name in names:
        PIL.Image.new("RGB", (8, 8)).save(folder / "data" / name)
    labels = "".join(f"{name},{i % 2},{i // 3}\n" for i, name in enumerate(names))
    (folder / "data" / "labels.csv").write_text("image,Smiling,Big\n" + labels)
    recipe = load_recipe("basic", {"network.width": 0.1, "size": (64, 64), "max_steps": 2})
    plan = resolve(recipe, Overrides(data=folder / "data"))
    source = open_planned(plan.main, plan.network.size)
    rows = rows_of(source, fraction=0.2, hold_out="images", limit=0)
    (folder / "run").mkdir(exist_ok=True)
    create_run(folder / "run", recipe, plan, describe_run(plan, source, rows), [Recorded(source, rows)], force=True)
    return ["run/run.json", "run/plan.json"]


def _png(folder: Path) -> list[str]:
    import PIL.Image

    values = np.arange(400, dtype=np.uint8).reshape(20, 20) % 19
    PIL.Image.fromarray(values).save(folder / "grey.png")
    PIL.Image.fromarray(values.astype(np.uint16)).save(folder / "deep.png")
    return ["grey.png", "deep.png"]


KINDS = {
    "rules": Kind(_rules, _read_rules),
    "schemes": Kind(_schemes, _call("wsegs.schemes:find_scheme")),
    "class-maps": Kind(_shipped("rules/classes"), _call("wsegs.rules.tuning.class_map:load_classes")),
    "refinements": Kind(_shipped("rules/refine"), _call("wsegs.refine:load_refinement")),
    "recipes": Kind(_shipped("models"), _call("wsegs.training.recipe:read_recipe")),
    "attribute-tables": Kind(_files({"list.txt": CELEBA, "list.csv": KAGGLE, "labels.csv": LABELS}), _read_attributes),
    "celeba-folders": Kind(_celeba, lambda path: _call("wsegs.datasets:open_dataset")(path.parent)),
    "mat-files": Kind(
        _mat, lambda path: _call("wsegs.datasets.layouts.lfwa:_read_mat")(path, path.parent / "none"), text=False
    ),
    "pts-and-csv-imports": Kind(_files(IMPORTS), _read_imports),
    "json-imports": Kind(_files(JSON_IMPORTS), _read_imports),
    "xml-imports": Kind(_files(XML_IMPORTS), _read_imports),
    "array-imports": Kind(_array_imports, _read_imports, text=False),
    "journals": Kind(_journal, _read_journal, text=False),
    "landmark-tables": Kind(_landmarks, _read_landmarks, text=False),
    "older-landmark-tables": Kind(
        _without_digests(_landmarks), _call("wsegs.landmarks.table:read_landmarks"), text=False
    ),
    "mask-stores": Kind(_masks, _read_masks, text=False),
    "older-mask-stores": Kind(_without_digests(_masks), _read_older_masks, text=False),
    "features": Kind(_features, _read_features, text=False),
    "checkpoints": Kind(_checkpoint, _call("wsegs.training.weights:read_checkpoint"), text=False),
    "runs": Kind(_run, lambda path: _call("wsegs.training.runs:read_run")(path.parent)),
    "png-masks": Kind(_png, _call("wsegs.datasets.parsing:read_parsing"), text=False),
}
