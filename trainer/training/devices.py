"""Processes and precision of the machine that a network is trained on.

One process trains one network at a time, on the GPU that `trainer.launch` lets it see. Under
`torchrun` several processes train one network together.
"""

from __future__ import annotations

import torch
from accelerate import Accelerator

from awarenet.allocator import keep_freed_memory
from awarenet.errors import AwareNetError, SettingsError
from trainer.settings import TrainSettings


def create_accelerator(threads: int) -> Accelerator:
    """Join the other processes, where `torchrun` started several: by nccl, without GPUs by gloo.

    Args:
        threads: CPU threads of this process.
    """
    # without the word `cpu`, accelerate joins processes on GPUs only
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    if accelerator.device.type == "cpu":
        keep_freed_memory()
    torch.set_num_threads(threads)  # afterwards, since accelerate sets them too
    return accelerator


def choose_precision(asked: str, device: torch.device) -> torch.dtype:
    """Type that a forward pass computes in; weights and optimizer stay float32.

    Args:
        asked: Of [train] precision; auto is bfloat16 where the device has it natively.
        device: Of the network.

    Raises:
        SettingsError: float16 without a GPU.
    """
    if asked == "auto":
        return torch.bfloat16 if has_bfloat16(device) else torch.float32
    if asked == "float16" and device.type != "cuda":
        raise SettingsError(
            f"[train] precision = 'float16' on {device.type}; it needs a GPU; "
            "set auto, bfloat16 or float32"
        )
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[asked]


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is native there; emulated, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported()


def out_of_memory(name: str, device: torch.device, train: TrainSettings) -> AwareNetError:
    """Say what to change so that a step fits; the learning stays the same in all of it."""
    half = max(train.batch // 2, 2)
    also = "" if train.checkpointing else ", or checkpointing = true"
    return AwareNetError(
        f"{name}: {device} has too little memory for [train] batch = {train.batch} with "
        f"accumulate = {train.accumulate}; set batch = {half} and "
        f"accumulate = {train.accumulate * 2}{also}"
    )
