"""What every test starts from: few threads, no network, none of the user's own folders or settings.

The environment is set before the first import of torch, gradio or the Hub's client reads it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from installed import CHROMIUM

HUB_HOME = tempfile.mkdtemp(prefix="awarenet-tests-")

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # tiny networks: a second thread costs more than it gives
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = HUB_HOME
# Playwright keeps its browsers in the cache folder: they stay where they are
_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(_cache / "ms-playwright"))
os.environ["XDG_CACHE_HOME"] = str(Path(HUB_HOME) / "cache")
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


@pytest.fixture(scope="session")
def saved(tmp_path_factory) -> Path:
    """The tiny bundle; not to be altered."""
    import tiny_bundle

    place = tmp_path_factory.mktemp("bundles") / "tiny"
    tiny_bundle.save(place)
    return place


@pytest.fixture
def bundle(saved, tmp_path) -> Path:
    """A copy of the tiny bundle, to break."""
    return Path(shutil.copytree(saved, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def detector(saved):
    """A whole detector in miniature."""
    import tiny_detector

    return tiny_detector.make_detector(saved)


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """Drawn clips with one, two or no people, and a photograph; not to be altered."""
    import tiny_detector
    from PIL import Image

    place = tmp_path_factory.mktemp("clips")
    tiny_detector.one_person(place / "one.mp4")
    tiny_detector.two_people(place / "two.mp4")
    for person in (0, 1):
        tiny_detector.two_people(place / f"{person}-leaves.mp4", leaves=person)
    tiny_detector.nobody(place / "wall.mp4")
    Image.fromarray(next(tiny_detector.frames_of_one(1))).save(place / "photo.png")
    return place
