"""Read the features of a data set by several kinds of regions at once, for ``region_probe.py``.

One pass of the frozen backbone serves all kinds: their channels are pooled together. Parts are kept in a folder, so an
interrupted call goes on.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from wsegs.datasets import open_dataset
from wsegs.datasets.index import FaceDataset
from wsegs.geometry.frame import Frame
from wsegs.geometry.matrices import (
    compose,
    resize_affine,
    scale_affine,
    similarity,
    transform_points,
    turn_affine,
)
from wsegs.geometry.resample import resample_nearest
from wsegs.geometry.warp import warp_image
from wsegs.io.images import read_image
from wsegs.landmarks.table import read_landmarks
from wsegs.nets.backbones import build_backbone, find_weights, load_backbone_weights
from wsegs.nets.images import normalise
from wsegs.nets.layers.region_pooling import pool_regions
from wsegs.rules.ruleset import RuleSet, load_rules
from wsegs.schemes import IBUG68, get_scheme
from wsegs.store import MaskStore
from wsegs.training.samples.opening import landmarks_by_name

SIZE = (224, 192)  # of the recipe
REGION_SIZE = (112, 96)
FRAME = (218, 178)  # in which regions are drawn
STRIDES = (4, 8, 16)
ALL_STRIDES = (2, 4, 8, 16, 32)  # of the whole image alone, which would have too little of three
BACKBONE = "efficientnet-lite0"
WHOLE = "whole image"
KINDS = (WHOLE, "own", "mean face", "another face", "grid")
GRID = 3
_PART = 256


@dataclass(frozen=True, eq=False)
class Faces:
    """Images of a data set, each placed in the network's image.

    Attributes
    ----------
    name
        Of the folder of features.
    files, labels, identity, split
        (N,) paths; (N, A); (N,); (N,).
    matrices
        (N, 2, 3), from the image to the network's.
    landmarks
        (N, 68, 2) in the frame in which regions are drawn; nan where there is no face.
    mean_face
        (68, 2) in that frame.
    stores
        Name of a further kind -> mask store and (N,) its rows.
    rules
        Name of a further kind -> rule file.
    """

    name: str
    files: tuple[Path, ...]
    labels: NDArray[np.int8]
    identity: NDArray[np.int32]
    split: NDArray[np.int8]
    matrices: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    mean_face: NDArray[np.float32]
    stores: Mapping[str, tuple[Path, NDArray[np.intp]]] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of regions."""
        return (*KINDS, *self.stores, *self.rules)


def aligned_faces(data: Path, landmarks: Path, **further: Mapping[str, str] | Mapping[str, Path]) -> Faces:
    """Return the aligned crops of CelebA; ``stores`` and ``rules`` name further kinds of regions."""
    dataset = open_dataset(data)
    points = landmarks_by_name(read_landmarks(landmarks), dataset)
    size = dataset.image_size or FRAME
    count = len(dataset.images)
    stores = {}
    for name, path in further.get("stores", {}).items():
        rows = {image: row for row, image in enumerate(MaskStore(path).images)}
        stores[name] = (Path(path), np.array([rows[image] for image in dataset.images], np.intp))
    return _faces(
        "aligned",
        dataset,
        np.repeat(resize_affine(np.array([size]), SIZE), count, axis=0),
        points,
        stores=stores,
        rules=dict(further.get("rules", {})),  # type: ignore[arg-type]
    )


def moved_faces(aligned: Faces, count: int, seed: int = 0) -> Faces:
    """Return the aligned crops turned by up to 25 degrees, scaled by .75 to 1.2, shifted by up to 22 pixels.

    The test faces come first, then so many training faces, in an order of chance.
    """
    train = np.random.default_rng(seed).permutation(np.flatnonzero(aligned.split == 0))[:count]
    aligned = _some(aligned, np.concatenate([np.flatnonzero(aligned.split == 2), train]))
    rng = np.random.default_rng(seed)
    moves = []
    for _ in aligned.files:
        move, _ = turn_affine(FRAME, rng.uniform(-25, 25), 1.0)
        scale = rng.uniform(0.75, 1.2)
        about = np.array([[scale, 0, (1 - scale) * (FRAME[1] - 1) / 2], [0, scale, (1 - scale) * (FRAME[0] - 1) / 2]])
        about[:, 2] += rng.uniform(-22, 22, 2)
        moves.append(compose(about, move))
    matrices = np.array(moves, np.float32)
    points = transform_points(aligned.landmarks, matrices)
    return replace(
        aligned,
        name="moved",
        matrices=np.stack([scale_affine(matrix, FRAME, SIZE) for matrix in matrices]),
        landmarks=points,
        mean_face=np.nanmean(points[aligned.split == 0], axis=0),
        stores={},
        rules={},
    )


