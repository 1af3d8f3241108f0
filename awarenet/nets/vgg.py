"""The VGG networks' convolutions, which three detectors begin with.

The layers are numbered as torchvision and timm number them, so that ImageNet weights fit by name.
Source: Simonyan & Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition,
2015, https://arxiv.org/abs/1409.1556, table 1, columns D and E.

Shapes: B images, H and W px of the input.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint_sequential

VGG16 = (2, 2, 3, 3, 3)  # convolutions of each stage
VGG19 = (2, 2, 4, 4, 4)
WIDTHS = (64, 128, 256, 512, 512)  # channels of each stage
GRID = 7  # cells of pool5 in each direction at 224 px: what fc6 is made for
FC_WIDTH = 4096  # of fc6 and fc7


def vgg_features(stages: Sequence[int]) -> nn.Sequential:
    """Build the first stages: 3x3 convolutions, each with a ReLU, and a pooling that halves.

    Args:
        stages: Convolutions of each stage; one to five of them.

    Returns:
        Maps (B, 3, H, W) to (B, `WIDTHS` of the last stage, H / 2^n, W / 2^n), rounded down, n
        stages. Weights are random so that the signal keeps its size (He et al., 2015,
        https://arxiv.org/abs/1502.01852); biases are 0.
    """
    layers: list[nn.Module] = []
    channels = 3
    for number, width in zip(stages, WIDTHS, strict=False):
        for _ in range(number):
            convolution = nn.Conv2d(channels, width, kernel_size=3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
            # not in place: Grad-CAM reads what the convolution gave
            layers += [convolution, nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def load_features(features: nn.Sequential, state: Mapping[str, Tensor]) -> None:
    """Copy the weights that timm's VGG of the same columns has for these layers.

    Args:
        features: As `vgg_features` builds it; changed in place.
        state: State of timm's network.

    Raises:
        KeyError: It lacks a layer.
        RuntimeError: A layer has another shape.
    """
    features.load_state_dict({key: state[f"features.{key}"] for key in features.state_dict()})


class Vgg16(nn.Module):
    """VGG-16 as far as its first fully connected layer, fc6; takes BGR in 0..255, no mean."""

    def __init__(self, hidden: int = FC_WIDTH):
        """Start from random weights, Xavier's (https://proceedings.mlr.press/v9/glorot10a.html).

        They shrink the signal by the square root of 2 a layer, which brings the input's 0..255
        down to logits of about 1.

        Args:
            hidden: Width of fc6.
        """
        super().__init__()
        self.features = vgg_features(VGG16)
        for layer in self.features:
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
        self.pool = nn.AdaptiveAvgPool2d(GRID)  # changes nothing at 224 px; lets other sides in
        self.fc6 = xavier_linear(WIDTHS[-1] * GRID**2, hidden)
        self.drop = nn.Dropout(0.5)
        self.grad_checkpointing = False

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute the convolutions' activations twice in training, to hold fewer of them."""
        self.grad_checkpointing = enable

    def encode(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) images, sides of 32 px or more, to (B, hidden) features, 0 or more."""
        if self.grad_checkpointing and self.training:
            grids = checkpoint_sequential(self.features, len(VGG16), images, use_reentrant=False)
        else:
            grids = self.features(images)
        # dropout stands before the ReLU, as the original's does
        return functional.relu(self.drop(self.fc6(self.pool(grids).flatten(1))))

    @torch.no_grad()
    def load_imagenet(
        self, state: Mapping[str, Tensor], mean: Sequence[float], std: Sequence[float]
    ) -> None:
        """Take timm's VGG-16 weights, rewritten for BGR in 0..255.

        With the first convolution's weights w and bias b on (x / 255 - mean) / std, the same
        convolution of x has weights w / (255 std) and bias b - sum(w mean / std). Only at the rim
        the two differ: the zeros around a picture stand for black now, not for the mean color.

        Args:
            state: State of timm's network, which takes normalized RGB.
            mean: Three numbers, of RGB in 0..1, that it was trained with.
            std: Likewise.

        Raises:
            KeyError: It lacks a layer.
            RuntimeError: A layer has another shape.
        """
        load_features(self.features, state)
        load_linear(self.fc6, state, "pre_logits.fc1")
        first = self.features[0]
        scale = 1 / torch.tensor(std).view(1, 3, 1, 1)
        shift = torch.tensor(mean).view(1, 3, 1, 1) * scale
        first.bias -= (first.weight * shift).sum(dim=(1, 2, 3))
        first.weight.copy_((first.weight * scale / 255).flip(1))


def xavier_linear(inputs: int, outputs: int) -> nn.Linear:
    """Build a linear layer with Xavier's weights and biases of 0."""
    # torch's own start is skipped: for fc6 it takes as long as Xavier's
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def load_linear(layer: nn.Linear, state: Mapping[str, Tensor], name: str) -> None:
    """Copy a layer that timm writes as a convolution.

    Args:
        layer: Changed in place.
        state: Of timm's network.
        name: Of the convolution in it.

    Raises:
        KeyError: There is none.
        RuntimeError: It has another shape.
    """
    weight = state[f"{name}.weight"].flatten(1)  # channels, then rows, then columns, as in `encode`
    layer.load_state_dict({"weight": weight, "bias": state[f"{name}.bias"]})
