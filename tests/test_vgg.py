"""VGG's convolutions: timm's own on the same weights, also where pictures come as BGR bytes."""

import pytest
import torch

from awarenet.nets.capsule import CapsuleForensics
from awarenet.nets.ictu_oculi import IctuOculi
from awarenet.nets.lrcn import Lrcn
from awarenet.nets.vgg import VGG16, VGG19, load_features, vgg_features
from awarenet.zoo import SPECS, adapt_spec, preprocess, timm

IMAGENET = (SPECS["capsule"].mean, SPECS["capsule"].std)


def small_vgg16() -> torch.nn.Module:
    """Timm's VGG-16 with a narrow head and biases that are not 0."""
    torch.manual_seed(0)
    whole = timm.create_model("vgg16", mlp_ratio=16 / 4096).eval()  # fc6: 16, fc7: 4096
    with torch.no_grad():
        for name, parameter in whole.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.1)
    return whole


@pytest.fixture(scope="module")
def whole() -> torch.nn.Module:
    return small_vgg16()


def test_the_capsules_front_is_timms_vgg19_up_to_its_third_pooling():
    torch.manual_seed(0)
    with torch.device("meta"):  # its head has 120 million weights that nobody looks at
        columns = timm.create_model("vgg19").features[:19]
    columns = columns.to_empty(device="cpu")
    for parameter in columns.parameters():
        torch.nn.init.normal_(parameter, 0, 0.05)
    network = CapsuleForensics().eval()
    network.load_imagenet({f"features.{key}": v for key, v in columns.state_dict().items()})
    images = torch.randn(2, 3, 61, 44)
    with torch.no_grad():
        torch.testing.assert_close(network.front(images), columns(images))
        assert network.front(torch.zeros(1, 3, 300, 300)).shape == (1, 256, 37, 37)


@pytest.mark.parametrize(("name", "stages"), [("vgg16", VGG16), ("vgg19", VGG19)])
def test_all_stages_have_timms_names_and_shapes(name, stages):
    with torch.device("meta"):
        expected = timm.create_model(name).features.state_dict()
        found = vgg_features(stages).state_dict()
    assert {key: value.shape for key, value in found.items()} == {
        key: value.shape for key, value in expected.items()
    }


def test_weights_that_lack_a_layer_are_refused(whole):
    state = whole.state_dict()
    del state["features.28.weight"]
    with pytest.raises(KeyError, match="features.28.weight"):
        load_features(vgg_features(VGG16), state)


@pytest.mark.parametrize("network", [IctuOculi, Lrcn])
def test_vgg16_on_bgr_bytes_is_timms_on_normalized_rgb(network, whole):
    ours = network(hidden=16).eval()
    if network is IctuOculi:  # timm's second layer is as wide as the published one
        ours.fc7 = torch.nn.Linear(16, 4096)
    ours.load_imagenet(whole.state_dict(), *IMAGENET)
    crops = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    plain = preprocess(crops, adapt_spec(SPECS["capsule"], side=64))
    as_bytes = preprocess(crops, adapt_spec(SPECS["ictu_oculi"], side=64))
    with torch.no_grad():
        expected, found = whole.features[0](plain), ours.features[0](as_bytes)
        inside = (..., slice(1, -1), slice(1, -1))  # around it stands another color
        torch.testing.assert_close(found[inside], expected[inside], atol=1e-4, rtol=1e-4)
        # the layers behind it and the head, on what both agree in
        grids = whole.features[1:](expected)
        torch.testing.assert_close(ours.features[1:](expected), grids)
        wide = torch.nn.functional.adaptive_avg_pool2d(grids, 7)
        features = torch.relu(whole.pre_logits.fc1(wide)).flatten(1)
        torch.testing.assert_close(torch.relu(ours.fc6(ours.pool(grids).flatten(1))), features)
        if network is IctuOculi:
            last = whole.pre_logits.fc2(features[:, :, None, None]).flatten(1)
            torch.testing.assert_close(ours.fc7(features), last)


def test_pooling_to_the_heads_grid_changes_nothing_at_224_px():
    grids = torch.randn(1, 512, 7, 7)
    assert torch.equal(IctuOculi(hidden=4).pool(grids), grids)


def test_recomputed_activations_give_the_same_gradients():
    torch.manual_seed(0)
    network = IctuOculi(hidden=8).train()
    network.drop.p = 0.0
    images = torch.randn(2, 3, 32, 32) * 100
    gradients = []
    for enable in (False, True):
        network.set_grad_checkpointing(enable)
        network.zero_grad()
        network(images).sum().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
    torch.testing.assert_close(*gradients)
