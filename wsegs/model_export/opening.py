"""Open what predicts: a run folder, or the file that one was exported to."""

from __future__ import annotations

from pathlib import Path

from wsegs.evaluation.runs import Run, load_run
from wsegs.training.runs import Checkpoint


def open_run(path: Path, checkpoint: Checkpoint = "best") -> Run:
    """Open a run folder, or the ONNX file of a run; see :func:`wsegs.evaluation.runs.load_run`."""
    if not path.is_file():
        return load_run(path, checkpoint)
    from wsegs.model_export.onnx_run import load_onnx_run

    return load_onnx_run(path)
