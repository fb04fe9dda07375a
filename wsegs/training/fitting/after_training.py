"""Fit support vector machines on the features of a network that was trained, in place of its heads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from wsegs.io.files import atomic_write
from wsegs.training.fitting.feature_files import ImageFeatures, open_or_build_features
from wsegs.training.fitting.fit import fit_features
from wsegs.training.fitting.reading import load_network
from wsegs.training.fitting.result import Result, described, write_tables
from wsegs.training.plan import TrainingPlan
from wsegs.training.run_folder import BEST, FEATURES, INFO, TRAINED_NETWORK
from wsegs.training.samples.opening import OpenSource
from wsegs.training.samples.split import Split
from wsegs.training.weights import read_checkpoint


def fit_trained(plan: TrainingPlan, source: OpenSource, rows: Split, output: Path, *, jobs: int = -1) -> dict[str, Any]:
    """Fit heads on the features of the best checkpoint of a run, and write them into it.

    The run keeps the network as it was trained in ``trained.ckpt``. Weights are fitted on the training images; the
    penalty is chosen on the validation images, since features of images that a network was trained on flatter it.

    Parameters
    ----------
    plan
        Of the training; with a ``fit`` of trained features.
    source, rows
        Of its images.
    output
        The run folder.
    jobs
        Processes that read features; -1 is one a core.

    Returns
    -------
    A JSON-able summary: how the penalty was chosen, scores, attributes that were skipped, scores of those held out.

    Raises
    ------
    DataError
        If there is nothing to fit on.
    """
    fit = plan.fit
    assert fit is not None
    trained = output / TRAINED_NETWORK
    with atomic_write(trained) as copy:
        shutil.copyfile(output / BEST, copy)
    network, _ = load_network(plan, trained)
    with open_or_build_features(plan, output / FEATURES, jobs=jobs, replace=True, checkpoint=trained) as read:
        features = ImageFeatures(read, read.rows_of(source.labelled.images))
        result = fit_features(fit, plan, network, source, rows, features)
    write_tables(result, output)
    about = described(result)
    held_out = _held_out_scores(plan, result)
    if held_out:
        about["held_out"] = held_out
    _describe(output / INFO, about)
    checkpoint = read_checkpoint(trained)
    checkpoint["state_dict"] |= {f"network.{name}": value for name, value in network.state_dict().items()}
    with atomic_write(output / BEST) as temporary:
        torch.save(checkpoint, temporary)
    return {key: value for key, value in {**result.summary(), **about}.items() if key != "label_curve"}


def _held_out_scores(plan: TrainingPlan, result: Result) -> dict[str, Any]:
    """Return the mean scores of the attributes that the training did not see; empty where it saw all."""
    task = plan.task("attributes")
    assert task is not None
    names = [name for name in task.outputs if name in task.options.get("held_out", ())]
    return {"attributes": names, "scores": result.scores_of(names)} if names else {}


def _describe(file: Path, about: dict[str, Any]) -> None:
    fields = json.loads(file.read_text(encoding="utf-8"))
    fields["provenance"]["fit"] = about
    with atomic_write(file) as temporary:
        temporary.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
