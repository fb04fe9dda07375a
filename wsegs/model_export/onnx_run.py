"""An ONNX file of a run, used in its place: crops, predictions and decoding are those of any run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wsegs.errors import DataError
from wsegs.evaluation.runs import Run
from wsegs.model_export.card import CARD_FORMAT
from wsegs.model_export.module import MAPS, SCORES
from wsegs.model_export.onnx_file import CARD, open_session
from wsegs.nets import NetworkOutput
from wsegs.nets.layers.region_sources import RegionSource
from wsegs.tasks import build_task
from wsegs.training.plan import TrainingPlan
from wsegs.training.regions import build_regions
from wsegs.training.run_folder import INFO, PLAN
from wsegs.training.runs import read_run


class _InsideTheFile(nn.Module):
    """What the rest of wsegs asks of a network that an ONNX file holds."""

    def __init__(self, card: Mapping[str, Any]) -> None:
        super().__init__()
        self.region_size = tuple(card["region_size"]) if card["region_size"] else None
        maps = [output["shape"][2:] for output in card["outputs"] if output["name"] == MAPS]
        self.map_size = tuple(maps[0]) if maps else None
        thresholds = [attribute["threshold"] for attribute in card["attributes"]]
        self.register_buffer("thresholds", torch.tensor(thresholds))


class OnnxPredictor:
    """Applies an ONNX file to mini-batches, on the CPU; see :class:`wsegs.evaluation.runs.Applies`.

    Parameters
    ----------
    path
        Of the file.
    card
        Which it holds.
    """

    def __init__(self, path: Path, card: Mapping[str, Any]) -> None:
        self._session = open_session(path)
        self._inputs = [entry["name"] for entry in card["inputs"]]
        self._outputs = [entry["name"] for entry in card["outputs"]]

    def __call__(self, images: Tensor, points: Tensor, known: Tensor | None = None) -> NetworkOutput:
        """Return the network's output, float32."""
        found = self._run({"images": images, "points": points.float(), "regions": known})
        maps = found.pop(MAPS, None)
        return NetworkOutput(found, maps)

    def draw(self, images: Tensor, points: Tensor, known: Tensor | None = None) -> Tensor:
        """Raise: regions that are drawn inside of a file are not given out."""
        raise NotImplementedError

    def parse(self, images: Tensor) -> Tensor:
        """Return class scores (B, C, H, W) of images."""
        return self._run({"images": images})[SCORES]

    def _run(self, given: Mapping[str, Tensor | None]) -> dict[str, Tensor]:
        inputs = {name: values.numpy() for name in self._inputs if (values := given[name]) is not None}
        values = self._session.run(self._outputs, inputs)
        return {name: torch.from_numpy(some) for name, some in zip(self._outputs, values, strict=True)}


def load_onnx_run(path: Path) -> Run:
    """Open an ONNX file that ``wsegs export-model`` wrote.

    Raises
    ------
    MissingError, DataError
        If there is no such file, or it is none of wsegs.
    """
    card = read_card(path)
    plan, info = _plan_and_info(card, path)
    network = _InsideTheFile(card)
    tasks = []
    for planned in plan.tasks:
        if planned.name in plan.network.heads or plan.network.classes:
            # Numbers leave the file in their unit, so their task keeps a mean of 0 and a deviation of 1.
            tasks.append(build_task(planned.kind, planned.name, planned.outputs, planned.options).eval())
    regions: RegionSource | None = None
    if plan.regions is not None:
        parsed = plan.regions.parser is not None
        regions = RegionSource() if parsed else build_regions(plan, network)[0]
    return Run(path, plan, info, network.eval(), tuple(tasks), regions, exported=OnnxPredictor(path, card))


def read_card(path: Path) -> dict[str, Any]:
    """Return the card of an ONNX file.

    Raises
    ------
    DataError
        If it has none, or one of another version.
    """
    text = open_session(path).get_modelmeta().custom_metadata_map.get(CARD)
    if text is None:
        raise DataError(f"{path}: expected an ONNX file of wsegs export-model, but it has no card in its metadata")
    card: dict[str, Any] = json.loads(text)
    if card.get("format") != CARD_FORMAT:
        raise DataError(f"{path}: expected format {CARD_FORMAT} of the card, got {card.get('format')}; export it again")
    return card


def _plan_and_info(card: Mapping[str, Any], path: Path) -> tuple[TrainingPlan, Any]:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in ((PLAN, card["plan"]), (INFO, card["info"])):
            (Path(folder) / name).write_text(json.dumps(content), encoding="utf-8")
        try:
            return read_run(Path(folder))
        except DataError as error:
            raise DataError(f"{path}: its card is damaged ({error})") from None
