"""Film one computer-made person: a frame is what the mesh, its paint and the light give at a time.

Shapes: V points, M pixels of the enlarged picture that the person covers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from trainer.portraits.rendered import hair, light, skin
from trainer.portraits.rendered.mesh import DRAWN, EYES, Mesh, turned
from trainer.portraits.rendered.raster import rasterize
from trainer.portraits.rendered.skin import Person

WIDTH, HEIGHT = 640, 360
FINER = 2  # pictures are drawn so much larger, and then shrunk
TALL = 3.3  # dm that the picture shows from top to bottom, at the person
DISTANCE = 11.0  # dm from the camera to the middle of the head
BELOW = -0.22  # dm from the eyes to the middle of the picture
SPARE = (40, 22)  # px of the room beyond each side of the picture, for the camera to sway
SCATTER = (0.030, 0.013, 0.007)  # dm that red, green and blue light wanders in skin
THICK = 0.05  # dm of cloth
BITE = 0.035  # dm that the mesh's upper teeth are too high to be seen in speech
SHUT = {"eye-left-closure": 1.0, "eye-right-closure": 1.0}
EXPOSURE = 0.62


@dataclass(frozen=True)
class Moment:
    """What the person does in one frame."""

    expression: Mapping[str, float]  # units and weights
    head: tuple[float, float, float] = (0, 0, 0)  # yaw, pitch, roll, radians
    gaze: float = 0.0  # yaw of the eyes in the head, radians
    sway: tuple[float, float] = (0, 0)  # of the camera, dm


@dataclass(frozen=True)
class Stand:
    """The person at a moment, before anything is drawn."""

    moment: Moment
    points: np.ndarray  # (V, 3) float32, dm
    normals: np.ndarray  # (V, 3)
    diffuse: np.ndarray  # (V, 3) light that falls on each point
    share: np.ndarray  # (V,) of the first lamp that reaches it
    turn: np.ndarray  # (3, 3) of the head


@dataclass(frozen=True)
class Pixels:
    """What is known of every covered pixel."""

    at: np.ndarray  # (M,) int64, row * W + column
    kind: np.ndarray  # (M,) int8, 0 skin or cloth, 1 and 2 the eyes, 3 teeth
    place: np.ndarray  # (M, 3) posed, dm
    origin: np.ndarray  # (M, 3) the same place on the base mesh
    normal: np.ndarray  # (M, 3) unit
    view: np.ndarray  # (M, 3) unit, toward the camera
    diffuse: np.ndarray  # (M, 3)
    share: np.ndarray  # (M,)
    coarse: np.ndarray  # (M, 3) of `skin.coarse_noise`
    masks: Mapping[str, np.ndarray]  # (M,) each


class Studio:
    """A person before a camera; what does not change from frame to frame is made once."""

    def __init__(self, mesh: Mesh, person: Person, strands: int = 26_000):
        self.mesh, self.person = mesh, person
        points = mesh.shape(person.shape)
        covered = skin.below_collar(mesh.points) > 0
        covered[max(mesh.groups["body"].flat) + 1 :] = False  # helpers come after the body
        points[covered] += THICK * mesh.normals(points)[covered]
        points[np.unique(mesh.groups["helper-upper-teeth"]), 1] -= BITE
        self.points = points
        eyes = (mesh.joint(points, "l-eye") + mesh.joint(points, "r-eye")) / 2
        self.middle = np.array([0, eyes[1] + BELOW, mesh.joint(points, "head")[2]])
        self.seen = [
            light.bake(mesh, mesh.posed(points, expression, (0, 0, 0), 0), self.middle)
            for expression in ({}, {**SHUT, "mouth-open": 0.3})
        ]
        self.coarse = skin.coarse_noise(person, mesh.points)
        self.kind = np.zeros(len(points), np.int8)
        for number, name in enumerate(DRAWN[1:], 1):
            self.kind[np.unique(mesh.groups[name])] = min(number, 3)
        self.brows = hair.grow_brows(mesh, points, person, 420)
        self.hair = hair.grow_hair(mesh, points, person, strands)
        self.lashes = hair.lash_edges(mesh)
        self.room = skin.backdrop(
            (WIDTH + 2 * SPARE[0]) * FINER, (HEIGHT + 2 * SPARE[1]) * FINER, person.seed
        )

    def frame(self, moment: Moment) -> np.ndarray:
        """Take one picture: (HEIGHT, WIDTH, 3) uint8 RGB."""
        stand = self._stand(moment)
        pixels, depth = self._look(stand)
        picture = self._behind(moment)
        picture.reshape(-1, 3)[pixels.at] = self._shade(pixels, stand)
        picture = develop(picture)
        self._draw_hair(picture, depth, stand)
        return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)

    def _stand(self, moment: Moment) -> Stand:
        points = self.mesh.posed(self.points, moment.expression, moment.head, moment.gaze)
        normals = self.mesh.normals(points)
        shut = np.clip(moment.expression.get("eye-left-closure", 0), 0, 1)
        seen = (1 - shut) * self.seen[0] + shut * self.seen[1]
        turn = np.eye(3)
        for axis, angle in zip((1, 0, 2), moment.head, strict=True):  # as `Mesh.posed` turns it
            turn = turned(turn, np.full(3, angle), axis, np.zeros(3))
        diffuse, share = light.irradiance(normals, seen, turn.T, self.mesh.turn)
        return Stand(moment, points, normals, diffuse, share, turn.T)

    def _look(self, stand: Stand) -> tuple[Pixels, np.ndarray]:
        """Find what each pixel shows; gives also the (H, W) depth."""
        mesh, screen = self.mesh, self._project(stand.points, stand.moment)
        cover = rasterize(
            screen, mesh.triangles, WIDTH * FINER, HEIGHT * FINER, both_sides=True
        )  # lips have no thickness
        columns = (
            stand.points, stand.normals, mesh.points, stand.diffuse, self.coarse,
            stand.share[:, None], *(mask[:, None] for mask in mesh.masks.values()),
        )  # fmt: skip
        values = cover.spread(np.concatenate(columns, 1), mesh.triangles)
        place, normal, origin, diffuse, coarse, share, masks = np.split(
            values, (3, 6, 9, 12, 15, 16), axis=1
        )
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        view = self.middle + [0, 0, DISTANCE] - place
        view /= np.linalg.norm(view, axis=1, keepdims=True)
        pixels = Pixels(
            cover.pixels, self.kind[mesh.triangles[cover.triangles, 0]], place, origin, normal,
            view, diffuse, share[:, 0], coarse, dict(zip(mesh.masks, masks.T, strict=True)),
        )  # fmt: skip
        return pixels, cover.depth

    def _shade(self, pixels: Pixels, stand: Stand) -> np.ndarray:
        """(M, 3) linear light of every covered pixel."""
        person, kind, origin = self.person, pixels.kind, pixels.origin
        cloth = (skin.below_collar(origin) > 0) & (kind == 0)
        bare, teeth = (kind == 0) & ~cloth, kind == 3
        color = np.zeros_like(origin)
        masks = {name: mask[bare] for name, mask in pixels.masks.items()}
        lit = scattered(pixels.diffuse[bare], pixels.at[bare])
        color[bare] = lit * skin.paint_skin(person, origin[bare], masks, pixels.coarse[bare])
        gloss = 0.55 + 0.5 * masks["lips"] + 0.15 * skin.spot(origin[bare], (0, 7.1, 1.3), 0.2)
        gloss += 0.12 * skin.noise(origin[bare], 0.03, person.seed + 30)
        shine = light.glint(pixels.normal[bare], pixels.view[bare], gloss, pixels.share[bare])
        color[bare] += shine * (0.75 + 0.65 * masks["lips"])[:, None]
        painted = skin.paint_cloth(person, origin[cloth], pixels.coarse[cloth])
        color[cloth] = painted * pixels.diffuse[cloth]
        for number, side in enumerate(EYES, 1):
            eye = kind == number
            middle = stand.points[np.unique(self.mesh.groups[EYES[side]])].mean(0)
            off, around, ball, wet = skin.on_eye(
                pixels.place[eye], middle, stand.turn, stand.moment.gaze
            )
            under_lid = 0.55 + 0.45 * np.clip(1 - 2.5 * (ball @ stand.turn[:, 1]), 0, 1)
            color[eye] = skin.paint_eye(person, off, around) * pixels.diffuse[eye]
            color[eye] *= under_lid[:, None]
            share, gloss = (pixels.share[eye] + 0.3).clip(0, 1), np.full(len(off), 5.0)
            color[eye] += 1.6 * light.glint(wet, pixels.view[eye], gloss, share)
        deep = np.exp(-((origin[teeth, :1] / 0.2) ** 2))  # the corners of the mouth are dark
        color[teeth] = np.array([0.5, 0.42, 0.33]) * (0.02 + 0.6 * deep)
        return color

    def _project(self, points: np.ndarray, moment: Moment) -> np.ndarray:
        """(..., 3) column, row (px of the enlarged picture) and depth (dm) of (..., 3) points."""
        away = DISTANCE - (points[..., 2] - self.middle[2])
        scale = HEIGHT * FINER / TALL * DISTANCE / away
        x = WIDTH * FINER / 2 + scale * (points[..., 0] - self.middle[0] - moment.sway[0])
        y = HEIGHT * FINER / 2 - scale * (points[..., 1] - self.middle[1] - moment.sway[1])
        return np.stack([x, y, away], -1)

    def _behind(self, moment: Moment) -> np.ndarray:
        """Cut the view out of the room; what is far moves half as much."""
        scale = HEIGHT * FINER / TALL * 0.5
        x, y = (
            -SPARE[0] * FINER - scale * moment.sway[0],
            -SPARE[1] * FINER + scale * moment.sway[1],
        )
        return cv2.warpAffine(
            self.room, np.array([[1, 0, x], [0, 1, y]]), (WIDTH * FINER, HEIGHT * FINER)
        )

    def _draw_hair(self, picture: np.ndarray, depth: np.ndarray, stand: Stand) -> None:
        """Draw brows, hair and lashes into the developed picture."""
        key, rim = light.STUDIO[0], light.STUDIO[2]
        for strands, bias in ((self.brows, 0.06), (self.hair, 0.02)):
            path = strands.roots(stand.points)[:, None] + strands.offsets @ stand.turn.T
            along = np.diff(path, axis=1)
            along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-6)
            lit = strands.roots(stand.diffuse)[:, None]
            steps = np.linspace(0, 1, along.shape[1])[None, :, None]
            thin = 0.25 * np.clip(1 - 3 * steps, 0, 1)  # at the root skin shows
            color = strands.colors[:, None] * (1 - thin) + 0.5 * thin * np.array(self.person.skin)
            color = color * lit
            tint = 0.035 * np.array(key.color) * (0.25 + np.sqrt(strands.colors))[:, None]
            for lamp, sharpness in ((key, 30), (rim, 14)):
                sheen = hair.sheen(along, lamp.axis, sharpness)
                color = color + sheen[..., None] * tint * lit.clip(0, 1)
            hair.draw_strands(
                picture, self._project(path, stand.moment), develop(color), depth, bias
            )
        root, tip = stand.points[self.lashes].transpose(1, 0, 2)
        lines = self._project(np.stack([root, root + 0.45 * (tip - root)], 1), stand.moment)
        dark = np.tile(np.array([0.016, 0.012, 0.011]), (len(lines), 1, 1))
        hair.draw_strands(picture, lines, develop(dark), depth, 0.2)


def scattered(lit: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Let light wander under the skin, red farthest.

    Args:
        lit: (M, 3) light that falls on the skin's pixels.
        pixels: (M,) row * W + column.

    Returns:
        (M, 3). One Gaussian a channel; the idea is that of screen-space scattering, Jimenez et
        al., 2009, https://doi.org/10.1145/1609967.1609970.
    """
    size = HEIGHT * FINER, WIDTH * FINER
    sheet, weight, out = np.zeros((*size, 3), np.float32), np.zeros(size, np.float32), lit.copy()
    sheet.reshape(-1, 3)[pixels], weight.reshape(-1)[pixels] = lit, 1
    for channel, reach in enumerate(SCATTER):
        sigma = reach * size[0] / TALL
        blurred = cv2.GaussianBlur(sheet[..., channel], (0, 0), sigma)
        share = cv2.GaussianBlur(weight, (0, 0), sigma)
        out[:, channel] = (blurred / np.maximum(share, 1e-3)).reshape(-1)[pixels]
    return out


def develop(linear: np.ndarray) -> np.ndarray:
    """Turn linear light into uint8 sRGB, highlights rolled off.

    Source: the curve of Narkowicz, 2016, https://knarkowicz.wordpress.com (ACES filmic tone mapping
    curve), then that of IEC 61966-2-1.
    """
    x = np.maximum(linear * EXPOSURE, 0)
    x = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    curve = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)
    return (curve * 255 + 0.5).astype(np.uint8)
