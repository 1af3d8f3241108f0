"""Make fakes out of real faces, so that a detector can be trained without a single real deepfake.

Every maker takes *scenes*: (S, S, 3) uint8 RGB squares around one face, with that face's (468, 2)
landmarks in px, and returns the manipulated scene. Those of `self_blending` and `self_warping` need
one face, those of `swaps` another person's too. Only the region within a soft mask changes, but for
a self-blended face, where what is around it may change instead.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from trainer.portraits.forge.masks import blend, face_mask, soft_mask
from trainer.portraits.forge.scene import Scene, describe
from trainer.portraits.forge.self_blending import self_blended
from trainer.portraits.forge.self_warping import vary_colors, warped
from trainer.portraits.forge.swaps import matched_swap, poisson_swap, pyramid_swap, warp_face

__all__ = [
    "MADE_OF_ITSELF",
    "MAKERS",
    "Scene",
    "blend",
    "describe",
    "face_mask",
    "make_fake",
    "make_pair",
    "soft_mask",
    "warp_face",
]

Maker = Callable[[Scene, Scene | None, np.random.Generator], np.ndarray]
MAKERS: dict[str, Maker] = {
    "self_blended": self_blended,
    "warped": warped,
    "matched_swap": matched_swap,
    "poisson_swap": poisson_swap,
    "pyramid_swap": pyramid_swap,
}
# [train] input -> kind of the fakes that it makes of the real faces themselves
MADE_OF_ITSELF = {"self_blended": "self_blended", "self_warped": "warped"}


def make_fake(kind: str, target: Scene, donor: Scene, rng: np.random.Generator) -> np.ndarray:
    """Make one fake of a kind in `MAKERS`; a target without color stays without.

    Returns:
        (S, S, 3) uint8 RGB.

    Raises:
        ValueError: No such kind.
    """
    if kind not in MAKERS:
        raise ValueError(f"no kind of fake {kind!r}; there are {', '.join(MAKERS)}")
    fake = MAKERS[kind](target, donor, rng)
    if int(np.ptp(target[0].astype(np.int16), axis=2).max()) <= 12:  # JPEG leaves a little chroma
        fake = cv2.cvtColor(cv2.cvtColor(fake, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return fake


def make_pair(kind: str, target: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Make a fake of one face alone, and give the real scene that it is to be learned beside.

    Args:
        kind: One of `MADE_OF_ITSELF`.
        target: The face.
        rng: Draws what both share (the colors that a warped face was published with), then what
            the fake is.

    Returns:
        Real and fake, (S, S, 3) uint8 RGB each.
    """
    image, landmarks = target
    if kind == "warped":
        target = vary_colors(image, rng), landmarks
    return target[0], make_fake(kind, target, target, rng)
