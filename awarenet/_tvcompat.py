"""Let torchvision be imported where it was built for CUDA and torch was not.

The package index has one torchvision wheel a platform, and on Linux that is a CUDA build. Beside
a CPU-only torch its compiled part is left out silently, and its Python part then fails on
operators that nobody registered ("operator torchvision::nms does not exist"); timm and grad-cam
fail with it. Declaring those operators, without an implementation, is enough for all that this
project takes from torchvision. Calling one of them still raises an error that says so.

Nothing is imported until somebody imports torchvision, so `import awarenet` stays light.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
OPERATORS = ("nms", "qnms")  # those that torchvision 0.28 looks up while it is imported

_declared = []  # torch drops an operator together with the Library object that declared it


class _TorchvisionFinder:
    """Meta path finder that gives torchvision's loader a second try."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "torchvision":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = functools.partial(_execute_with_operators, execute)
        return spec


def ensure_torchvision_importable() -> None:
    """Arrange that `import torchvision` works from now on; doing it twice changes nothing."""
    if not any(isinstance(finder, _TorchvisionFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TorchvisionFinder())


def _execute_with_operators(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    """Run torchvision's own import; where operators are missing, declare them and run it again."""
    try:
        execute(module)
    except RuntimeError as error:
        import torch

        built_for_gpu = torch.version.cuda or torch.version.hip
        if built_for_gpu or "operator torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.startswith("torchvision.")]:
            del sys.modules[name]
        if not _declared:
            library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in OPERATORS:
                library.define(operator + SIGNATURE)
            _declared.append(library)
        execute(module)
