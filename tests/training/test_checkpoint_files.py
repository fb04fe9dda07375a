"""Files of checkpoints: an interrupt while one is written stays an interrupt."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch

from wsegs.training.lightning.checkpoints import PlainCheckpointIO


@pytest.mark.parametrize("before", range(12))
def test_an_interrupt_while_a_checkpoint_is_written_is_one(tmp_path, monkeypatch, before) -> None:
    """Torch then closes its archive, fails, and would have the command end without a word of the last checkpoint."""

    class Interrupted(io.BytesIO):
        writes = 0

        def write(self, data: object, /) -> int:
            self.writes += 1
            if self.writes == before + 1:
                raise KeyboardInterrupt
            return super().write(data)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", lambda *_, **__: Interrupted())
    with pytest.raises(KeyboardInterrupt):
        PlainCheckpointIO().save_checkpoint({"weights": torch.zeros(100)}, tmp_path / "last.ckpt")
