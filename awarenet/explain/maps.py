"""Heat maps: what in a face spoke for "fake", family by family, by several methods.

A map shows which parts of the face moved this network's logit toward "fake". It does not mark a
forgery: every map is stretched to its own full range, so a face that is surely genuine has a
hottest spot too. All methods are those of the pytorch_grad_cam package and read the same two
things, the last grid of features and how the logit answers to it, so that several methods cost no
more passes than one.

Shapes: B crops, S side of a crop in px, side: of a network's input in px.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import nn

from awarenet.ensemble import Ensemble
from awarenet.errors import Canceled, SettingsError
from awarenet.methods import ENSEMBLE, METHODS
from awarenet.runtime import Runtime
from awarenet.zoo import get_spec

if TYPE_CHECKING:
    from pytorch_grad_cam.base_cam import BaseCAM

# Crops at a time. On a CPU larger batches are hardly faster, and a stop has to wait for one.
BATCH = 8
# px, side of what runs through a network in front of a layer whose output is known already
STAND_IN = 64


def cam_layers(ensemble: Ensemble) -> dict[str, str]:
    """Name the layer that each family's maps are taken from."""
    return {family: get_spec(family).cam_layer for family in ensemble.families}


def heat_maps(
    runtime: Runtime,
    crops: np.ndarray,
    method: str = "gradcam",
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, np.ndarray]:
    """Compute what in each crop spoke for "fake", family by family and for the ensemble.

    A family's map is the mean of its members' maps; the ensemble's is the mean of the families'
    by their learned weights. The grid that a map is drawn of comes from the engine that scores;
    only what follows it runs here, in float32, for the sake of its gradient.

    Args:
        runtime: Its lock is held while a network runs: hooks hang in it.
        crops: (B, S, S, 3) uint8 RGB; B may be 0.
        method: One of `METHODS`.
        should_stop: Asked before each network.

    Returns:
        By family, and under `ENSEMBLE`: (B, S, S) float32 in 0..1.

    Raises:
        SettingsError: No such method.
        Canceled: `should_stop` said so.
    """
    return maps_by_method(runtime, crops, [method], should_stop)[method]


def maps_by_method(
    runtime: Runtime,
    crops: np.ndarray,
    methods: Sequence[str] = tuple(METHODS),
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, dict[str, np.ndarray]]:
    """Compute what `heat_maps` does by several methods, with one pass through each network.

    Returns:
        By method, in their order: what `heat_maps` gives. Raises as it does.
    """
    if unknown := [method for method in methods if method not in METHODS]:
        raise SettingsError(f"heat map method {unknown[0]!r}; there are {', '.join(METHODS)}")
    return runtime.there(_draw, crops, list(methods), should_stop=should_stop)


def _draw(
    runtime: Runtime,
    crops: np.ndarray,
    methods: list[str],
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, dict[str, np.ndarray]]:
    """Do what `maps_by_method` does, where the networks are."""
    ensemble, side = runtime.ensemble, crops.shape[1]
    shape = (len(crops), side, side)
    maps = {
        method: {family: np.zeros(shape, np.float32) for family in ensemble.families}
        for method in methods
    }
    for start in range(0, len(crops), BATCH):
        part = slice(start, start + BATCH)
        for family, member, grid in runtime.grids(crops[part], should_stop):
            if should_stop is not None and should_stop():
                raise Canceled("drawing heat maps was stopped")
            input_side = ensemble.specs[family].side
            images = grid.new_zeros(1).expand(len(grid), 3, input_side, input_side)
            network, layer = ensemble.members[family][member], get_spec(family).cam_layer
            with runtime.lock:
                each = member_maps(network, layer, images, methods, grid)
            for method, drawn in each.items():
                maps[method][family][part] += [_resize(one, side) for one in drawn]
    for found in maps.values():
        for family in ensemble.families:
            found[family] = np.clip(found[family] / ensemble.members_per_family, 0, 1)
        weighted = [found[family] * np.float32(w) for family, w in ensemble.weights.items()]
        found[ENSEMBLE] = np.clip(np.sum(weighted, axis=0), 0, 1)
    return maps


