"""What ``fuzz.py`` damages, how, and who reads it: a right answer or a WsegsError that names the file is expected."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsegs.errors import WsegsError
from wsegs.io.files import shipped_folder

# What tends to break readers of text.
TOKENS = [
    *("0", "-1", "1", "nan", "inf", "-inf", "1e308", "1e-320", "1e999", "99999999999999999999", "0x10", "1_000", "٣"),
    *("0..10", "0..1000000000", "1000000000..0", "-5..5", "..", "68", "67", "x68", "y-1", "x0 - x0", "1 / (x30 - x30)"),
    *(
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "((((((((((",
        "[[[[[[[[[[",
        "&a ",
        "*a",
        "<<: *a",
        "!!python/object:os.system ",
        "!x ",
    ),
    *(
        "|",
        "&",
        "-",
        "~",
        "^",
        "**",
        "9 ** 9 ** 9",
        "'",
        '"',
        "`",
        "#",
        "%",
        "@",
        "\\",
        "\\x00",
        ": ",
        "- ",
        "? ",
        "---\n",
    ),
    *("\0", "\r", "\r\n", "\n\n", "\t", " ", "\v", "\x1b", "\ufeff", "\u2028", "é", "\ud83d\ude00", ",", ",,,", ";"),
    *("true", "null", "~", "yes", "version: 1\n", "extends: x.yaml\n", "extends: ../../../etc/passwd\n", "__class__"),
    *(
        "../",
        "/etc/passwd",
        "C:\\x",
        "a/../../b",
        ".",
        "image",
        "split",
        "identity",
        "success",
        "confidence",
        "n_points:",
    ),
]
ENCODED = [token.encode("utf-8", "surrogatepass") for token in TOKENS]


def mutate(content: bytes, rng: random.Random, *, text: bool) -> bytes:
    """Return damaged content: bytes flipped, cut out, doubled, moved or replaced; once in a while much of it."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 16, 200)))
        kind = rng.randrange(9 if text else 6)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del data[at:end]
        elif kind == 3:
            data[at:at] = data[at:end] * rng.choice((1, 1, 2, 50))
        elif kind == 4 and rng.random() < 0.3:
            del data[at:]
        elif kind == 5 and data:
            other = rng.randrange(len(data))
            data[at:end] = data[other : other + end - at]
        elif kind == 6:
            data[at:at] = rng.choice(ENCODED)
        elif kind == 7:  # a number or a word becomes another
            words = list(re.finditer(rb"[-+.\w]+", data))
            if words:
                word = rng.choice(words)
                data[word.start() : word.end()] = rng.choice(ENCODED)
        elif kind == 8 and rng.random() < 0.05:
            data[at:at] = rng.choice(ENCODED) * rng.choice((1_000, 100_000))
    return bytes(data)


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes
    ----------
    make
        Files to begin with, written into an empty folder; returns their names.
    read
        Takes the damaged file; what it raises or returns is judged.
    text
        Whether it is damaged as text, too.
    """

    make: Callable[[Path], list[str]]
    read: Callable[[Path], object]
    text: bool = True


def _files(**contents: str | bytes) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        for name, content in contents.items():
            path = folder / name.replace("__", ".")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return [name.replace("__", ".") for name in contents]

    return make


def _shipped(kind: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        names = []
        for path in sorted(shipped_folder(kind).glob("*.yaml")):
            (folder / path.name).write_bytes(path.read_bytes())
            names.append(path.name)
        return names

    return make


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
EXTENDS = """extends: base.yaml
regions:
  hull: {hull: 17..26, grow: 0.1}
  new: {polygon: [0..8]}
