"""The card of an exported network: what another program needs to use it, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from wsegs import __version__
from wsegs.evaluation.runs import Run, thresholds_of
from wsegs.io.files import sha256_of
from wsegs.model_export.module import MAPS, SCORES, ExportedNetwork, Input
from wsegs.tasks.identity import Identity
from wsegs.training.run_folder import INFO, PLAN

CARD_FORMAT = 1

DATA_LICENCES = (
    "CelebA, LFWA and CelebAMask-HQ are for non-commercial research; weights that were trained on them carry that on.",
    "Landmarks of dlib's 68-point model were trained on iBUG 300-W, whose licence excludes commercial use.",
)

_MEANINGS = {
    "attributes": "logits; an attribute is present from its threshold on; the sigmoid is its probability",
    "category": "logits; the softmax is the probability of each category",
    "identity": "logits; the softmax is the probability of each person",
    "number": "the number, in the unit of the labels",
}


def describe(run: Run, exported: ExportedNetwork, checkpoint: str) -> dict[str, Any]:
    """Return the card of a run: JSON-able.

    Parameters
    ----------
    run
        Which was exported.
    exported
        Its module.
    checkpoint
        Of which weights: ``best``, ``last`` or ``trained``.

    Returns
    -------
    ``inputs`` and ``outputs`` with their shapes and meanings, ``crop``, ``attributes`` with their thresholds,
    ``licences``, ``run`` (of whose folder this is), and for wsegs itself its ``plan`` and ``info``.
    """
    plan, info = ((run.path / name).read_text(encoding="utf-8") for name in (PLAN, INFO))
    provenance = _without_folders(run.info.provenance)
    return {
        "format": CARD_FORMAT,
        "made_by": f"wsegs {__version__}",
        "network": run.plan.network.name,
        "inputs": [input_fields(entry) for entry in exported.inputs],
        "outputs": [_output(run, name) for name in exported.outputs],
        "crop": _crop(run),
        "attributes": [
            {"name": name, "threshold": threshold}
            for name, threshold in zip(run.attribute_names, thresholds_of(run).tolist(), strict=True)
        ],
        "regions": list(run.region_names),
        "region_size": list(size) if (size := getattr(run.network, "region_size", None)) else None,
        "licences": [*DATA_LICENCES, *sorted(set(_licences(provenance)))],
        "run": {
            "checkpoint": checkpoint,
            "sha256": sha256_of(run.path / f"{checkpoint}.ckpt"),
            "data": provenance.get("data", provenance.get("landmarks")),
            "rules": provenance.get("rules"),
            "images": provenance.get("images"),
        },
        "plan": _without_folders(json.loads(plan)),
        "info": _info(json.loads(info)),
    }


def _info(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what a run's folder says of it, without what concerns the machine and the names of its images."""
    kept = {name: value for name, value in fields.items() if name not in ("command", "folder")}
    kept["provenance"] = {name: value for name, value in fields["provenance"].items() if name != "validation_images"}
    found: dict[str, Any] = _without_folders(kept)
    return found


def _licences(provenance: Any) -> Iterator[str]:
    """Yield what is said of the licence of anything that took part."""
    if isinstance(provenance, dict):
        if "licence" in provenance:
            yield f"{provenance.get('name', provenance.get('weights', 'weights'))}: {provenance['licence']}"
        for value in provenance.values():
            yield from _licences(value)
    elif isinstance(provenance, list):
        for value in provenance:
            yield from _licences(value)


def _without_folders(value: Any) -> Any:
    """Return JSON without the folders of the machine that trained: a path is its last part."""
    if isinstance(value, dict):
        return {name: _without_folders(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_folders(inner) for inner in value]
    return PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else value


def input_fields(entry: Input) -> dict[str, Any]:
    """Return a named tuple as JSON holds it, with the number of images as a name in front of its shape."""
    fields = dict(entry._asdict())
    fields["shape"] = ["batch", *fields["shape"]]
    return fields


def _output(run: Run, name: str) -> dict[str, Any]:
    if name == MAPS:
        maps = run.network.map_size
        shape = ["batch", len(run.attribute_names), *maps]  # type: ignore[misc]
        return {"name": name, "shape": shape, "names": list(run.attribute_names), "meaning": "where each attribute is"}
    if name == SCORES:
        return {
            "name": name,
            "shape": ["batch", len(run.class_names), *run.size],
            "names": list(run.class_names),
            "meaning": "logits of each pixel; the largest is its class",
        }
    task = next(task for task in run.tasks if task.name == name)
    kind = next(planned.kind for planned in run.plan.tasks if planned.name == name)
    names = task.people.tolist() if isinstance(task, Identity) else list(task.outputs)
    return {
        "name": name,
        "shape": ["batch", run.plan.network.heads[name]],
        "names": names,
        "meaning": _MEANINGS[kind],
    }


def _crop(run: Run) -> dict[str, Any]:
    """Return how images are cropped for the network."""
    info = run.info
    return {
        "kind": info.frame.kind,
        "size": list(run.crop_size),
        "source_size": info.source_size and list(info.source_size),
        "mean_points": None if info.mean_points is None else info.mean_points.astype(float).round(3).tolist(),
        "margin": info.margin,
        "how": _HOW[info.frame.kind],
    }


_BROUGHT = (
    "Other images are brought to them by the similarity that moves their five points (eyes, nose, corners of the mouth,"
    " x and y in pixels, 0 is the centre of the first) to mean_points, with least squares."
)
_HOW = {
    "image": "The whole image of source_size (H, W), resized to size: bilinear, averaged where it shrinks. " + _BROUGHT,
    "face": "A window about the face. " + _BROUGHT,
    "letterbox": "The whole image within black bars, its longer side resized to size.",
    "centre": "The middle of the image, its shorter side resized to size.",
    "box": "The box of the face, widened by margin (a share of its sides) and resized to size.",
}
"""How images are cropped, by kind of frame."""


def write_card(card: dict[str, Any], path: Path) -> None:
    """Write a card as JSON."""
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
