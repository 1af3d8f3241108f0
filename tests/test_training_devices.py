"""Precision by device, and what to do where memory ends."""

from __future__ import annotations

import pytest
import torch

from awarenet.errors import SettingsError
from trainer.settings import TrainSettings
from trainer.training.devices import (
    choose_precision,
    has_bfloat16,
    out_of_memory,
)


def test_precision_is_what_the_device_has(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    for native, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda native=native: native)
        assert choose_precision("auto", cpu) is expected
    assert has_bfloat16(gpu)
    assert choose_precision("bfloat16", cpu) is torch.bfloat16
    assert choose_precision("float16", gpu) is torch.float16
    with pytest.raises(SettingsError, match="float16' on cpu; it needs a GPU"):
        choose_precision("float16", cpu)


def test_too_little_memory_says_what_to_change():
    error = out_of_memory("b7-0", torch.device("cuda:1"), TrainSettings(batch=48, accumulate=2))
    assert str(error) == (
        "b7-0: cuda:1 has too little memory for [train] batch = 48 with accumulate = 2; "
        "set batch = 24 and accumulate = 4, or checkpointing = true"
    )
    error = out_of_memory("b7-0", torch.device("cpu"), TrainSettings(checkpointing=True))
    assert str(error).endswith("set batch = 16 and accumulate = 2")
