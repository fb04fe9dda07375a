"""Choose the floating-point format and the memory layout that a device computes fastest in."""

from __future__ import annotations

import platform

import torch


def resolve_precision(precision: str, accelerator: str) -> str:
    """Return Lightning's name of a precision: ``precision`` itself, or what ``auto`` means on an accelerator.

    bf16-mixed on GPUs that compute in bfloat16 and on CPUs with AMX, where a training is three to five times as fast as
    in 32-true; 32-true elsewhere. With AVX512-BF16 alone bfloat16 was no faster, and without either ten times as slow
    (``benchmarks/training_steps.py --formats``; ``ONEDNN_MAX_CPU_ISA`` hides what a CPU has). The answer depends on the
    machine alone, not on a measurement, so that a training can be repeated.

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
    if accelerator == "cpu" and _cpu_has_amx():
        return "bf16-mixed"
    return "32-true"


def memory_format(precision: str) -> torch.memory_format:
    """Return the layout for a resolved precision: channels innermost pay in half precision."""
    return torch.contiguous_format if precision == "32-true" else torch.channels_last


def describe_device(accelerator: str) -> str:
    """Return a kind of device with the name of the machine's own, for the record."""
    if accelerator == "cuda" and torch.cuda.is_available():
        return f"cuda ({torch.cuda.device_count()} x {torch.cuda.get_device_name()})"
    return f"{accelerator} ({platform.processor() or platform.machine()}, {torch.get_num_threads()} threads)"


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Return the context in which a network is evaluated, as Lightning's mixed precision would."""
    half = torch.float16 if precision == "16-mixed" else torch.bfloat16
    return torch.autocast(device.type, half, enabled=precision != "32-true")


def _cpu_has_amx() -> bool:
    # torch tells it under a private name that not every version has; without it the answer is the safe one.
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
