"""Heat maps against some written by hand, by every method."""

import threading

import numpy as np
import pytest
import torch
from tiny_bundle import golden_crops, tiny_ensemble
from torch.nn import functional

from awarenet.errors import SettingsError
from awarenet.explain import (
    ENSEMBLE,
    METHODS,
    cam_layers,
    heat_maps,
    maps_by_method,
)
from awarenet.explain.maps import BATCH, project
from awarenet.runtime import Runtime
from awarenet.zoo import SPECS, preprocess


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    ensemble = tiny_ensemble()
    with torch.no_grad():  # by chance nothing in the crops speaks for "fake"; now it does
        for network in ensemble.members["test_resnet"]:
            network.fc.weight.neg_()
    return Runtime(ensemble, "cpu", "float32")


@pytest.fixture(scope="module")
def methods(runtime) -> dict[str, dict[str, np.ndarray]]:
    return maps_by_method(runtime, golden_crops(3))


@pytest.fixture(scope="module")
def maps(methods) -> dict[str, np.ndarray]:
    return methods["gradcam"]


def stretched(grids: torch.Tensor) -> torch.Tensor:
    low = grids.amin(dim=(1, 2), keepdim=True)
    high = (grids - low).amax(dim=(1, 2), keepdim=True)
    return (grids - low) / (high + 1e-7)


