"""Make the example clips of the page, from two photographs in the public domain.

python -m trainer.portraits.examples --photos tests/photos --to assets/examples

A camera moves slowly over a still photograph, with a little sensor noise; what is swapped carries
the other person's face. None of these pictures is in the training data.
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
from trainer.portraits.forge import Scene

RATE, SECONDS, SIDE = 25, 4, 480


def pan(image: np.ndarray, seed: int, side: int = SIDE) -> list[np.ndarray]:
    """Film a photograph: a slow pan and zoom with noise.

    Args:
        image: (H, W, 3) uint8 RGB.
        seed: Of the noise.
        side: Of the frames, px.

    Returns:
        `RATE` * `SECONDS` frames, (side, side, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    rng = np.random.default_rng(seed)
    frames = []
    for phase in np.linspace(0, 1, RATE * SECONDS):
        zoom = side / min(height, width) * (1.02 + 0.06 * phase)
        x = width / 2 + width * 0.01 * np.sin(2 * np.pi * phase)
        y = min(height, width) / 2 + height * 0.01 * np.cos(2 * np.pi * phase)
        matrix = np.array([[zoom, 0, side / 2 - zoom * x], [0, zoom, side / 2 - zoom * y]])
        frame = cv2.warpAffine(
            image, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        noise = rng.normal(0, 1.5, frame.shape)
        frames.append(np.clip(frame + noise, 0, 255).astype(np.uint8))
    return frames


def swap_photograph(image: np.ndarray, donor: Scene, kind: str, finder: FaceFinder) -> np.ndarray:
    """Put a donor's face onto the largest face of a (H, W, 3) uint8 RGB photograph."""
    face = max(finder.find(image), key=lambda face: face.side_px)
    return swap_face(image, face, donor, kind, np.random.default_rng(11))


def make_examples(photos: Path, folder: Path) -> list[Path]:
    """Write genuine.mp4, swapped.mp4 and two_people.mp4 (the person at the left is swapped)."""
    folder.mkdir(parents=True, exist_ok=True)
    finder = create_face_finder()
    images, scenes = {}, {}
    for name in ("astronaut", "hopper"):
        image = cv2.imread(str(photos / f"{name}.jpg"), cv2.IMREAD_COLOR_RGB)
        face = max(finder.find(image), key=lambda face: face.side_px)
        scene = crop_face(image, face.box, margin=SCENE_MARGIN, side=256)
        inside = max(finder.find(scene), key=lambda face: face.side_px)
        images[name], scenes[name] = image, (scene, find_landmarks(scene, inside))
    swapped = swap_photograph(images["astronaut"], scenes["hopper"], "matched_swap", finder)
    pair = zip(pan(swapped, 3), pan(images["hopper"], 4), strict=True)
    clips = {
        "genuine": pan(images["astronaut"], 1),
        "swapped": pan(swapped, 2),
        "two_people": [np.hstack([left, right]) for left, right in pair],
    }
    for name, frames in clips.items():
        write_clip(folder / f"{name}.mp4", frames, RATE)
    return [folder / f"{name}.mp4" for name in clips]


def main() -> int:
    """Write the clips and print their sizes."""
    parser = argparse.ArgumentParser(
        "trainer.portraits.examples", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--photos", type=Path, default=Path("tests/photos"))
    parser.add_argument("--to", type=Path, default=Path("assets/examples"))
    args = parser.parse_args()
    for path in make_examples(args.photos, args.to):
        print(f"{path} {path.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
