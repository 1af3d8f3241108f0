"""In Ictu Oculi's convolutional network: a plain VGG-16 with two classes.

It was written to tell open from closed eyes (Li, Chang & Lyu, 2018,
https://arxiv.org/abs/1806.02877). Here it judges the whole face, as Stronger Together used it. Its
other network, which follows an eye through time, is in `lrcn.py`.

Shapes: B images, H and W px of the input.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional

from awarenet.nets.vgg import FC_WIDTH, Vgg16, load_linear, xavier_linear


class IctuOculi(Vgg16):
    """VGG-16 that ends in two classes, 0 real and 1 fake; takes BGR in 0..255, no mean."""

    def __init__(self, hidden: int = FC_WIDTH):
        """Start from random weights.

        Args:
            hidden: Width of fc6 and fc7; 4096 as published, with 134,268,738 parameters.
        """
        super().__init__(hidden)
        self.num_features = hidden
        self.fc7 = xavier_linear(hidden, hidden)
        self.classifier = xavier_linear(hidden, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) images to (B, 1) logits, above 0 leans fake.

        Their sigmoid is the second class's softmax, and their log loss its cross-entropy.
        """
        features = functional.relu(self.drop(self.fc7(self.encode(images))))
        classes = self.classifier(features)  # (B, 2)
        return classes[:, 1:] - classes[:, :1]

    def get_classifier(self) -> nn.Module:
        """Return the last layer, as timm's networks do."""
        return self.classifier

    def load_imagenet(
        self, state: Mapping[str, Tensor], mean: Sequence[float], std: Sequence[float]
    ) -> None:
        """Take timm's VGG-16 weights, all but the last layer's; see `Vgg16.load_imagenet`."""
        super().load_imagenet(state, mean, std)
        load_linear(self.fc7, state, "pre_logits.fc2")