def _some(faces: Faces, rows: NDArray[np.intp]) -> Faces:
    return replace(
        faces,
        files=tuple(faces.files[row] for row in rows),
        labels=faces.labels[rows],
        identity=faces.identity[rows],
        split=faces.split[rows],
        matrices=faces.matrices[rows],
        landmarks=faces.landmarks[rows],
        stores={},
        rules={},
    )


def wild_faces(data: Path, landmarks: Path) -> Faces:
    """Return CelebA's images in the wild by crops about the face, as ``wsegs masks --frame face`` makes them."""
    dataset, points = _with_face(open_dataset(data, images="wild"), landmarks)
    five = IBUG68.five_points(points)
    matrices = Frame("face", FRAME).affine(five, np.zeros((len(five), 2), np.int32))
    return _faces(
        "wild",
        dataset,
        np.stack([scale_affine(matrix, FRAME, SIZE) for matrix in matrices]),
        transform_points(points, matrices),
    )


def brought_faces(name: str, data: Path, landmarks: Path, trained: Faces, images: str | None = None) -> Faces:
    """Return images that ``evaluate`` brings to where the aligned training images have their faces."""
    dataset, points = _with_face(open_dataset(data, images=images), landmarks)
    train = trained.split == 0
    target = np.nanmean(IBUG68.five_points(trained.landmarks[train]), axis=0)
    if dataset.aligned_points is not None:
        into_frame = np.repeat(similarity(dataset.aligned_points, target)[None], len(points), axis=0)
    else:
        into_frame = np.stack([similarity(each, target) for each in IBUG68.five_points(points)])
    matrices = np.stack([scale_affine(matrix, FRAME, SIZE) for matrix in into_frame])
    faces = _faces(name, dataset, matrices, transform_points(points, into_frame))
    return replace(faces, mean_face=trained.mean_face)


def _with_face(dataset: FaceDataset, landmarks: Path) -> tuple[FaceDataset, NDArray[np.float32]]:
    points = landmarks_by_name(read_landmarks(landmarks), dataset)
    found = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))
    some = replace(
        dataset,
        images=tuple(dataset.images[row] for row in found),
        attributes=dataset.attributes[found],
        identity=dataset.identity[found],
        split=dataset.split[found],
        boxes=None,
        points=None,
    )
    return some, points[found]


def _faces(
    name: str,
    dataset: FaceDataset,
    matrices: NDArray[np.float32],
    points: NDArray[np.float32],
    stores: Mapping[str, tuple[Path, NDArray[np.intp]]] | None = None,
    rules: Mapping[str, str] | None = None,
) -> Faces:
    return Faces(
        name,
        tuple(dataset.root / image for image in dataset.images),
        dataset.attributes,
        dataset.identity,
        dataset.split,
        np.asarray(matrices, np.float32),
        np.asarray(points, np.float32),
        np.asarray(np.nanmean(points[dataset.split == 0], axis=0), np.float32),
        stores or {},
        rules or {},
    )


def read_features(faces: Faces, kind: str, cache: Path, jobs: int) -> list[NDArray[np.float16]]:
    """Return the features of faces by a kind of regions: a block (N, R + 1, C) for each of its strides.

    Where they are not in the cache, those of all kinds are read from the images.
    """
    folder = cache / faces.name
    folder.mkdir(parents=True, exist_ok=True)
    parts = [np.arange(first, min(first + _PART, len(faces.files))) for first in range(0, len(faces.files), _PART)]
    if not all(_file(folder, rows, kind).exists() for rows in parts):
        _read_parts(faces, parts, folder, jobs)
    found = []
    for rows in parts:
        with np.load(_file(folder, rows, kind)) as part:
            found.append([part[str(stride)] for stride in strides_of(kind)])
    return [np.concatenate(blocks) for blocks in zip(*found, strict=True)]


def strides_of(kind: str) -> tuple[int, ...]:
    """Return the strides of a kind's features."""
    return ALL_STRIDES if kind == WHOLE else STRIDES


def _read_parts(faces: Faces, parts: Sequence[NDArray[np.intp]], folder: Path, jobs: int) -> None:
    tasks = []
    for rows in parts:
        kinds = [kind for kind in faces.kinds if not _file(folder, rows, kind).exists()]
        if kinds:
            tasks.append((rows, kinds, folder))
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(jobs, len(tasks)), initializer=_prepare, initargs=(faces,)) as pool:
        for done, _ in enumerate(pool.imap_unordered(_read_part, tasks), 1):
            print(f"{faces.name}: {done} of {len(tasks)} parts", flush=True)


def _file(folder: Path, rows: NDArray[np.intp], kind: str) -> Path:
    return folder / f"{rows[0]:06d}-{kind.replace(' ', '_')}.npz"


