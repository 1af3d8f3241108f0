"""AWARE-NET: is a face in this clip manipulated, how sure are the networks, where did they look.

>>> import awarenet
>>> report = awarenet.load_detector("assets/demo").analyze("clip.mp4")
>>> report.verdict, report.probability, report.interval
"""

from __future__ import annotations

import importlib

from awarenet._tvcompat import ensure_torchvision_importable

ensure_torchvision_importable()  # before anything imports timm or grad-cam

__version__ = "0.1.0"

_HOME = {  # public name -> module; loaded on first use, so that importing the package is cheap
    "load_detector": "pipeline",
    "Detector": "pipeline",
    "Report": "report",
    "create_model": "zoo",
    "list_models": "zoo",
    "load_bundle": "bundle",
    "load_settings": "settings",
}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'awarenet' has no attribute {name!r}; it has {__dir__()}")
    return getattr(importlib.import_module(f"awarenet.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