def member_maps(
    network: nn.Module,
    layer: str,
    images: torch.Tensor,
    methods: Sequence[str] = ("gradcam",),
    grid: torch.Tensor | None = None,
) -> dict[str, np.ndarray]:
    """Explain one network's logit.

    Args:
        network: In evaluation mode, on the images' device; its hooks are its own again afterwards.
        layer: Of its submodules, one that gives (B, C, h, w) once a pass.
        images: (B, 3, side, side), as `zoo.preprocess` makes them.
        methods: Of `METHODS`.
        grid: (B, C, h, w) float32, what the layer gives for these images, where that is known:
            what they are does not matter then, and what comes before the layer costs next to
            nothing. Nothing behind the layer may read anything from before it.

    Returns:
        By method: (B, side, side) float32 in 0..1.

    Raises:
        RuntimeError: The layer gave no such grid.
    """
    classes, module = _classes(), network.get_submodule(layer)
    with _graph_begins_at(module, grid), _watching(network, module, classes, methods) as cams:
        needs_gradient = any(cam.uses_gradients for cam in cams.values())
        # the copy has to be the last to see the layer's output: what follows may write into it
        handle = module.register_forward_hook(lambda _, __, output: output.clone())
        try:
            with torch.set_grad_enabled(needs_gradient):
                known = grid is not None
                logits = network(images[:1, :, :STAND_IN, :STAND_IN] if known else images)
        finally:
            handle.remove()
        if needs_gradient:
            logits.sum().backward()  # crops do not mix, so each gets the gradient of its own logit
        return {method: _read(cam, images, layer) for method, cam in cams.items()}


def _read(cam: BaseCAM, images: torch.Tensor, layer: str) -> np.ndarray:
    """Let a method make maps of what its hooks have seen: (B, side, side) float32 in 0..1."""
    grids = cam.activations_and_grads.activations
    if len(grids) != 1 or grids[0].ndim != 4:
        shapes = [tuple(grid.shape) for grid in grids]
        raise RuntimeError(
            f"no map at layer {layer!r}: it gave {shapes}; expected one (B, C, h, w)"
        )
    per_layer = cam.compute_cam_per_layer(images, [None] * len(images), False)
    return np.clip(cam.aggregate_multi_layers(per_layer), 0, 1)


def project(grid: np.ndarray) -> np.ndarray:
    """Project features on their first principal component over the places of a grid.

    A component has no sign, and of a map only what is above 0 is shown. It gets the sign that
    makes its largest value positive: a thing that stands out is small before its surroundings.

    Args:
        grid: (C, h, w) features.

    Returns:
        (h, w) float32, mean 0.

    Source:
        Sign: Chung and Ying, Seg-Eigen-CAM, 2025, equation 13, https://doi.org/10.3390/app15137562.
    """
    features = grid.reshape(len(grid), -1).T.astype(np.float64)  # (places, C)
    features -= features.mean(axis=0)
    if len(features) <= features.shape[1]:  # whichever of the two matrices is smaller
        values, vectors = np.linalg.eigh(features @ features.T)
        projection = vectors[:, -1] * np.sqrt(max(values[-1], 0))
    else:
        projection = features @ np.linalg.eigh(features.T @ features)[1][:, -1]
    if abs(projection.min()) > abs(projection.max()):
        projection = -projection
    return projection.reshape(grid.shape[1:]).astype(np.float32)


@contextmanager
def _graph_begins_at(module: nn.Module, grid: torch.Tensor | None = None) -> Iterator[None]:
    """Let gradients begin at a module's output, or at what is given instead of it.

    Parameters are frozen, so there would be no graph at all otherwise.
    """

    def begin(_: nn.Module, __: tuple, output: torch.Tensor) -> torch.Tensor:
        output = output if grid is None else grid
        return output.detach().requires_grad_(torch.is_grad_enabled())

    handle = module.register_forward_hook(begin)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _watching(
    network: nn.Module,
    module: nn.Module,
    classes: dict[str, type[BaseCAM]],
    methods: Sequence[str],
) -> Iterator[dict[str, BaseCAM]]:
    """Hang the hooks of every method into a network, and take them out whatever happens."""
    cams: dict[str, BaseCAM] = {}
    try:
        for method in methods:
            cams[method] = classes[method](network, [module])
        yield cams
    finally:
        for cam in cams.values():
            cam.activations_and_grads.release()


@functools.cache
def _classes() -> dict[str, type[BaseCAM]]:
    """Import the methods: late, as it takes seconds, and most callers never explain."""
    from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM

    class SignedEigenCAM(EigenCAM):
        """Eigen-CAM by `project`: the package's own takes 10 s for a grid of 75 x 75."""

        def get_cam_image(  # as in the package: what the method makes of one layer
            self,
            input_tensor: torch.Tensor,
            target_layer: nn.Module,
            targets: list,
            activations: np.ndarray,
            grads: np.ndarray | None,
            eigen_smooth: bool,
        ) -> np.ndarray:
            """Project each crop's features on their first principal component."""
            return np.stack([project(grid) for grid in activations])

    return {
        "gradcam": GradCAM,
        "gradcam++": GradCAMPlusPlus,
        "layercam": LayerCAM,
        "hirescam": HiResCAM,
        "eigencam": SignedEigenCAM,
    }


def _resize(grid: np.ndarray, side: int) -> np.ndarray:
    return np.clip(cv2.resize(grid, (side, side), interpolation=cv2.INTER_LINEAR), 0, 1)
