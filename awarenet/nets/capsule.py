"""Capsule-Forensics, second version: ten small networks look at VGG-19's features and vote.

Each capsule sees the features through two convolutions and keeps only their mean and deviation over
the picture: a swap shows in the statistics of texture, wherever it is. Dynamic routing then lets
those capsules count that agree, and ends in four votes.
Source: Nguyen, Yamagishi & Echizen, Use of a Capsule Network to Detect Fake Images and Videos,
2019, https://arxiv.org/abs/1910.12467; routing: Sabour, Frosst & Hinton, Dynamic Routing Between
Capsules, 2017, https://arxiv.org/abs/1710.09829.

All capsules are computed at once, by convolutions in as many groups.

Shapes: B images, H and W px of the input, N capsules, D numbers a capsule, C classes, V votes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from awarenet.nets.vgg import VGG19, WIDTHS, load_features, vgg_features
from awarenet.nets.votes import mean_logit

CAPSULES = 10
VOTES = 4  # numbers of a class's capsule; each is a vote of its own
DIMENSIONS = 8  # numbers of a capsule below
ITERATIONS = 2  # of routing
NOISE = 0.01  # deviation of what is added to the routing's weights in training
DROPPED = 0.05  # share of predictions that are left out in training
EPSILON = 1e-8  # under a root, whose slope at 0 is infinite: a flat picture deviates by 0


class CapsuleForensics(nn.Module):
    """VGG-19 as far as pool3, ten capsules and their routing."""

    resting = ("front",)  # children that never learn
    num_features = CAPSULES * DIMENSIONS

    def __init__(self):
        """Start from random weights; 1,571,070 learn and 2,325,568, the front's, do not."""
        super().__init__()
        self.front = vgg_features(VGG19[:3]).requires_grad_(False).eval()
        self.capsules = PrimaryCapsules(WIDTHS[2])
        self.routing = Routing()

    def train(self, mode: bool = True) -> CapsuleForensics:
        """Set the mode, but of what rests."""
        super().train(mode)
        self.front.eval()
        return self

    def votes(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) normalized images to (B, V) logits, sides of 8 px or more.

        The published loss is the sum over V of each vote's own cross-entropy. A class's capsule is
        shorter than 1, so the best that all votes can be at once is 1 or -1, p(fake) stays within
        sigmoid(+-1) = 0.27..0.73, and no loss is below 4 log(1 + 1/e) = 1.253.
        """
        classes = self.routing(self.capsules(self.front(images)))  # (B, C, V)
        return classes[:, 1] - classes[:, 0]

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) normalized images to (B, 1) logits of the votes' mean probability."""
        return mean_logit(self.votes(images), dim=1)[:, None]

    def get_classifier(self) -> nn.Module:
        """Return the last layer, as timm's networks do."""
        return self.routing

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Give the front the weights of timm's VGG-19.

        Raises:
            KeyError: A layer is missing in `state`.
            RuntimeError: A layer has another shape.
        """
        load_features(self.front, state)


class PrimaryCapsules(nn.Module):
    """Ten networks of one shape: two convolutions, statistics over the picture, two more."""

    def __init__(self, channels: int):
        """Draw random weights as published: convolutions N(0, 0.02), norms N(1, 0.02).

        Args:
            channels: Of the features that come in.
        """
        super().__init__()
        wide, narrow = 64, 16  # channels of each capsule
        self.conv1 = nn.Conv2d(channels, CAPSULES * wide, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(CAPSULES * wide)
        self.conv2 = nn.Conv2d(CAPSULES * wide, CAPSULES * narrow, 3, padding=1, groups=CAPSULES)
        self.bn2 = nn.BatchNorm2d(CAPSULES * narrow)
        self.conv3 = nn.Conv1d(CAPSULES * 2, CAPSULES * 8, 5, stride=2, padding=2, groups=CAPSULES)
        self.bn3 = nn.BatchNorm1d(CAPSULES * 8)
        self.conv4 = nn.Conv1d(CAPSULES * 8, CAPSULES, 3, padding=1, groups=CAPSULES)
        self.bn4 = nn.BatchNorm1d(CAPSULES)
        for layer in self.children():
            around = 0.0 if isinstance(layer, nn.Conv1d | nn.Conv2d) else 1.0
            nn.init.normal_(layer.weight, around, 0.02)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, channels, h, w) features to (B, N, D) capsules."""
        features = torch.relu(self.bn1(self.conv1(features)))
        features = torch.relu(self.bn2(self.conv2(features)))  # (B, N * 16, h, w)
        channels = features.unflatten(1, (CAPSULES, -1)).flatten(3).float()  # (B, N, 16, h * w)
        # a map of one cell has no unbiased variance; it counts as flat
        unbiased = 1 if channels.shape[3] > 1 else 0
        variance, mean = torch.var_mean(channels, dim=3, correction=unbiased)
        deviation = torch.sqrt(variance + EPSILON)
        statistics = torch.stack([mean, deviation], dim=2).flatten(1, 2)  # (B, N * 2, 16)
        capsules = self.bn4(self.conv4(self.bn3(self.conv3(statistics))))  # (B, N, D)
        return squash(capsules.float(), dim=1)  # as published: across capsules, not along each


class Routing(nn.Module):
    """Route capsules to classes: what agrees with the outcome counts more in the next round."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.randn(2, CAPSULES, VOTES, DIMENSIONS))

    def forward(self, capsules: Tensor) -> Tensor:
        """Map (B, N, D) capsules to (B, C, V), each class's capsule shorter than 1.

        In training the weights are noisy, and some predictions are left out (without the others
        being raised for it, as published); both come from torch's generator.
        """
        weights = self.weights
        if self.training:
            weights = weights + NOISE * torch.randn_like(weights)
        with torch.autocast(capsules.device.type, enabled=False):  # small, and sums of squares
            predictions = torch.einsum("cnvd,bnd->bcnv", weights, capsules.float())
            if self.training:
                keep = torch.full_like(predictions, 1 - DROPPED)
                predictions = predictions * torch.bernoulli(keep)
            agreement = torch.zeros_like(predictions)  # (B, C, N, V)
            classes = _route(predictions, agreement)
            for _ in range(ITERATIONS - 1):
                agreement = agreement + predictions * classes
                classes = _route(predictions, agreement)
        return classes.squeeze(2)


def _route(predictions: Tensor, agreement: Tensor) -> Tensor:
    """Mix (B, C, N, V) predictions, those that agree more counting more, to (B, C, 1, V)."""
    shares = agreement.softmax(dim=2)
    return squash((shares * predictions).sum(dim=2, keepdim=True), dim=3)


def squash(vectors: Tensor, dim: int) -> Tensor:
    """Shorten vectors to less than 1: v |v| / (1 + |v|^2), safe at v = 0.

    Args:
        vectors: Any shape.
        dim: Along which a vector lies.
    """
    squared = vectors.square().sum(dim, keepdim=True)
    return vectors * torch.sqrt(squared + EPSILON**2) / (1 + squared)
