"""Grad-CAM against one written by hand; what is laid over a frame, and where."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_bundle import golden_crops, tiny_ensemble
from torch.nn import functional

from awarenet.explain import ENSEMBLE, PREVIEW_PX, Preview, cam_layers, heat_maps, overlay
from awarenet.faces import crop_face, square_box
from awarenet.runtime import Runtime
from awarenet.zoo import SPECS, preprocess

MARGIN = 0.25


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    ensemble = tiny_ensemble()
    with torch.no_grad():  # by chance nothing in the crops speaks for "fake"; now it does
        for network in ensemble.members["test_resnet"]:
            network.fc.weight.neg_()
    return Runtime(ensemble, device="cpu")


@pytest.fixture(scope="module")
def maps(runtime) -> dict[str, np.ndarray]:
    return heat_maps(runtime, golden_crops(3))


def stretched(grids: torch.Tensor) -> torch.Tensor:
    low = grids.amin(dim=(1, 2), keepdim=True)
    high = (grids - low).amax(dim=(1, 2), keepdim=True)
    return (grids - low) / (high + 1e-7)


def grad_cam_by_hand(network: torch.nn.Module, layer: str, images: torch.Tensor) -> torch.Tensor:
    """(B, side, side): activations weighed by their mean gradient, negatives cut off."""
    kept = []
    module = network.get_submodule(layer)
    handle = module.register_forward_hook(lambda _, __, output: kept.append(output))
    logit = network(images.clone().requires_grad_(True)).sum()
    handle.remove()
    (gradient,) = torch.autograd.grad(logit, kept[0])
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    cam = (weights * kept[0].detach()).sum(dim=1).relu()
    side = images.shape[-1]
    cam = functional.interpolate(
        stretched(cam)[:, None], size=(side, side), mode="bilinear", align_corners=False
    )
    return stretched(cam[:, 0])


def expected_family(runtime: Runtime, family: str, crops: np.ndarray) -> np.ndarray:
    ensemble = runtime.ensemble
    images = preprocess(torch.from_numpy(crops), ensemble.specs[family])
    each = [
        grad_cam_by_hand(network, SPECS[family].cam_layer, images)
        for network in ensemble.members[family]
    ]
    mean = torch.stack(each).mean(dim=0)[:, None]
    side = crops.shape[1]
    return functional.interpolate(mean, size=(side, side), mode="bilinear")[:, 0].numpy()


@pytest.mark.parametrize("family", ["test_resnet", "mobilenet_v2"])
def test_a_familys_map_is_the_mean_of_its_members_grad_cams(runtime, maps, family):
    expected = expected_family(runtime, family, golden_crops(3))
    assert maps[family].shape == (3, 80, 80)
    assert maps[family].dtype == np.float32
    assert expected.std() > 0.05  # there is something to see
    np.testing.assert_allclose(maps[family], expected, atol=5e-3)


def test_the_ensembles_map_is_weighted_as_its_vote(runtime, maps):
    shares = runtime.ensemble.weights
    expected = sum(share * maps[family] for family, share in shares.items())
    np.testing.assert_allclose(maps[ENSEMBLE], expected, atol=1e-6)


def test_maps_lie_between_0_and_1_for_every_family_and_the_ensemble(runtime, maps):
    assert set(maps) == {*runtime.ensemble.families, ENSEMBLE}
    assert all(0 <= grid.min() and grid.max() <= 1 for grid in maps.values())


def test_a_crop_has_the_same_map_alone_as_among_others(runtime, maps):
    alone = heat_maps(runtime, golden_crops(3)[1:2])
    np.testing.assert_allclose(alone[ENSEMBLE][0], maps[ENSEMBLE][1], atol=1e-3)


def test_where_nothing_speaks_for_fake_the_map_is_empty():
    only_real = heat_maps(Runtime(tiny_ensemble(), device="cpu"), golden_crops(2))["test_resnet"]
    assert only_real.max() == 0


def test_no_crops_give_no_maps(runtime):
    assert heat_maps(runtime, golden_crops(2)[:0])[ENSEMBLE].shape == (0, 80, 80)


def test_explaining_leaves_the_networks_as_they_were(runtime):
    crops = golden_crops(2)
    before = runtime.logits(crops)
    heat_maps(runtime, crops)
    np.testing.assert_array_equal(runtime.logits(crops), before)
    for module in runtime.ensemble.modules():
        assert not module._forward_hooks
        assert not module.training
    assert all(value.grad is None for value in runtime.ensemble.parameters())


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


def test_a_map_that_cannot_be_made_is_an_error_and_not_a_swallowed_one(runtime, monkeypatch):
    from pytorch_grad_cam import GradCAM

    def broken(*_: object, **__: object) -> None:
        raise IndexError("swallowed by grad-cam")

    monkeypatch.setattr(GradCAM, "forward", broken)
    with pytest.raises(RuntimeError, match="no map at layer"):
        heat_maps(runtime, golden_crops(1))


def test_layers_are_named_by_family(runtime):
    assert cam_layers(runtime.ensemble) == {"test_resnet": "layer4", "mobilenet_v2": "blocks.4"}


def frame_of(height: int = 90, width: int = 120) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("box", [(30, 20, 70, 60), (-15, -10, 30, 40), (100, 60, 140, 110)])
def test_heat_lands_where_the_crop_was_cut(box):
    frame = np.zeros((90, 120, 3), np.uint8)
    frame[25:40, 35:45] = 200  # a patch in the first box, and in reach of the others' edges
    frame[70:85, 105:118] = 200
    frame[2:20, 3:20] = 200
    crop = crop_face(frame, box, margin=MARGIN, side=64)
    heat = (crop[..., 0] / 200).astype(np.float32).clip(0, 1)
    drawn = overlay(frame * 0, box, MARGIN, heat, 1.0, 1.0)[..., 0] / 255
    x0, y0, x1, y1 = (round(side) for side in square_box(box, MARGIN))
    rows, columns = slice(max(y0, 0) + 1, max(y1 - 1, 0)), slice(max(x0, 0) + 1, max(x1 - 1, 0))
    inside = frame[rows, columns, 0] / 200
    assert inside.max() == 1
    assert np.abs(drawn[rows, columns] - inside).mean() < 0.12


def test_nothing_outside_the_square_changes_nor_the_frame_itself():
    frame = frame_of()
    before = frame.copy()
    drawn = overlay(frame, (40, 30, 80, 60), MARGIN, np.ones((64, 64), np.float32), 1.0, 0.5)
    x0, y0, x1, y1 = square_box((40, 30, 80, 60), MARGIN)
    rest = np.ones(frame.shape[:2], bool)
    rest[int(np.floor(y0)) : int(np.ceil(y1)), int(np.floor(x0)) : int(np.ceil(x1))] = False
    np.testing.assert_array_equal(drawn[rest], frame[rest])
    np.testing.assert_array_equal(frame, before)
    assert (drawn[~rest] != frame[~rest]).mean() > 0.5


def test_a_face_beside_the_frame_leaves_it_as_it_is():
    frame = frame_of()
    drawn = overlay(frame, (500, 500, 540, 560), MARGIN, np.ones((8, 8), np.float32), 1.0, 1.0)
    np.testing.assert_array_equal(drawn, frame)


@settings(max_examples=30, deadline=None)
@given(weak=st.floats(0, 1), strong=st.floats(0, 1))
def test_the_surer_a_network_is_of_fake_the_more_the_frame_glows(weak, strong):
    frame, heat = np.full((60, 60, 3), 90, np.uint8), np.ones((16, 16), np.float32)
    none, less, more = (
        overlay(frame, (20, 20, 40, 40), 0, heat, strength, 0.5)[30, 30].astype(int)
        for strength in (0.0, *sorted((weak, strong)))
    )
    assert none.tolist() == [90, 90, 90]
    assert less[0] <= more[0]  # red comes
    assert less[2] >= more[2]  # blue goes


def test_a_confident_real_hardly_glows():
    frame, heat = np.full((60, 60, 3), 90, np.uint8), np.ones((16, 16), np.float32)
    drawn = overlay(frame, (20, 20, 40, 40), 0, heat, 0.02, 0.5)
    assert np.abs(drawn.astype(int) - frame).max() <= 2


def test_a_preview_is_small_and_its_boxes_fit():
    frame = np.zeros((1200, 2560, 3), np.uint8)
    frame[300:500, 1000:1400] = 250
    preview = Preview.of(frame)
    image = preview.image()
    assert image.shape == (600, PREVIEW_PX, 3)
    x0, y0, x1, y1 = (int(side) for side in preview.scaled((1000, 300, 1400, 500)))
    assert image[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].min() > 240
    assert image[: y0 - 4].max() < 10
    assert len(preview.jpeg) < frame.nbytes / 50


def test_a_small_frame_is_kept_as_large_as_it_is():
    frame = frame_of()
    preview = Preview.of(frame)
    assert preview.scale == 1
    assert preview.image().shape == frame.shape
