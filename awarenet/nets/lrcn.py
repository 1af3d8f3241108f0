"""In Ictu Oculi's LRCN: is this eye closed, told from the frames before as well.

VGG-16 looks at each eye, an LSTM remembers. It judges eyes, not whether a face is genuine: what
that has to do with it is how often a person blinks.
Source: Li, Chang & Lyu, In Ictu Oculi: Exposing AI Created Fake Videos by Detecting Eye Blinking,
2018, https://arxiv.org/abs/1806.02877; LRCN: Donahue et al., https://arxiv.org/abs/1411.4389.

Shapes: B sequences, T steps of a window, E eyes, M frames of a clip, H and W px of an eye's crop.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from awarenet.nets.vgg import FC_WIDTH, Vgg16, xavier_linear

WINDOW = 20  # steps that are seen together
STRIDE = 10  # steps from one window to the next, in a clip
MEMORY = 256  # units of the LSTM


class Lrcn(Vgg16):
    """VGG-16, an LSTM and two classes, 0 open and 1 closed; takes BGR in 0..255, no mean."""

    def __init__(self, hidden: int = FC_WIDTH, memory: int = MEMORY):
        """Start from random weights.

        Args:
            hidden: Width of fc6; 4096 as published, with 121,937,218 parameters.
            memory: Units of the LSTM.
        """
        super().__init__(hidden)
        self.lstm = Lstm(hidden, memory)
        self.classifier = xavier_linear(memory, 2)

    def forward(self, eyes: Tensor, lengths: Tensor) -> Tensor:
        """Judge every step of some sequences of one eye each.

        Args:
            eyes: (B, T, 3, H, W), what lies behind a sequence's end is not looked at by its steps.
            lengths: (B,) integers, steps that each sequence has.

        Returns:
            (B, T) logits, above 0 leans closed; 0, which is to say unknown, behind the end.
        """
        features = self.encode(eyes.flatten(0, 1)).unflatten(0, eyes.shape[:2])
        return self.remember(features).masked_fill(~_steps(lengths, eyes.shape[1]), 0)

    def remember(self, features: Tensor) -> Tensor:
        """Map (B, T, hidden) features of eyes to (B, T) logits of "closed"."""
        classes = self.classifier(self.lstm(features))  # (B, T, 2)
        return classes[..., 1] - classes[..., 0]


class Lstm(nn.Module):
    """Long short-term memory with one bias a unit, as it was published with; torch's has two.

    Gates in torch's order: input, forget, cell, output. Source: Hochreiter & Schmidhuber, 1997,
    https://doi.org/10.1162/neco.1997.9.8.1735, with the forget gate of Gers et al., 2000.
    """

    def __init__(self, inputs: int, memory: int):
        """Start from Xavier's weights.

        Args:
            inputs: Numbers of a step.
            memory: Units.
        """
        super().__init__()
        self.from_input = xavier_linear(inputs, 4 * memory)
        self.from_memory = nn.Linear(memory, 4 * memory, bias=False)
        nn.init.xavier_uniform_(self.from_memory.weight)
        with torch.no_grad():  # remember, at first: Jozefowicz et al., 2015
            self.from_input.bias[memory : 2 * memory] = 1

    def forward(self, steps: Tensor) -> Tensor:
        """Map (B, T, inputs) to (B, T, memory), from a memory of zeros."""
        known = self.from_input(steps)  # of all steps at once; only the rest has to wait in line
        output = cell = known.new_zeros(len(steps), self.from_memory.in_features)
        outputs = []
        for step in known.unbind(1):
            gates = (step + self.from_memory(output)).chunk(4, dim=1)
            enter, keep, leave = (gates[index].sigmoid() for index in (0, 1, 3))
            cell = keep * cell + enter * gates[2].tanh()
            output = leave * cell.tanh()
            outputs.append(output)
        return torch.stack(outputs, dim=1)


@torch.no_grad()
def closed_logits(network: Lrcn, eyes: Tensor, *, frames_at_once: int = 32) -> Tensor:
    """Judge the eyes of a clip of any length.

    Windows of 20 frames begin every 10 frames, the last filled up with zeros; all windows of all
    eyes go through the LSTM in one batch. A frame is judged by the window that has seen the most
    before it. Each frame goes through VGG-16 once, whatever number of windows it is in.

    Args:
        network: In evaluation mode.
        eyes: (E, M, 3, H, W) on its device, as many frames of every eye, in order; M 1 or more.
        frames_at_once: Crops that go through VGG-16 together; 32 of 224 px hold about 1 GB.

    Returns:
        (E, M) logits, above 0 leans closed.
    """
    number = eyes.shape[1]
    features = torch.cat(
        [network.encode(part) for part in eyes.flatten(0, 1).split(frames_at_once)]
    )
    features = features.unflatten(0, eyes.shape[:2])  # (E, M, hidden)
    windows = max(-(-(number - WINDOW) // STRIDE), 0) + 1
    filled = pad(features, (0, 0, 0, (windows - 1) * STRIDE + WINDOW - number))
    cut = filled.unfold(1, WINDOW, STRIDE).transpose(2, 3)  # (E, windows, WINDOW, hidden)
    logits = network.remember(cut.flatten(0, 1)).unflatten(0, cut.shape[:2])
    # the first window says all that it has; each later one its last frames, the rest was said
    first, later = logits[:, 0], logits[:, 1:, WINDOW - STRIDE :].flatten(1)
    return torch.cat([first, later], dim=1)[:, :number]


def sequence_loss(logits: Tensor, closed: Tensor, lengths: Tensor) -> Tensor:
    """Cross-entropy, averaged over the steps of each sequence and then over the sequences.

    Args:
        logits: (B, T) as `Lrcn.forward` gives them.
        closed: (B, T) labels, 0 open and 1 closed; those behind the end do not count.
        lengths: (B,) integers, 1 or more, steps that each sequence has.
    """
    there = _steps(lengths, logits.shape[1])
    each = binary_cross_entropy_with_logits(logits, closed.to(logits.dtype), reduction="none")
    return (each.masked_fill(~there, 0).sum(dim=1) / there.sum(dim=1)).mean()


def _steps(lengths: Tensor, number: int) -> Tensor:
    """(B, number) Whether a step is before its sequence's end."""
    return torch.arange(number, device=lengths.device) < lengths[:, None]
