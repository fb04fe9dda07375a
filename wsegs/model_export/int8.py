"""ONNX files with weights and activations of eight bits."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from wsegs.io.extras import needs_extras
from wsegs.io.files import atomic_write
from wsegs.model_export.onnx_file import CARD

with needs_extras("int8 files"):
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    """Gives images from which the ranges of activations are learnt."""

    def __init__(self, batches: Sequence[dict[str, NDArray[Any]]]) -> None:
        self._batches: Iterator[dict[str, NDArray[Any]]] = iter(batches)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Return the inputs of the next images."""
        return next(self._batches, None)


def write_int8(source: Path, batches: Sequence[dict[str, NDArray[Any]]], path: Path) -> None:
    """Write an ONNX file of eight bits from one of float32.

    Convolutions and linear layers are quantised, weights by channel; the ranges of activations are those of some
    images. All else stays float32, heads among it: they are small, and decide.

    Parameters
    ----------
    source
        An ONNX file that :func:`wsegs.model_export.onnx_file.write_onnx` wrote.
    batches
        Inputs by name, of some images each.
    path
        Of the new file.
    """
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, atomic_write(path) as temporary:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(temporary),
            _Batches(batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv"],
        )
        model = onnx.load(temporary)
        card = next(entry.value for entry in onnx.load(source).metadata_props if entry.key == CARD)
        onnx.helper.set_model_props(model, {CARD: json.dumps({**json.loads(card), "precision": "int8"})})
        onnx.save(model, temporary)
