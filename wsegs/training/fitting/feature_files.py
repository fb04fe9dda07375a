"""The files of features of a region probe: where they lie, what made them, and those of some images alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsegs.features.build import build_features
from wsegs.features.format import UNREADABLE, difference
from wsegs.features.reader import FeatureStore
from wsegs.io.files import sha256_of
from wsegs.nets import signature_of
from wsegs.training.fitting.reading import FeatureReader
from wsegs.training.plan import TrainingPlan
from wsegs.training.samples.opening import OpenSource, OpenStore, open_planned


@dataclass(frozen=True)
class ImageFeatures:
    """Features of the images of a source, by its rows.

    Attributes
    ----------
    store
        The file, which may have some of the images alone.
    places
        (N,) the row of each image in the file; -1 where it has none.
    """

    store: FeatureStore
    places: NDArray[np.intp]

    @property
    def status(self) -> NDArray[np.uint8]:
        """(N,) uint8; see :mod:`wsegs.features.format`: unreadable where the file has no features."""
        return np.where(self.places < 0, np.uint8(UNREADABLE), self.store.status[self.places])

    def matrix(self, rows: NDArray[np.intp], *, mirrored: bool = False) -> NDArray[np.float16]:
        """Return the features (B, F) of some images that the file has; see :meth:`FeatureStore.matrix`."""
        return self.store.matrix(self.places[rows], mirrored=mirrored)


def features_identity(
    plan: TrainingPlan, source: OpenSource, rows: NDArray[np.intp] | None = None, checkpoint: Path | None = None
) -> dict[str, Any]:
    """Return what makes the features of a plan, as JSON holds it.

    ``rows`` are those of a sample of the images, ``checkpoint`` is that of a trained network.
    """
    network, regions = plan.network, plan.regions
    weights = None if network.backbone is None else network.backbone.sha256
    names = "\0".join(_names(source, rows))
    images = hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()
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


def _names(source: OpenSource, rows: NDArray[np.intp] | None) -> tuple[str, ...]:
    images = tuple(source.labelled.images)
    return images if rows is None else tuple(images[row] for row in rows.tolist())


def features_path(plan: TrainingPlan, rows: NDArray[np.intp] | None = None) -> Path:
    """Return where the features of a plan lie by default: beside its mask store.

    ``masks.h5`` has ``features.h5``, another store ``NAME.features.h5``; those of a data set lie in the working folder.
    The file of a network without a backbone begins with the network's name: ``facetracer-features.h5``. A sample of 300
    images, its ``rows``, has ``features-300.h5``, unless those of all are there already.
    """
    name, folder = "features.h5" if plan.network.backbone is not None else f"{plan.network.name}-features.h5", Path()
    if plan.main.kind != "data":
        folder, stem = plan.main.path.parent, plan.main.path.stem
        name = name if stem == "masks" else f"{stem}.{name}"
    whole = folder / name
    return whole if rows is None or whole.exists() else whole.with_name(f"{whole.stem}-{len(rows)}.h5")


def build_planned_features(
    plan: TrainingPlan,
    output: Path,
    *,
    rows: NDArray[np.intp] | None = None,
    jobs: int = -1,
    scheduler: str | None = None,
    force: bool = False,
    checkpoint: Path | None = None,
) -> dict[str, Any]:
    """Read the features of a plan's network, or of a checkpoint of it, of all images or of some rows.

    A network that was trained says one vector of an image, which is that of the whole image in the file. See
    :func:`wsegs.features.build.build_features`.
    """
    source = open_planned(plan.main, plan.network.size)
    mirrored = plan.fit is not None and plan.fit.mirrored_copies
    reader = FeatureReader(plan, mirrored=mirrored, checkpoint=checkpoint)
    by_region = signature_of(plan.network.name).reads_features
    names, images = plan.network.regions if by_region else (), _names(source, rows)
    identity = features_identity(plan, source, rows, checkpoint)
    summary = build_features(
        reader, images, names, identity, output, rows=rows, jobs=jobs, scheduler=scheduler, force=force
    )
    with FeatureStore(output) as features:
        size = sum((len(names) + 1) * channels for _, channels in features.blocks)
    return {**summary, "features": size, "regions": len(names)}


def open_or_build_features(
    plan: TrainingPlan,
    path: Path,
    *,
    rows: NDArray[np.intp] | None = None,
    jobs: int = -1,
    replace: bool = False,
    checkpoint: Path | None = None,
) -> FeatureStore:
    """Return the features of a plan, which are read from the images where they are not there yet.

    Parameters
    ----------
    plan, rows, jobs, checkpoint
        See :func:`build_planned_features`.
    path
        The file; that of all images has those of ``rows``, too.
    replace
        Read them anew where the file has those of something else.

    Raises
    ------
    DataError
        If the file has those of something else, and ``replace`` is false.
    """
    source = open_planned(plan.main, plan.network.size)
    wanted = [features_identity(plan, source, None, checkpoint)]
    if rows is not None:
        wanted.append(features_identity(plan, source, rows, checkpoint))
    if path.exists():
        features = FeatureStore(path)
        fits = any(not difference(features.identity, identity) for identity in wanted)
        if fits:
            return features
        if not replace:
            features.check_identity(wanted[-1])
        features.close()
    build_planned_features(plan, path, rows=rows, jobs=jobs, force=replace, checkpoint=checkpoint)
    return FeatureStore(path)
