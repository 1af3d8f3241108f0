"""DSP-FWA: ResNet-50 with spatial pyramid pooling, for traces of warped faces.

A swapped face was warped into its place, so its resolution does not match what surrounds it. The
pyramid keeps where in the face that is seen, at three scales.
Sources: Li & Lyu, Exposing DeepFake Videos By Detecting Face Warping Artifacts, 2019,
https://arxiv.org/abs/1811.00656; He et al., Spatial Pyramid Pooling, 2014,
https://arxiv.org/abs/1406.4729.

Shapes: B images, C channels, H and W px of the input, h and w cells of the last grid, S side of a
crop in px.
"""

import random
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d
from torch.utils.checkpoint import checkpoint

LEVELS = (1, 2, 6)  # cells of each level in each direction: 1 + 4 + 36 = 41
# The published crops widen the box of a face's landmarks, of width w and height h: by up to w / 8
# at the left and right, h / 5 above and h / 10 below. Seen from the widest of them, which our crop
# stands for, this is what a view may trim, as shares of the crop.
TRIM_SIDE = (1 / 8) / (1 + 2 / 8)
TRIM_TOP, TRIM_BOTTOM = (1 / 5) / (1 + 3 / 10), (1 / 10) / (1 + 3 / 10)


class SpatialPyramidPooling(nn.Module):
    """Maxima over the cells of several grids laid over a feature map of any size."""

    def __init__(self, levels: tuple[int, ...] = LEVELS):
        super().__init__()
        self.levels = levels

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C * sum of squared levels).

        Level by level, in each channel by channel, in each cell by cell, rows first. At 7x7, what
        224 px give, the cells are those of the published pooling, whose windows are ceil(7 / n)
        wide and floor(7 / n) apart; there are as many of them at any other size too.
        """
        pooled = [adaptive_max_pool2d(features, level).flatten(1) for level in self.levels]
        return torch.cat(pooled, dim=1)


class DspFwa(nn.Module):
    """ResNet-50's stages, the pyramid, and two classes: 0 real, 1 fake."""

    def __init__(self, whole: nn.Module):
        """Take what is kept out of `whole`; the modules are shared with it, not copied.

        Args:
            whole: timm's ResNet-50; with it there are 23,675,970 parameters.
        """
        super().__init__()
        self.conv1, self.bn1, self.act1 = whole.conv1, whole.bn1, whole.act1
        self.maxpool = whole.maxpool
        self.layer1, self.layer2 = whole.layer1, whole.layer2
        self.layer3, self.layer4 = whole.layer3, whole.layer4
        self.pyramid = SpatialPyramidPooling()
        self.num_features = whole.num_features * sum(level**2 for level in LEVELS)
        self.classifier = nn.Linear(self.num_features, 2)
        self.grad_checkpointing = False

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute the stages' activations twice in training, to hold fewer of them."""
        self.grad_checkpointing = enable

    def forward_features(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) normalized images to (B, 2048, h, w), the last stage's grid."""
        features = self.maxpool(self.act1(self.bn1(self.conv1(images))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            if self.grad_checkpointing and self.training:
                features = checkpoint(stage, features, use_reentrant=False)
            else:
                features = stage(features)
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) normalized images to (B, 1) logits, above 0 leans fake.

        Their sigmoid is the second class's softmax, and their log loss its cross-entropy.
        """
        classes = self.classifier(self.pyramid(self.forward_features(images)))  # (B, 2)
        return classes[:, 1:] - classes[:, :1]

    def get_classifier(self) -> nn.Module:
        """Return the last layer, as timm's networks do."""
        return self.classifier


def views(crops: Tensor, number: int) -> Iterator[Tensor]:
    """Cut parts out of crops, with less of the margin around the face: the pyramid of pictures.

    As published, left and right lose the same, and one draw decides what top and bottom lose.

    Args:
        crops: (B, S, S, 3) of any dtype.
        number: Of parts; the same ones of every crop, every time.

    Yields:
        (B, h, w, 3) views into `crops`, h and w from 0.77 S and 0.8 S to S.
    """
    rows, columns = crops.shape[1:3]
    shares = random.Random(0)  # Python promises the same numbers in every version
    for _ in range(number):
        across, along = shares.random(), shares.random()
        side = round(across * TRIM_SIDE * columns)
        top, bottom = (round(along * trim * rows) for trim in (TRIM_TOP, TRIM_BOTTOM))
        yield crops[:, top : rows - bottom, side : columns - side]
