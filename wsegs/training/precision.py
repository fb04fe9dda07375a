"""Which number format and memory layout a device computes fastest in."""

from __future__ import annotations

import torch


def resolve_precision(precision: str, accelerator: str) -> str:
    """Return Lightning's name of a precision: ``precision`` itself, or what ``auto`` means on an accelerator.

    bf16-mixed on GPUs and CPUs that compute in bfloat16 (on a CPU with AVX512-BF16 or AMX a training is some three
    times as fast as in 32-true), 32-true elsewhere.

    Parameters
    ----------
    precision
        ``auto`` or a Lightning precision.
    accelerator
        ``cuda``, ``cpu``, ``mps`` ...: the type of the device.
    """
    if precision != "auto":
        return precision
    if accelerator == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    if accelerator == "cpu" and _cpu_has_bfloat16():
        return "bf16-mixed"
    return "32-true"


def memory_format(precision: str) -> torch.memory_format:
    """Return the layout for a resolved precision: channels innermost pay in half precision."""
    return torch.contiguous_format if precision == "32-true" else torch.channels_last


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Return the context in which a network is evaluated, as Lightning's mixed precision would."""
    half = torch.float16 if precision == "16-mixed" else torch.bfloat16
    return torch.autocast(device.type, half, enabled=precision != "32-true")


def _cpu_has_bfloat16() -> bool:
    # torch tells it under private names that not every version has; without them the answer is the safe one.
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in names)
