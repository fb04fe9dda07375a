"""Runs as files of torch's own and of safetensors."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch

from wsegs.io.extras import needs_extras
from wsegs.io.files import atomic_write
from wsegs.model_export.card import write_card
from wsegs.model_export.module import ExportedNetwork


def write_program(exported: ExportedNetwork, card: dict[str, Any], path: Path) -> None:
    """Write a run as a program of ``torch.export`` with a free number of images; its card is the extra file ``card``.

    ``torch.export.load`` reads it without wsegs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(exported.cpu().eval(), exported.example(), dynamic_shapes=exported.free_sizes())
        with atomic_write(path) as temporary:
            torch.export.save(program, temporary, extra_files={"card": json.dumps(card, ensure_ascii=False)})


def write_safetensors(exported: ExportedNetwork, card: dict[str, Any], path: Path) -> None:
    """Write the weights of a run as safetensors, and its card as JSON beside it, of the same name.

    Names are those of the network in wsegs, with ``network.`` or ``regions.`` (a parser inside) in front.
    """
    with needs_extras("safetensors files"):
        from safetensors.torch import save_file

    weights = {name: values.contiguous().clone() for name, values in exported.state_dict().items()}
    with atomic_write(path) as temporary:
        save_file(weights, temporary, metadata={"format": "pt", "made_by": card["made_by"]})
    with atomic_write(path.with_suffix(".json")) as temporary:
        write_card(card, temporary)
