"""torchvision can be imported after awarenet, and awarenet itself imports nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
FAILING = """
import importlib.abc, importlib.machinery, sys, types

class Broken(importlib.abc.Loader):
    def create_module(self, spec):
        return None

    def exec_module(self, module):
        raise {error}

def find(name, path=None, target=None):
    return importlib.machinery.ModuleSpec(name, Broken())

import awarenet._tvcompat
awarenet._tvcompat.PathFinder = types.SimpleNamespace(find_spec=find)
try:
    import torchvision
except Exception as error:
    print(type(error).__name__, error)
"""


def run(code: str) -> str:
    """Run Python in a fresh process in the repository; give its output."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_loads_no_torch_and_no_numpy():
    code = (
        "import awarenet, sys; print({'torch', 'torchvision', 'numpy', 'timm'} & set(sys.modules))"
    )
    assert run(code) == "set()"


def test_torchvision_and_timm_import_after_the_package():
    code = (
        "import awarenet, timm, torchvision\n"
        "from torchvision.transforms import v2\n"
        "print(timm.__name__, v2.__name__, torchvision.__version__.split('.')[0])"
    )
    assert run(code) == "timm torchvision.transforms.v2 0"


def test_preparing_twice_is_the_same_as_once():
    code = (
        "import awarenet, sys\n"
        "from awarenet._tvcompat import ensure_torchvision_importable\n"
        "before = len(sys.meta_path)\n"
        "ensure_torchvision_importable()\n"
        "print(len(sys.meta_path) - before)"
    )
    assert run(code) == "0"


@pytest.mark.parametrize("error", ["RuntimeError('disk on fire')", "ImportError('no such file')"])
def test_other_failures_of_torchvision_are_passed_on(error):
    kind, _, text = error.partition("('")
    assert run(FAILING.format(error=error)) == f"{kind} {text[:-2]}"


@pytest.mark.skipif(bool(torch.version.cuda), reason="a CUDA build of torch needs no help")
def test_an_import_that_still_fails_with_the_operators_declared_is_passed_on():
    error = "RuntimeError('operator torchvision::nms does not exist')"
    assert run(FAILING.format(error=error)).startswith("RuntimeError operator torchvision::nms")
