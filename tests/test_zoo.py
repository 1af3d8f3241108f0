"""The zoo: one logit, one spec a network, timm's own record of them."""

import copy

import pytest
import torch
from torch import nn

from awarenet import zoo
from awarenet.errors import SettingsError
from awarenet.nets.cut import CutNetwork
from awarenet.zoo import NETWORKS, SPECS, adapt_spec, create_model, list_models, preprocess

timm = zoo.timm  # as it is there: torchvision has to be made importable first
CUT = [name for name in list_models() if SPECS[name].stages is not None]
OWN = [name for name in list_models() if SPECS[name].network]
WHOLE = [name for name in list_models() if SPECS[name].stages is None and name not in OWN]


def grid_of(model: nn.Module, name: str, images: torch.Tensor) -> torch.Tensor:
    """Output of the layer that Grad-CAM looks at."""
    seen = []
    layer = model.get_submodule(SPECS[name].cam_layer)
    with layer.register_forward_hook(lambda module, inputs, output: seen.append(output)):
        model(images)
    return seen[0]


def freeze_normalization(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


@pytest.mark.parametrize("name", [name for name in list_models() if name != "ictu_oculi"])
def test_mean_and_deviation_are_those_of_timms_record(name):
    recorded = timm.get_pretrained_cfg(SPECS[name].timm_name)
    assert (SPECS[name].mean, SPECS[name].std) == (recorded.mean, recorded.std)


@pytest.mark.parametrize("name", list_models())
def test_names_are_pinned_to_a_set_of_weights(name):
    assert SPECS[name].timm_name in timm.list_pretrained()


@pytest.mark.parametrize("name", list_models())
def test_a_network_gives_one_finite_logit_from_a_layer_with_a_grid(name):
    model = create_model(name).eval()
    with torch.no_grad():
        images = torch.randn(1, 3, 128, 128)
        assert model(images).shape == (1, 1)
        assert model(images).isfinite().all()
        assert min(grid_of(model, name, images).shape[2:]) > 1


@pytest.mark.parametrize("name", list_models())
def test_every_parameter_learns(name):
    model = create_model(name, dropout=0.1)
    model(torch.randn(2, 3, 96, 96)).sum().backward()
    idle = {key.split(".")[0] for key, value in model.named_parameters() if value.grad is None}
    assert idle == set(getattr(model, "resting", ()))


@pytest.mark.parametrize("name", list_models())
def test_dropout_acts_in_training_and_only_there(name):
    torch.manual_seed(0)
    model = create_model(name, dropout=0.5)
    freeze_normalization(model)
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        assert not torch.equal(model(images), model(images))
        model.eval()
        assert torch.equal(model(images), model(images))


@pytest.mark.parametrize("name", ["mobilenet_v2", "test_resnet"])
def test_without_dropout_training_repeats_itself(name):
    model = create_model(name)
    freeze_normalization(model)
    images = torch.randn(1, 3, 96, 96)
    assert torch.equal(model(images), model(images))


@pytest.mark.parametrize("name", ["mobilenet_v2", "test_resnet"])
def test_a_copy_in_evaluation_drops_nothing_while_the_original_trains(name):
    model = create_model(name, dropout=0.5)
    average = copy.deepcopy(model).eval()
    images = torch.randn(1, 3, 96, 96)
    assert model.training
    assert torch.equal(average(images), average(images))


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_networks_state_is_timms(name):
    with torch.device("meta"):
        expected = timm.create_model(SPECS[name].timm_name, num_classes=1).state_dict()
    found = create_model(name, dropout=0.3).state_dict()
    assert {key: value.shape for key, value in found.items()} == {
        key: value.shape for key, value in expected.items()
    }


@pytest.mark.parametrize("name", WHOLE)
def test_the_first_logits_are_small(name):
    torch.manual_seed(0)
    model = create_model(name)
    classifier = model.get_classifier()
    assert classifier.weight.abs().max() <= classifier.in_features**-0.5


@pytest.mark.parametrize("name", CUT)
def test_a_cut_networks_grid_is_a_sixteenth_of_its_input(name):
    model = create_model(name).eval()
    side = SPECS[name].side
    with torch.no_grad():
        images = torch.randn(1, 3, side, side)
        features = model.forward_features(images)
        assert features.shape == (1, model.num_features, side // 16, side // 16)
        assert torch.equal(grid_of(model, name, images), features)


def test_a_cut_network_is_the_first_stages_of_the_whole():
    whole = timm.create_model("mobilenetv2_100").eval()
    cut = CutNetwork(whole, stages=5).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = whole.forward_intermediates(images, indices=[3], intermediates_only=True)[0]
        assert torch.equal(cut.forward_features(images), expected)


def test_cutting_leaves_the_running_statistics_alone():
    whole = timm.create_model("mobilenetv2_100").train()
    cut = CutNetwork(whole, stages=2)
    assert cut.training
    assert all(module.training for module in cut.modules())
    assert whole.bn1.num_batches_tracked == 0


@pytest.mark.parametrize("stages", [0, 8])
def test_a_cut_past_the_networks_ends_is_refused(stages):
    with pytest.raises(ValueError, match="expected 1 to 7"):
        CutNetwork(timm.create_model("mobilenetv2_100"), stages)


def test_every_network_of_our_own_is_in_the_zoo():
    assert {SPECS[name].network for name in OWN} == set(NETWORKS)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match="no model 'xceptoin'.*Did you mean 'xception'"):
        create_model("xceptoin")


@pytest.mark.parametrize("name", ["xception", "res2net101"])
def test_preprocessing_maps_black_and_white_as_the_spec_says(name):
    spec = SPECS[name]
    crops = torch.zeros(2, 40, 40, 3, dtype=torch.uint8)
    crops[1] = 255
    images = preprocess(crops, adapt_spec(spec, side=40))
    for channel in range(3):
        low = -spec.mean[channel] / spec.std[channel]
        high = (1 - spec.mean[channel]) / spec.std[channel]
        torch.testing.assert_close(images[0, channel], torch.full((40, 40), low))
        torch.testing.assert_close(images[1, channel], torch.full((40, 40), high))


def test_preprocessing_keeps_the_order_of_channels_rows_and_columns():
    crops = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    crops[0, 1, 2, 0] = 255  # row 1, column 2, red
    images = preprocess(crops, adapt_spec(SPECS["xception"], side=8))
    assert images.shape == (1, 3, 8, 8)
    assert (images > 0).nonzero().tolist() == [[0, 0, 1, 2]]


def test_blue_comes_first_and_in_bytes_where_a_network_wants_it_so():
    spec = adapt_spec(SPECS["ictu_oculi"], side=2)
    crops = torch.tensor([10, 20, 255], dtype=torch.uint8).expand(1, 2, 2, 3)
    expected = torch.tensor([255.0, 20, 10]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    torch.testing.assert_close(preprocess(crops, spec), expected)


def test_preprocessed_pictures_lie_channels_last():
    for side in (8, 16):
        images = preprocess(
            torch.zeros(2, 8, 8, 3, dtype=torch.uint8), adapt_spec(SPECS["xception"], side=side)
        )
        assert images.is_contiguous(memory_format=torch.channels_last)


def test_preprocessing_resizes_to_the_specs_side_without_aliasing():
    stripes = torch.zeros(1, 384, 384, 3, dtype=torch.uint8)
    stripes[:, :, ::4] = 255  # a quarter of the columns: gray of 0.25 once they merge
    images = preprocess(stripes, SPECS["efficientnet_lite0"])
    assert images.shape == (1, 3, 192, 192)
    assert images.dtype == torch.float32
    assert images[..., 2:-2].std() < 0.3  # without antialiasing 0 and -1 in turn: 0.5
    torch.testing.assert_close(images.mean(), torch.tensor(-0.5), atol=0.02, rtol=0)


def test_a_network_can_be_fed_at_another_side_and_as_most_networks_are():
    fed = adapt_spec(SPECS["xception"], side=224, normalization="imagenet")
    assert (fed.side, fed.mean, fed.std) == (224, SPECS["res2net101"].mean, SPECS["res2net101"].std)
    assert (fed.timm_name, fed.cam_layer) == (SPECS["xception"].timm_name, "act4")
    assert adapt_spec(SPECS["xception"]) == SPECS["xception"]
    assert (adapt_spec(SPECS["dsp_fwa"]).views, adapt_spec(SPECS["dsp_fwa"], views=1).views) == (
        10,
        1,
    )
    with pytest.raises(SettingsError, match="normalization 'none'; there are own, imagenet"):
        adapt_spec(SPECS["xception"], normalization="none")