attributes: {Big: new}
"""


def _rules(folder: Path) -> list[str]:
    _files(rules__yaml=RULES, base__yaml=RULES, extends__yaml=EXTENDS)(folder)
    return ["rules.yaml", "extends.yaml", *_shipped("rules")(folder)]


def _faces(count: int) -> np.ndarray:
    """Landmarks as nobody expects them, (N, P, 2)."""
    rng = np.random.default_rng(0)
    face = (rng.random((count, 2)) * 40 + 12).astype(np.float32)
    huge = face * np.float32(1e6)
    same, flat = np.zeros_like(face) + 20, face * np.float32([1, 0])
    return np.stack([face, -face, huge, face * np.float32(1e30), same, flat, face * np.float32(1e-20), face * np.nan])


def _read_rules(path: Path) -> object:
    from wsegs.rules import load_rules

    rules = load_rules(path)
    return rules.draw(_faces(rules.scheme.count), (32, 32)), rules.lookup(rules.attribute_names)


def _read_attributes(path: Path) -> object:
    from wsegs.datasets.labels import read_labels
    from wsegs.datasets.tables import read_table

    return read_labels(path) if path.name.startswith("labels") else read_table(path, None)


def _read_celeba(path: Path) -> object:
    from wsegs.datasets import open_dataset

    return open_dataset(path.parent)


CELEBA = "3\nMale Smiling\n000001.jpg  1 -1\n000002.jpg -1 -1\n000003.jpg  1  1\n"
KAGGLE = "image_id,Male,Smiling\n000001.jpg,1,-1\n000002.jpg,-1,-1\n"
LABELS = 'image,Male,"Smi ling",split,identity\na.jpg,1,0,train,7\nb/c.jpg,0,,val,8\n"d,e.jpg",1,1,test,\n'
PARTITION = "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n"


def _celeba(folder: Path) -> list[str]:
    names = _files(
        list_attr_celeba__txt=CELEBA,
        list_eval_partition__txt=PARTITION,
        identity_CelebA__txt=PARTITION,
        list_landmarks_align_celeba__txt="3\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y"
        " leftmouth_x leftmouth_y rightmouth_x rightmouth_y\n"
        + "".join(f"00000{i}.jpg 69 109 106 113 77 142 73 152 108 154\n" for i in (1, 2, 3)),
    )(folder)
    (folder / "img_align_celeba").mkdir(exist_ok=True)
    for i in (1, 2, 3):
        (folder / f"img_align_celeba/00000{i}.jpg").touch()
    return names


def _mat(folder: Path) -> list[str]:
    """Write a table as LFWA has it, as MATLAB 5 and 7.3 would."""
    import h5py
    from scipy.io import savemat

    names = np.array([f"A_B\\A_B_000{i}.jpg" for i in range(4)], object).reshape(-1, 1)
    attributes = np.array(["Male", "5 o Clock Shadow"], object).reshape(-1, 1)
    label = np.array([[1, 0], [0, 0], [1, 1], [0, 1]], np.float64)
    for name, packed in (("lfw_att_40.mat", True), ("plain.mat", False)):
        arrays = {"name": names, "AttrName": attributes, "label": label}
        savemat(folder / name, arrays, do_compression=packed)
    with h5py.File(folder / "v73.mat", "w", userblock_size=512) as file:
        file["label"] = label.T
        for key, texts in (("name", names), ("AttrName", attributes)):
            cells = []
            for i, text in enumerate(texts.ravel()):
                file[f"#refs#/{key}{i}"] = np.frombuffer(text.encode("utf-16-le"), np.uint16)[:, None]
                cells.append(file[f"#refs#/{key}{i}"].ref)
            file.create_dataset(key, data=np.array(cells, h5py.ref_dtype)[None], dtype=h5py.ref_dtype)
    return ["lfw_att_40.mat", "plain.mat", "v73.mat"]


def _read_mat(path: Path) -> object:
    from wsegs.datasets.lfwa import _read_mat as read

    return read(path, path.parent / "none.mat")


def _points(count: int) -> list[tuple[float, float]]:
    return [(10.5 + i, 300 - 2.25 * i) for i in range(count)]


def _imports(folder: Path) -> list[str]:
    points = _points(5)
    header = [*(f"x_{i}" for i in range(5)), *(f"y_{i}" for i in range(5))]
    values = [*(str(x) for x, _ in points), *(str(y) for _, y in points)]
    openface = f"frame,face_id,timestamp,confidence,success,{','.join(header)}\n" + "".join(
        f"1,{face},0.0,0.9{face},1,{','.join(values)}\n" for face in (0, 1)
    )
    return _files(
        a__pts="version: 1\nn_points: 5\n{\n" + "".join(f"{x} {y}\n" for x, y in points) + "}\n",
        b__csv=openface,
        c__csv=f"image,{','.join(header)}\n" + "".join(f"{name},{','.join(values)}\n" for name in ("a.jpg", "b.jpg")),
    )(folder)


def _read_imports(path: Path) -> object:
    from wsegs.landmarks.imports import read_imports
    from wsegs.schemes import CELEBA5

    return read_imports([path], ["a.jpg", "b.jpg", "x/c.jpg"], CELEBA5)


SCHEME = """name: mine
points: 6
eyes: {left: 0, right: 2}
nose: 3
mouth: {left: 4, right: 5}
mirror: [[0, 2], [4, 5]]
average: [[-0.5, 0], [-0.4, 0], [0.5, 0], [0, 0.6], [-0.4, 1], [0.4, 1]]
"""


def _schemes(folder: Path) -> list[str]:
    import wsegs.schemes

    names = []
    for path in sorted(Path(wsegs.schemes.__file__).parent.glob("*.yaml")):
        text = path.read_text()
        (folder / path.name).write_text(text.replace(f"name: {path.stem}", "name: mine")[:20_000])
        names.append(path.name)
    return [*names, *_files(mine__yaml=SCHEME)(folder)]


def _read_scheme(path: Path) -> object:
    from wsegs.schemes import find_scheme

    return find_scheme(path)


def _read_classes(path: Path) -> object:
    from wsegs.rules.tuning.class_map import load_classes

    return load_classes(path)


def _read_refinement(path: Path) -> object:
    from wsegs.refine import load_refinement

    return load_refinement(path)


def _read_recipe(path: Path) -> object:
    from wsegs.training.recipe import read_recipe

    return read_recipe(path)


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


def _landmark_files(folder: Path) -> list[str]:
    from wsegs.landmarks.table import write_landmarks

    write_landmarks(folder / "landmarks.h5", _table())
    return ["landmarks.h5"]


def _mask_files(folder: Path) -> list[str]:
    from wsegs.geometry.frame import Frame
    from wsegs.rules import compile_rules
    from wsegs.store.writing.build import build_store

    rules = compile_rules(RULES, "rules.yaml")
    names = []
    for layout in ("regions", "dense"):
        build_store(
            _table(),
            rules,
            Frame("image", (64, 64)),
            folder / f"{layout}.h5",
            layout=layout,
            shared_attributes_only=True,
            jobs=1,
        )
        names.append(f"{layout}.h5")
    return names


def _unsealed(make: Callable[[Path], list[str]]) -> Callable[[Path], list[str]]:
    """Files as older versions wrote them, without the user block that the seal is in."""

    def make_unsealed(folder: Path) -> list[str]:
        from wsegs.io.integrity import USER_BLOCK

        names = make(folder)
        for name in names:
            (folder / name).write_bytes((folder / name).read_bytes()[USER_BLOCK:])
        return names

    return make_unsealed


def _read_landmarks(path: Path) -> object:
    from wsegs.landmarks.table import read_landmarks

    table = read_landmarks(path)
    expected = _table()
    for name in ("images", "landmarks", "status", "attributes", "identity", "split", "faces", "image_size"):
        np.testing.assert_array_equal(getattr(table, name), getattr(expected, name))
    return table


_REFERENCE: dict[str, object] = {}


def _read_masks(path: Path) -> object:
    """Read all of a store; whatever comes must be what was written."""
    from wsegs.store import MaskStore

    def everything(store: MaskStore) -> dict[str, object]:
        columns = ("images", "attributes", "landmarks", "affine", "identity", "split", "status")
        return {**{name: getattr(store, name) for name in columns}, "regions": store.regions(range(len(store)))}

    if path.name not in _REFERENCE:
        with MaskStore(path) as store:  # the first that is read is whole
            _REFERENCE[path.name] = everything(store)
        return None
    with MaskStore(path) as store:
        for name, expected in _REFERENCE[path.name].items():
            np.testing.assert_array_equal(everything(store)[name], expected)
    return None


def _read_masks_of_before(path: Path) -> object:
    """Read all of a store without a seal, in which changed labels cannot be noticed."""
    from wsegs.store import MaskStore

    with MaskStore(path) as store:
        return store.images, store.attributes, store.landmarks, store.affine, store.masks(range(len(store)))


def _read_landmarks_of_before(path: Path) -> object:
    from wsegs.landmarks.table import read_landmarks

    return read_landmarks(path)


def _journal(folder: Path) -> list[str]:
    from wsegs.landmarks.journal import Journal, record_type

    with Journal(folder / "l.h5.partial", {"of": "this"}, 20, 5, force=False) as journal:
        records = np.zeros(12, record_type(5))
        records["index"] = np.arange(12)
        journal.append(records)
    return ["l.h5.partial"]


def _read_journal(path: Path) -> object:
    from wsegs.landmarks.journal import Journal

    with Journal(path, {"of": "this"}, 20, 5, force=False) as journal:
        assert (journal.records["index"][journal.done] == np.flatnonzero(journal.done)).all()
        return journal.done


def _checkpoint(folder: Path) -> list[str]:
    import torch

    torch.save({"state_dict": {"a": torch.zeros(3)}, "global_step": 4, "text": "x"}, folder / "last.ckpt")
    return ["last.ckpt"]


def _read_checkpoint(path: Path) -> object:
    from wsegs.training.weights import read_checkpoint

    return read_checkpoint(path)


def _run(folder: Path) -> list[str]:
    from wsegs.geometry.frame import Frame
    from wsegs.training.recipe import load_recipe
    from wsegs.training.runs import RunInfo, create_run

    info = RunInfo(("Smiling", "Big"), Frame("image", (64, 64)), (64, 64), "ibug68", np.zeros((5, 2), np.float32), {})
    (folder / "run").mkdir(exist_ok=True)
    create_run(folder / "run", load_recipe("attparsenet"), info, force=True)
    return ["run/run.json", "run/recipe.yaml"]


def _read_run(path: Path) -> object:
    from wsegs.training.runs import read_run

    return read_run(path.parent)


def _png(folder: Path) -> list[str]:
    import PIL.Image

    values = np.arange(400, dtype=np.uint8).reshape(20, 20) % 19
    names = []
    for name, picture in (("grey.png", values), ("deep.png", values.astype(np.uint16))):
        buffer = io.BytesIO()
        PIL.Image.fromarray(picture).save(buffer, "PNG")
        (folder / name).write_bytes(buffer.getvalue())
        names.append(name)
    return names


def _read_png(path: Path) -> object:
    from wsegs.datasets.parsing import read_parsing

    return read_parsing(path)


TARGETS = {
    "rules": Target(_rules, _read_rules),
    "schemes": Target(_schemes, _read_scheme),
    "class-maps": Target(_shipped("rules/classes"), _read_classes),
    "refinements": Target(_shipped("rules/refine"), _read_refinement),
    "recipes": Target(_shipped("models"), _read_recipe),
    "attribute-tables": Target(
        _files(
            list__txt=CELEBA, list__csv="image_id,Male,Smiling\n000001.jpg,1,-1\n000002.jpg,-1,-1\n", labels__csv=LABELS
        ),
        _read_attributes,
    ),
    "celeba-folders": Target(_celeba, _read_celeba),
    "mat-files": Target(_mat, _read_mat, text=False),
    "pts-and-csv-imports": Target(_imports, _read_imports),
    "journals": Target(_journal, _read_journal, text=False),
    "landmark-tables": Target(_landmark_files, _read_landmarks, text=False),
    "landmark-tables-unsealed": Target(_unsealed(_landmark_files), _read_landmarks_of_before, text=False),
    "mask-stores": Target(_mask_files, _read_masks, text=False),
    "mask-stores-unsealed": Target(_unsealed(_mask_files), _read_masks_of_before, text=False),
    "checkpoints": Target(_checkpoint, _read_checkpoint, text=False),
    "runs": Target(_run, _read_run),
    "png-masks": Target(_png, _read_png, text=False),
}


def judge(target: Target, path: Path, root: Path) -> tuple[str, str]:
    """Read a damaged file; return the verdict ("read", "refused" or what went wrong) and a line about it."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            target.read(path)
    except WsegsError as error:
        line = str(error)
        if "\n" in line.replace(str(root), ""):
            return "a message of several lines", line
        if path.name not in line and path.parent.name not in line:
            return "a message without the file's name", line
        return "refused", line
    except AssertionError as error:
        return "a wrong answer", str(error)
    except Exception as error:
        return f"an exception ({type(error).__name__})", json.dumps(str(error))[:300]
    return "read", ""
