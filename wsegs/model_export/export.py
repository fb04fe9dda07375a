"""The road from a run folder to a file of another program."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError
from wsegs.evaluation.runs import Run, load_run
from wsegs.io.files import check_output
from wsegs.model_export.card import describe
from wsegs.model_export.module import ExportedNetwork
from wsegs.training.regions import fields_of_regions
from wsegs.training.runs import Checkpoint
from wsegs.training.samples.loaders import open_source

Format = Literal["onnx", "safetensors", "torch"]


def export_model(
    path: Path | str,
    output: Path | str,
    *,
    format: Format = "onnx",
    checkpoint: Checkpoint = "best",
    int8: int | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write a trained network as a file that other programs read.

    Parameters
    ----------
    path
        The run folder.
    output
        The file; of ``safetensors`` a card of the same name, ending in ``.json``, is beside it.
    format
        ``onnx``; ``safetensors``, weights alone; ``torch``, a program of ``torch.export``.
    checkpoint
        ``best``, ``last`` or ``trained``.
    int8
        Quantise ONNX to eight bits, with the ranges of activations from so many training images.
    force
        Overwrite.

    Returns
    -------
    A JSON-able summary: file, bytes, inputs, outputs and, of ONNX of float32, the largest difference to torch.

    Raises
    ------
    OutputExistsError, MissingError
        If the file is there already, or there is no such run or checkpoint.
    OptionError
        If the network cannot be exported.
    DataError
        If the training images are not there any more, which ``int8`` needs, or ONNX computes something else.
    """
    if int8 is not None and format != "onnx":
        raise OptionError(f"--int8: expected --format onnx, got {format}")
    output = check_output(output, force=force)
    if format == "safetensors":
        check_output(output.with_suffix(".json"), force=force)
    run = load_run(path, checkpoint)
    exported = ExportedNetwork(run).eval()
    card = describe(run, exported, checkpoint)
    summary: dict[str, Any] = {"file": str(output), "format": format}
    if format == "onnx":
        from wsegs.model_export.onnx_file import OPSET, write_onnx

        summary["opset"] = OPSET
        if int8 is None:
            summary["difference"] = write_onnx(exported, card, output)
        else:
            from wsegs.model_export.int8 import write_int8

            seen = training_inputs(run, exported, int8)
            with tempfile.TemporaryDirectory() as folder:
                write_onnx(exported, card, Path(folder) / "float.onnx")
                write_int8(Path(folder) / "float.onnx", seen, output)
            summary["calibrated_on"] = len(seen)
    elif format == "torch":
        from wsegs.model_export.torch_files import write_program

        write_program(exported, card, output)
    else:
        from wsegs.model_export.torch_files import write_safetensors

        write_safetensors(exported, card, output)
    return {**summary, "bytes": output.stat().st_size, "inputs": card["inputs"], "outputs": card["outputs"]}


def training_inputs(run: Run, exported: ExportedNetwork, count: int) -> list[dict[str, NDArray[Any]]]:
    """Return inputs by name, of training images one by one, spread over all of them.

    Raises
    ------
    DataError
        If the data set or mask store of the training cannot be read.
    """
    _, rows, source = open_source(run.plan.main, run.size)
    fields = fields_of_regions(run.plan, run.network)
    chosen = rows.train[np.linspace(0, len(rows.train) - 1, min(count, len(rows.train))).astype(int)]
    if not len(chosen):
        raise DataError(f"{run.path}: --int8: the training has no images")
    found = []
    for row in chosen:
        batch = source.read(np.array([row]), fields)
        values = {"images": batch.images, "regions": batch.regions, "points": batch.points}
        inputs = {}
        for entry in exported.inputs:
            tensor = values[entry.name]
            assert tensor is not None
            inputs[entry.name] = tensor.numpy().astype(entry.dtype)
        found.append(inputs)
    return found
