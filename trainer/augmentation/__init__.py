"""How training pictures are augmented, by recipe; the second half of every ensemble's name.

A recipe draws its conditions first and applies them afterwards, so that a real face and the fake
made of it can suffer alike: nothing but the manipulation tells them apart. What is drawn never
depends on a picture. Beside the recipe, [augment] may cut a part of the face out and pass the
picture through H.264.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from awarenet.damage import h264_of_any_size
from awarenet.errors import SettingsError
from awarenet.faces import Box, crop_face
from trainer.augmentation.aware_net import LONGER, draw_transforms, transform
from trainer.augmentation.camera import degrade, draw_degradation
from trainer.augmentation.cut_outs import CutOut, cut_out, draw_cut_out
from trainer.augmentation.dfdc import draw_changes, make_changes
from trainer.settings.training import AugmentSettings

OFF = AugmentSettings(recompress=0.0, cut_out=0.0)
MOVED_SHARE = 0.6  # of frames through H.264 that are coded from the one before, as in `camera`


@dataclass(frozen=True)
class Recipe:
    """One way to augment.

    draw: What is to happen, drawn from a generator; apply: happens to a scene, keyword arguments
    box (px of the scene), margin and side (px) of the crop, as in `awarenet.faces.crop_face`.
    epoch: how many times as long as its rows an epoch is. extras: whether [augment] holds here.
    """

    draw: Callable[[np.random.Generator], object]
    apply: Callable[..., np.ndarray]
    epoch: float = 1.0
    extras: bool = True


def _draw_nothing(rng: np.random.Generator) -> None:
    """Leave the generator as it is."""


def _crop_alone(
    scene: np.ndarray, conditions: None, *, box: Box, margin: float, side: int
) -> np.ndarray:
    """Cut the face out as the page does."""
    return crop_face(scene, box, margin=margin, side=side)


RECIPES: dict[str, Recipe] = {
    "none": Recipe(_draw_nothing, _crop_alone, extras=False),
    "aware_net": Recipe(draw_transforms, transform, epoch=LONGER),
    "dfdc": Recipe(draw_changes, make_changes),
    "camera": Recipe(draw_degradation, degrade),
}


@dataclass(frozen=True)
class Conditions:
    """Everything that will happen to one picture, or to both of a pair."""

    recipe: str
    own: object  # as the recipe drew it
    cut_out: CutOut | None = None
    crf: int | None = None  # of H.264; None: not recompressed
    moved: tuple[int, int] | None = None  # as in `damage.h264`


def get_recipe(name: str) -> Recipe:
    """Look a recipe up.

    Raises:
        SettingsError: There is none of that name.
    """
    if name not in RECIPES:
        raise SettingsError(
            f"no recipe {name!r} for [grid] recipes; there are {', '.join(RECIPES)}"
        )
    return RECIPES[name]


def draw_conditions(
    recipe: str, rng: np.random.Generator, settings: AugmentSettings = OFF
) -> Conditions:
    """Draw what happens to a picture, whatever that picture is.

    Raises:
        SettingsError: There is no such recipe.
    """
    chosen = get_recipe(recipe)
    own = chosen.draw(rng)
    cut, crf, moved = None, None, None
    if chosen.extras and settings.cut_out:
        drawn, chance = draw_cut_out(rng), rng.random()
        cut = drawn if chance < settings.cut_out else None
    if chosen.extras and settings.recompress:
        chance, predicted = rng.random(), rng.random() < MOVED_SHARE
        drawn = int(rng.integers(settings.crf[0], settings.crf[1] + 1))
        shift = tuple(map(int, rng.integers(-3, 4, 2)))
        if chance < settings.recompress:
            crf, moved = drawn, shift if predicted else None
    return Conditions(recipe, own, cut, crf, moved)


def apply_conditions(
    scene: np.ndarray,
    conditions: Conditions,
    *,
    box: Box,
    landmarks: np.ndarray | None,
    margin: float,
    side: int,
) -> np.ndarray:
    """Let happen to a scene what was drawn: cut-out, H.264, then the recipe with its crop.

    Args:
        scene: (S, S, 3) uint8 RGB, one face and what surrounds it; it is not written to.
        conditions: From `draw_conditions`.
        box: Of the face, px of the scene.
        landmarks: (5, 2) of the detector or (468, 2) of FaceMesh, px of the scene; None: unknown.
        margin: Of the crop around the box, of the longer side of it.
        side: Of the crop, px.

    Returns:
        (side, side, 3) uint8 RGB.

    Raises:
        ValueError: The box has no area.
    """
    if conditions.cut_out is not None:
        scene = cut_out(scene, conditions.cut_out, box, landmarks)
    if conditions.crf is not None:
        scene = h264_of_any_size(scene, conditions.crf, conditions.moved)
    apply = get_recipe(conditions.recipe).apply
    return apply(scene, conditions.own, box=box, margin=margin, side=side)


def augment(
    recipe: str,
    scene: np.ndarray,
    box: Box,
    landmarks: np.ndarray | None,
    rng: np.random.Generator,
    *,
    margin: float,
    side: int,
    settings: AugmentSettings = OFF,
) -> np.ndarray:
    """Augment one scene: `draw_conditions`, then `apply_conditions`.

    Returns:
        (side, side, 3) uint8 RGB; two pictures that are given equal generators suffer alike.

    Raises:
        SettingsError: There is no such recipe.
    """
    conditions = draw_conditions(recipe, rng, settings)
    return apply_conditions(
        scene, conditions, box=box, landmarks=landmarks, margin=margin, side=side
    )
