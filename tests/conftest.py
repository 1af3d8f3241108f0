"""What every test starts from: few threads, no network, none of the user's own folders or settings.

The environment is set before the first import of torch, gradio or the Hub's client reads it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
HUB_HOME = tempfile.mkdtemp(prefix="awarenet-tests-")

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # tiny networks: a second thread costs more than it gives
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = HUB_HOME
for _name in [name for name in os.environ if name.startswith("AWARENET_")]:
    del os.environ[_name]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --network."""
    parser.addoption("--network", action="store_true", help="also run tests that need the internet")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, and say why."""
    lacking = {}
    if not config.getoption("--network"):
        lacking["network"] = "needs the internet; add --network"
    if not CHROMIUM.exists():
        lacking["browser"] = f"needs Chromium at {CHROMIUM}"
    if any(item.get_closest_marker("gpu") for item in items):
        import torch

        if not torch.cuda.is_available():
            lacking["gpu"] = "needs a CUDA device"
    for item in items:
        for marker, reason in lacking.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_unconfigure() -> None:
    """Leave no folder behind."""
    shutil.rmtree(HUB_HOME, ignore_errors=True)
