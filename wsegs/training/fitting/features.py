"""Files of features: what the network of a plan says of the images of its first source."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from wsegs.features.build import build_features
from wsegs.features.format import difference
from wsegs.features.reader import FeatureStore
from wsegs.io.files import sha256_of
from wsegs.nets import signature_of
from wsegs.training.fitting.reading import FeatureReader
from wsegs.training.plan import TrainingPlan
from wsegs.training.samples.opening import OpenSource, OpenStore, open_planned


def features_identity(plan: TrainingPlan, source: OpenSource, checkpoint: Path | None = None) -> dict[str, Any]:
    """Return what makes the features of a plan, as JSON holds it; ``checkpoint`` is that of a trained network."""
    network, regions = plan.network, plan.regions
    weights = None if network.backbone is None else network.backbone.sha256
    labelled = source.labelled
    images = hashlib.sha256("\0".join(labelled.images).encode("utf-8", "surrogateescape")).hexdigest()
    from_: dict[str, Any] = {"images": images}
    if isinstance(source, OpenStore):
        store = source.labelled
        placed = hashlib.sha256(store.landmarks.tobytes() + store.affine.tobytes()).hexdigest()
        from_ |= {"landmarks": placed, "rules": store.rules.sha256}
    return {
        **from_,
        "frame": source.frame.as_json(),
        "size": list(network.size),
        "regions": None if regions is None else regions.source,
        "parser": None if regions is None or regions.parser is None else str(regions.parser.source),
        "region_names": list(network.regions),
        "backbone": network.name if network.backbone is None else network.backbone.name,
        "weights": weights if checkpoint is None else sha256_of(checkpoint),
        "network": {key: value for key, value in network.options.items() if key not in ("clip", "backbone")},
        "mirrored_copies": plan.fit is not None and plan.fit.mirrored_copies,
    }


def features_path(plan: TrainingPlan) -> Path:
    """Return where the features of a plan lie by default: beside its mask store.

    ``masks.h5`` has ``features.h5``, another store ``NAME.features.h5``; those of a data set lie in the working folder.
    The file of a network without a backbone begins with the network's name: ``facetracer-features.h5``.
    """
    name = "features.h5" if plan.network.backbone is not None else f"{plan.network.name}-features.h5"
    if plan.main.kind == "data" or plan.main.path.stem == "masks":
        folder = Path() if plan.main.kind == "data" else plan.main.path.parent
        return folder / name
    return plan.main.path.with_name(f"{plan.main.path.stem}.{name}")


def build_planned_features(
    plan: TrainingPlan,
    output: Path,
    *,
    jobs: int = -1,
    scheduler: str | None = None,
    force: bool = False,
    checkpoint: Path | None = None,
) -> dict[str, Any]:
    """Read the features of a plan's network, or of a checkpoint of it; see :func:`wsegs.features.build.build_features`.

    A network that was trained says one vector of an image, which is that of the whole image in the file.
    """
    source = open_planned(plan.main, plan.network.size)
    mirrored = plan.fit is not None and plan.fit.mirrored_copies
    reader = FeatureReader(plan, mirrored=mirrored, checkpoint=checkpoint)
    by_region = signature_of(plan.network.name).reads_features
    names, images = plan.network.regions if by_region else (), tuple(source.labelled.images)
    identity = features_identity(plan, source, checkpoint)
    summary = build_features(reader, images, names, identity, output, jobs=jobs, scheduler=scheduler, force=force)
    with FeatureStore(output) as features:
        size = sum((len(names) + 1) * channels for _, channels in features.blocks)
    return {**summary, "features": size, "regions": len(names)}


def open_or_build_features(
    plan: TrainingPlan, path: Path, *, jobs: int = -1, replace: bool = False, checkpoint: Path | None = None
) -> FeatureStore:
    """Return the features of a plan, which are read from the images where they are not there yet.

    Parameters
    ----------
    plan, jobs, checkpoint
        See :func:`build_planned_features`.
    path
        The file.
    replace
        Read them anew where the file has those of something else.

    Raises
    ------
    DataError
        If the file has those of something else, and ``replace`` is false.
    """
    wanted = features_identity(plan, open_planned(plan.main, plan.network.size), checkpoint)
    if path.exists():
        features = FeatureStore(path)
        if not replace or not difference(features.identity, wanted):
            features.check_identity(wanted)
            return features
        features.close()
    build_planned_features(plan, path, jobs=jobs, force=replace, checkpoint=checkpoint)
    return FeatureStore(path)
