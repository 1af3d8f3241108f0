"""Networks as OpenVINO graphs whose weights are still to be put in.

Tracing and translating a network takes from 0.4 s to 3 s, and the members of a family differ in
their weights alone. So one of them is translated, its weights become inputs of the graph, and each
member's are put in their place, which takes 10 ms. Such graphs are small; they are kept in memory,
and on disk for the next start.

Graphs have two outputs: the logit (n, 1), and the grid (n, C, h, w) of `Spec.cam_layer`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import tempfile
import threading
import warnings
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from awarenet.errors import AwareNetError
from awarenet.runtime.engine import watched
from awarenet.runtime.remembering import cache_folder

if TYPE_CHECKING:
    import openvino

logger = logging.getLogger(__name__)

VERSION = 1  # of what `_translate` makes; raise it when that changes
KEPT = 64  # graphs on disk, the ones used last; each has some 100 kB

_in_memory: dict[str, openvino.Model] = {}
_lock = threading.RLock()


class Untranslatable(AwareNetError):
    """A network that an engine cannot run, or not with the right answers."""


def import_openvino() -> openvino:
    """Import the package without the one beside it that reports to its maker.

    On import it would write an identifier into the home folder and send that a program imported
    it, unless the user has said no somewhere else. Where its telemetry is not installed, it goes
    without; so that is what it is told. See openvino/tools/ovc/telemetry_utils.py.

    Raises:
        ImportError: It is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino


def member_graph(network: nn.Module, layer: str, side: int) -> openvino.Model:
    """Turn a network into a graph for images (n, 3, side, side) float32, n free.

    Args:
        network: On the CPU, in evaluation mode; nobody else runs it meanwhile. The graph shares
            its weights' memory, so it must outlive the graph.
        layer: Of its submodules, the one whose grid is the second output.
        side: Of an image, px.

    Raises:
        Untranslatable: There are operations in it that OpenVINO does not know.
    """
    ov = import_openvino()
    from openvino import opset13

    graph = _architecture(network, layer, side).clone()
    weights = network.state_dict()
    for parameter in graph.get_parameters():
        key = parameter.get_friendly_name()
        if key not in weights:
            continue
        value = weights[key].contiguous()
        constant = opset13.constant(value.numpy(), shared_memory=True)
        _replace(parameter, constant)
        graph.remove_parameter(parameter)
    graph.get_parameters()[0].set_partial_shape(ov.PartialShape([-1, 3, side, side]))
    graph.validate_nodes_and_infer_types()
    return graph


def _architecture(network: nn.Module, layer: str, side: int) -> openvino.Model:
    """Give the graph of all networks that are built like this one; from the last time, if it can.

    Two networks are built alike when their modules print alike and their weights have the same
    names and shapes.
    """
    ov = import_openvino()
    known = {
        "version": VERSION,
        "packages": [metadata.version(name) for name in ("openvino", "torch", "timm")],
        "modules": f"{type(network).__module__} {network}",
        "weights": [(key, tuple(value.shape)) for key, value in network.state_dict().items()],
        "layer": layer,
        "side": side,
    }
    key = hashlib.sha256(json.dumps(known).encode()).hexdigest()
    with _lock:
        if key not in _in_memory:
            path = cache_folder("graphs") / f"{key}.xml"
            try:
                _in_memory[key] = ov.Core().read_model(path)
                path.touch()  # used last
            except (RuntimeError, OSError):
                _in_memory[key] = _translate(network, layer, side)
                _keep(_in_memory[key], path)
        return _in_memory[key]


def _translate(network: nn.Module, layer: str, side: int) -> openvino.Model:
    """Trace a network and make its weights inputs of the graph."""
    import_openvino()
    from openvino import opset13
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing: sides are fixed, and rightly so
            example = torch.zeros(2, 3, side, side)
            traced = torch.jit.trace(_WithGrid(network, layer), example, check_trace=False)
            # the translation asks the decoder again later: it has to stay
            decoder = TorchScriptPythonDecoder(traced)
            frontend = FrontEndManager().load_by_framework("pytorch")
            graph = frontend.convert(frontend.load(decoder))
    except Exception as error:  # whatever torch and OpenVINO raise at what they do not know
        reason = str(error).strip().splitlines()[0][:200]
        raise Untranslatable(f"{type(network).__name__}: {reason}") from error
    weights = dict(network.state_dict())
    for node in graph.get_ops():
        key = node.get_friendly_name().removeprefix("self.network.")
        if node.get_type_name() != "Constant" or key not in weights:
            continue
        parameter = opset13.parameter(node.get_output_shape(0), node.get_element_type(), name=key)
        _replace(node, parameter)
        graph.add_parameters([parameter])
        del weights[key]
    left = [key for key in weights if not key.endswith("num_batches_tracked")]
    if left:  # they would keep the first member's values
        raise Untranslatable(f"{type(network).__name__}: weights {left[:3]} are not in its graph")
    return graph


def _replace(old: openvino.Node, new: openvino.Node) -> None:
    for reader in list(old.output(0).get_target_inputs()):
        reader.replace_source_output(new.output(0))


def _keep(graph: openvino.Model, path: Path) -> None:
    """Write a graph for the next start, and delete those that were not used for long.

    That is worth a second, not an error: where it cannot be done, there is no next time.
    """
    ov = import_openvino()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            drawn = Path(folder) / path.name  # OpenVINO looks at how a file's name ends
            ov.serialize(graph, drawn, drawn.with_suffix(".bin"))
            for made in (drawn.with_suffix(".bin"), drawn):  # who finds a graph finds its numbers
                os.replace(made, path.with_name(made.name))
        found = sorted(path.parent.glob("*.xml"), key=lambda each: each.stat().st_mtime)
        for old in found[:-KEPT]:
            old.unlink(missing_ok=True)
            old.with_suffix(".bin").unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        logger.info("graphs are not kept: %s", error)


class _WithGrid(nn.Module):
    """A network that gives its logit and the grid of one of its layers."""

    def __init__(self, network: nn.Module, layer: str):
        super().__init__()
        self.network, self._layer = network, layer

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, 3, side, side) images to (n, 1) logits and (n, C, h, w)."""
        with watched(self.network, self._layer) as grids:
            logits = self.network(images)
        return logits, grids[0]