def features_and_gradient(
    network: torch.nn.Module, layer: str, images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both (B, C, h, w), by a graph that begins at the pictures."""
    kept = []
    module = network.get_submodule(layer)
    handle = module.register_forward_hook(lambda _, __, output: kept.append(output))
    logit = network(images.clone().requires_grad_(True)).sum()
    handle.remove()
    (gradient,) = torch.autograd.grad(logit, kept[0])
    return kept[0].detach(), gradient


def grid_by_hand(method: str, features: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """(B, h, w): the papers' formulas."""
    if method == "gradcam":  # equations 1 and 2 of Grad-CAM
        return (gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1)
    if method == "gradcam++":  # equations 5 and 19 of Grad-CAM++
        total = features.sum(dim=(2, 3), keepdim=True)
        alpha = gradient**2 / (2 * gradient**2 + total * gradient**3 + 1e-6)
        alpha = torch.where(gradient != 0, alpha, 0)
        weights = (alpha * gradient.relu()).sum(dim=(2, 3), keepdim=True)
        return (weights * features).sum(dim=1)
    if method == "layercam":  # equations 4 and 5 of LayerCAM
        return (gradient.relu() * features).sum(dim=1)
    if method == "hirescam":  # equation 4 of HiResCAM
        return (gradient * features).sum(dim=1)
    grids = []
    for each in features.double():  # the first principal component, by an SVD
        places = each.flatten(1).T
        places = places - places.mean(dim=0)
        grid = places @ torch.linalg.svd(places, full_matrices=False).Vh[0]
        grids.append((grid if grid.max() > -grid.min() else -grid).view(each.shape[1:]))
    return torch.stack(grids).float()


def map_by_hand(
    network: torch.nn.Module, layer: str, images: torch.Tensor, method: str = "gradcam"
) -> torch.Tensor:
    """(B, side, side): negatives cut off, stretched to 0..1, made as large as the picture."""
    cam = grid_by_hand(method, *features_and_gradient(network, layer, images)).relu()
    side = images.shape[-1]
    cam = functional.interpolate(
        stretched(cam)[:, None], size=(side, side), mode="bilinear", align_corners=False
    )
    return stretched(cam[:, 0])


def expected_family(
    runtime: Runtime, family: str, crops: np.ndarray, method: str = "gradcam"
) -> np.ndarray:
    ensemble = runtime.ensemble
    images = preprocess(torch.from_numpy(crops), ensemble.specs[family])
    each = [
        map_by_hand(network, SPECS[family].cam_layer, images, method)
        for network in ensemble.members[family]
    ]
    mean = torch.stack(each).mean(dim=0)[:, None]
    side = crops.shape[1]
    return functional.interpolate(mean, size=(side, side), mode="bilinear")[:, 0].numpy()


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("family", ["test_resnet", "mobilenet_v2"])
def test_a_familys_map_is_the_mean_of_its_members_maps(runtime, methods, family, method):
    expected = expected_family(runtime, family, golden_crops(3), method)
    found = methods[method][family]
    assert found.shape == (3, 80, 80)
    assert found.dtype == np.float32
    assert expected.std() > 0.05  # there is something to see
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize("method", list(METHODS))
def test_one_method_alone_gives_what_it_gives_among_all(runtime, methods, method):
    alone = heat_maps(runtime, golden_crops(3), method)
    for family, expected in methods[method].items():
        np.testing.assert_allclose(alone[family], expected, atol=1e-6)


def test_the_ensembles_map_is_weighted_as_its_vote(runtime, maps):
    shares = runtime.ensemble.weights
    expected = sum(share * maps[family] for family, share in shares.items())
    np.testing.assert_allclose(maps[ENSEMBLE], expected, atol=1e-6)


def test_maps_lie_between_0_and_1_for_every_family_and_the_ensemble(runtime, maps):
    assert set(maps) == {*runtime.ensemble.families, ENSEMBLE}
    assert all(0 <= grid.min() and grid.max() <= 1 for grid in maps.values())


@pytest.mark.parametrize("method", list(METHODS))
def test_a_crop_has_the_same_map_alone_as_among_others(runtime, methods, method):
    for place in range(3):
        alone = heat_maps(runtime, golden_crops(3)[place : place + 1], method)
        for family, grid in alone.items():
            np.testing.assert_allclose(grid[0], methods[method][family][place], atol=1e-3)


def test_more_crops_than_a_batch_come_back_in_order(runtime):
    crops = golden_crops(BATCH + 2)
    many = heat_maps(runtime, crops)["test_resnet"]
    last = heat_maps(runtime, crops[-2:])["test_resnet"]
    assert len(many) == BATCH + 2
    np.testing.assert_allclose(many[-2:], last, atol=1e-3)


def test_where_nothing_speaks_for_fake_the_map_is_empty():
    only_real = heat_maps(Runtime(tiny_ensemble(), device="cpu"), golden_crops(2))["test_resnet"]
    assert only_real.max() == 0


def test_no_crops_give_no_maps(runtime):
    assert heat_maps(runtime, golden_crops(2)[:0])[ENSEMBLE].shape == (0, 80, 80)


def test_maps_and_scores_from_several_threads_do_not_disturb_each_other(runtime, maps):
    crops, failures = golden_crops(3), []
    scores = runtime.logits(crops)

    def work() -> None:
        if np.abs(heat_maps(runtime, crops)[ENSEMBLE] - maps[ENSEMBLE]).max() > 1e-3:
            failures.append("map")
        if np.abs(runtime.logits(crops) - scores).max() > 1e-4:
            failures.append("score")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_layers_are_named_by_family(runtime):
    assert cam_layers(runtime.ensemble) == {"test_resnet": "layer4", "mobilenet_v2": "blocks.4"}


def test_an_unknown_method_is_refused_in_one_line(runtime):
    with pytest.raises(SettingsError, match="heat map method 'cam'; there are gradcam, gradcam"):
        heat_maps(runtime, golden_crops(1), "cam")


def test_every_method_has_words_for_people_and_eigencam_owns_up():
    assert all(len(words) > 40 for words in METHODS.values())
    assert "whether it speaks for fake or for real" in METHODS["eigencam"]


@pytest.mark.parametrize("shape", [(5, 3, 4), (30, 3, 4)])  # fewer features than places, and more
def test_the_projection_is_the_packages_own_up_to_its_sign(shape):
    from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection

    grid = np.random.default_rng(5).normal(2, 1, shape).astype(np.float32)
    (expected,) = get_2d_projection(grid[None])
    found = project(grid)
    assert found.max() >= -found.min()
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-4)


def test_a_grid_without_contrast_has_an_empty_projection():
    np.testing.assert_allclose(project(np.ones((4, 3, 3), np.float32)), 0, atol=1e-6)