_faces_of_process: list[Faces] = []
_backbone_of_process: list[torch.nn.Module] = []


def load_backbone(strides: Sequence[int] = STRIDES, name: str = BACKBONE) -> torch.nn.Module:
    """Return the frozen backbone with its weights."""
    backbone = build_backbone(name, strides)
    load_backbone_weights(backbone, name, find_weights(name, None))
    return backbone.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _prepare(faces: Faces) -> None:
    torch.set_num_threads(1)
    _faces_of_process.append(faces)
    _backbone_of_process.append(load_backbone(ALL_STRIDES))


def _read_part(task: tuple[NDArray[np.intp], list[str], Path]) -> None:
    rows, kinds, folder = task
    faces, backbone = _faces_of_process[0], _backbone_of_process[0]
    found: dict[str, dict[int, list[NDArray[np.float16]]]] = {
        kind: {stride: [] for stride in STRIDES} for kind in kinds
    }
    for first in range(0, len(rows), 16):
        some = rows[first : first + 16]
        crops = np.stack([warp_image(read_image(faces.files[row]), faces.matrices[row], SIZE) for row in some])
        images = normalise(torch.from_numpy(crops).permute(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
        channels = [_drawn(faces, kind, some) for kind in kinds]
        regions = torch.from_numpy(np.concatenate(channels, axis=1))
        ends = np.cumsum([drawn.shape[1] for drawn in channels])[:-1]
        with torch.inference_mode():
            for stride, maps in backbone(images).items():
                pooled = pool_regions(maps, regions).half().numpy()
                for kind, block in zip(kinds, np.split(pooled[:, :-1], ends, axis=1), strict=True):
                    if stride not in strides_of(kind):
                        continue
                    of_regions = block[:, :0] if kind == WHOLE else block
                    found[kind].setdefault(stride, []).append(np.concatenate([of_regions, pooled[:, -1:]], axis=1))
    for kind, blocks in found.items():
        path = _file(folder, rows, kind)
        temporary = path.with_name(f".{path.name}")
        arrays = {str(stride): np.concatenate(parts) for stride, parts in blocks.items()}
        np.savez(temporary, **arrays)  # type: ignore[arg-type]
        temporary.rename(path)


_rules: dict[str, RuleSet] = {}
_others_of: dict[str, NDArray[np.intp]] = {}


def _drawn(faces: Faces, kind: str, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the regions (n, R, h, w) of a kind."""
    if kind == WHOLE:
        return np.ones((len(rows), 1, *REGION_SIZE), np.float32)  # a region that is everything is dropped again
    if kind == "grid":
        cells = np.zeros((GRID * GRID, *REGION_SIZE), np.float32)
        down, across = (np.arange(length) * GRID // length for length in REGION_SIZE)
        for cell in range(GRID * GRID):
            cells[cell] = (down == cell // GRID)[:, None] & (across == cell % GRID)
        return np.repeat(cells[None], len(rows), axis=0)
    name = faces.rules.get(kind, "celeba")
    if name not in _rules:
        _rules[name] = load_rules(name)
    rules = _rules[name]
    points = faces.landmarks[rows]
    if kind == "another face":  # its neighbour among the faces of other people, in an order of chance
        if faces.name not in _others_of:
            _others_of[faces.name] = _others(faces)
        points = faces.landmarks[_others_of[faces.name][rows]]
    missing = np.logical_or(~np.isfinite(points).all(axis=(1, 2)), kind == "mean face")
    points = np.where(missing[:, None, None], faces.mean_face, points)
    if rules.scheme.name != IBUG68.name:
        points = IBUG68.convert(points.astype(np.float32), get_scheme(rules.scheme.name))
    drawn = resample_nearest(rules.draw(points, FRAME), REGION_SIZE, np.bitwise_or).astype(np.int64)
    if kind in faces.stores:
        path, stored = faces.stores[kind]
        with MaskStore(path) as store:
            drawn[~missing] = store.regions(stored[rows[~missing]], REGION_SIZE)
    bits = np.arange(len(rules.region_names))[:, None, None]
    return ((drawn[:, None] >> bits) & 1).astype(np.float32)


def _others(faces: Faces) -> NDArray[np.intp]:
    """Return for each face one of another person in the same part of the data set."""
    rng = np.random.default_rng(0)
    others = np.arange(len(faces.files))
    known = np.isfinite(faces.landmarks).all(axis=(1, 2))
    for split in np.unique(faces.split):
        candidates = np.flatnonzero((faces.split == split) & known)
        for row in np.flatnonzero(faces.split == split):
            while faces.identity[others[row]] == faces.identity[row]:
                others[row] = rng.choice(candidates)
    return others
