"""Precision by device, and memory that a process keeps."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from awarenet.errors import SettingsError
from trainer.settings import TrainSettings
from trainer.training.devices import (
    choose_precision,
    has_bfloat16,
    keep_freed_memory,
    out_of_memory,
)

ROOT = Path(__file__).resolve().parent.parent
TAKE_OFTEN = """
import resource, torch
from trainer.training.devices import keep_freed_memory
for keep in (False, True):
    assert not keep or keep_freed_memory()
    for turn in range(30):  # the first ones find their places
        if turn == 20: before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(16 * 2**20)
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    print(pages * resource.getpagesize())
"""


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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_that_is_freed_is_taken_again_without_asking_the_kernel():
    done = subprocess.run(
        [sys.executable, "-c", TAKE_OFTEN], capture_output=True, text=True, check=True, cwd=ROOT
    )
    given_back, kept = map(int, done.stdout.split())
    size = 64 * 2**20
    assert given_back > 9 * size
    assert kept < 2 * size


def test_another_c_library_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not keep_freed_memory()


def test_too_little_memory_says_what_to_change():
    error = out_of_memory("b7-0", torch.device("cuda:1"), TrainSettings(batch=48, accumulate=2))
    assert str(error) == (
        "b7-0: cuda:1 has too little memory for [train] batch = 48 with accumulate = 2; "
        "set batch = 24 and accumulate = 4, or checkpointing = true"
    )
    error = out_of_memory("b7-0", torch.device("cpu"), TrainSettings(checkpointing=True))
    assert str(error).endswith("set batch = 16 and accumulate = 2")
