"""ONNX files of runs, which hold their card as metadata and are checked against torch when they are written."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wsegs.errors import DataError, OptionError
from wsegs.io.extras import needs_extras
from wsegs.io.files import atomic_write
from wsegs.model_export.module import ExportedNetwork

with needs_extras("ONNX files"):
    import onnx
    import onnxruntime
    import onnxscript  # noqa: F401, which torch.onnx needs

OPSET = 20
"""The version of ONNX's operators that files use."""

CARD = "wsegs"
"""Name of the metadata that hold the card."""

TOLERANCE = 1e-4
"""Largest difference to torch of an output that is not a logit, and of a logit in units of its scale."""


def write_onnx(exported: ExportedNetwork, card: dict[str, Any], path: Path) -> float:
    """Write a run as an ONNX file with a free number of images, check it, and return its largest difference to torch.

    Parameters
    ----------
    exported, card
        Of a run.
    path
        Of the file, which is complete or absent.

    Raises
    ------
    DataError
        If onnxruntime computes something else than torch, beyond :data:`TOLERANCE`.
    """
    exported = exported.cpu().eval()
    example = exported.example()
    try:
        with _quiet():
            program = torch.onnx.export(
                exported,
                example,
                dynamo=True,
                dynamic_shapes=exported.free_sizes(),
                input_names=[entry.name for entry in exported.inputs],
                output_names=list(exported.outputs),
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:  # a network of one's own may use what ONNX has not; torch says so in many ways
        last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise OptionError(
            f"{path}: this network cannot be written as ONNX ({last[0].strip()}); --format torch"
        ) from None
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, {CARD: json.dumps(card, ensure_ascii=False)})
    with atomic_write(path) as temporary:
        onnx.save(model, temporary)
        difference = compare(exported, open_session(temporary), path)
    return difference


def compare(exported: ExportedNetwork, session: onnxruntime.InferenceSession, path: Path) -> float:
    """Return the largest difference between torch and a session, over inputs of chance for one image and for five.

    Raises
    ------
    DataError
        If it is above :data:`TOLERANCE`; where numbers are larger than 1, as a share of the largest.
    """
    largest = 0.0
    for count in (1, 5):
        example = exported.example(count, seed=count)
        with torch.inference_mode():
            expected = exported(*example)
        given = {entry.name: values.numpy() for entry, values in zip(exported.inputs, example, strict=True)}
        found: list[NDArray[np.float32]] = session.run(list(exported.outputs), given)
        for name, ours, theirs in zip(exported.outputs, expected, found, strict=True):
            scale = max(1.0, float(ours.abs().max()))
            difference = float(np.abs(ours.numpy() - theirs).max()) / scale
            if not difference <= TOLERANCE:
                raise DataError(f"{path}: onnxruntime's {name} differs from torch's by {difference:.2g}; not written")
            largest = max(largest, difference)
    return largest


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX file on the CPU, with as many threads as torch has.

    Raises
    ------
    DataError
        If it is no ONNX file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common class
        reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: expected an ONNX file, but onnxruntime cannot open it ({reason})") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what torch says of its own passes."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
