"""A convolutional network cut off after its first stages.

The traces that a face swap leaves (seams, resampling, noise that does not match) are mid-level:
they are seen at 1/16 of the input's size, while most parameters of a mobile network stand behind
that. So the demo's members keep timm's first stages, average over the grid and end in one logit.
Their BatchNorm stays trainable.

Shapes: B images, C channels, H and W px of the input, h and w cells of the last grid.
"""

from torch import Tensor, nn


class CutNetwork(nn.Module):
    """The stem and first stages of a timm network of the EfficientNet kind, ending in a logit."""

    def __init__(self, whole: nn.Module, stages: int, dropout: float = 0.0):
        """Take what is kept out of `whole`; the modules are shared with it, not copied.

        Args:
            whole: A timm network with `conv_stem`, `bn1` and a sequence `blocks`.
            stages: How many of `blocks` to keep, 1 or more.
            dropout: Share of the features zeroed before the classifier in training, 0..1.

        Raises:
            ValueError: `whole` has fewer stages.
        """
        super().__init__()
        if not 1 <= stages <= len(whole.blocks):
            raise ValueError(f"stages={stages}; expected 1 to {len(whole.blocks)}")
        self.conv_stem = whole.conv_stem
        self.bn1 = whole.bn1
        self.blocks = nn.Sequential(*list(whole.blocks)[:stages])
        self.num_features = _channels(self)
        self.head_drop = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.num_features, 1)

    def forward_features(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) normalized images to (B, C, h, w), the last stage's grid."""
        return self.blocks(self.bn1(self.conv_stem(images)))

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) normalized images to (B, 1) logits, above 0 leans fake."""
        features = self.forward_features(images).mean(dim=(2, 3))  # (B, C)
        return self.classifier(self.head_drop(features))


def _channels(network: CutNetwork) -> int:
    """Count the channels of the last stage: timm writes them down for some stages only.

    The convolution that stands last in a block makes them; nothing has to run to know it.
    """
    convolutions = [each for each in network.blocks.modules() if isinstance(each, nn.Conv2d)]
    return convolutions[-1].out_channels
