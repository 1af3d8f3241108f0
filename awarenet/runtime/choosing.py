"""Choose device, engine and number format, and keep the reasons."""

from __future__ import annotations

import re

import torch

from awarenet.errors import SettingsError

ENGINES = ("auto", "openvino", "torch")
DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def choose_device(wish: str) -> tuple[torch.device, str]:
    """Turn a setting into a device and the reason for it.

    Raises:
        SettingsError: No such device, or it is not here.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wish == "auto":
        if count:
            return torch.device("cuda:0"), f"{torch.cuda.get_device_name(0)} was found"
        return torch.device("cpu"), "no CUDA device was found"
    if wish == "cpu":
        return torch.device("cpu"), "asked for"
    match = re.fullmatch(r"cuda(?::(\d{1,3}))?", wish)
    if match is None:
        raise SettingsError(f"runtime.device={wish!r}; expected auto, cpu, cuda or cuda:N")
    index = int(match[1] or 0)
    if index >= count:
        raise SettingsError(
            f"runtime.device={wish!r}, but {count} CUDA devices were found; set it to auto or cpu"
        )
    return torch.device(f"cuda:{index}"), "asked for"


def choose_dtypes(wish: str, device: torch.device) -> list[tuple[torch.dtype, str]]:
    """Turn a setting into number formats to try, the fastest first, and the reasons.

    Raises:
        SettingsError: No such format, or not on this device.
    """
    if wish == "auto":
        if device.type != "cpu":
            # float16 keeps 3 more bits of a logit than bfloat16
            fast = (torch.float16, "fast on a GPU, and finer than bfloat16")
            return [fast, (torch.float32, "exact")]
        exact = (torch.float32, "what this CPU computes in")
        if computes_in_bfloat16():
            return [(torch.bfloat16, "this CPU computes in it"), exact]
        return [exact]
    if wish not in DTYPES:
        raise SettingsError(f"runtime.dtype={wish!r}; expected auto or {', '.join(DTYPES)}")
    if wish == "float16" and device.type == "cpu":
        raise SettingsError("runtime.dtype='float16' on a CPU; set it to bfloat16 or float32")
    return [(DTYPES[wish], "asked for")]


def choose_engine(wish: str, device: torch.device) -> tuple[str, str]:
    """Turn a setting into the name of an engine and the reason for it.

    Raises:
        SettingsError: No such engine, or not on this device.
    """
    if wish not in ENGINES:
        raise SettingsError(f"runtime.engine={wish!r}; expected {', '.join(ENGINES)}")
    if device.type != "cpu":
        if wish == "openvino":
            raise SettingsError(f"runtime.engine='openvino' on {device}; set it to auto or torch")
        return "torch", "the one for a GPU"
    if wish == "auto":
        return "openvino", "the faster one on a CPU"
    return wish, "asked for"


def computes_in_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; else it would be slower than float32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
