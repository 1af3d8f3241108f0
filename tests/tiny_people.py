"""People who do not exist, as photographs and short clips: what `tests/tiny.toml` trains on.

Each is a morph of the two public-domain portraits in `tests/photos/`, with a shape, a color and a
grain of its own. `python tests/tiny_people.py` writes them to the folder that the preset names.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # as pytest does; a plain call knows its own folder only

from awarenet.faces import create_face_finder, crop_face  # noqa: E402
from awarenet.landmarks import find_landmarks  # noqa: E402
from trainer.manifest import MESH, Row, write_manifest  # noqa: E402
from trainer.portraits.clips import write_clip  # noqa: E402
from trainer.portraits.forge import Scene, warp_face  # noqa: E402

PHOTOS = ROOT / "tests" / "photos"
FOLDER = "runs/tiny/people"  # as in tests/tiny.toml
SIDE = 256  # px of a photograph; the face has half of it
MARGIN = 0.5  # of the face's side, around it
PEOPLE = 20
OTHERS = 3  # more people, one folder each, who are only tested on
CLIPS = {"anna-1": 30, "anna-2": 30, "ben-1": 31, "ben-2": 31, "carl": 32, "dora": 33}
RATE = 8  # frames a second
CLIP_S = 2


@functools.lru_cache(maxsize=2)
def real_scene(name: str, side: int = SIDE) -> Scene:
    """Cut the face of `astronaut` or `hopper` out: (side, side, 3) uint8 RGB and its landmarks."""
    image = cv2.imread(str(PHOTOS / f"{name}.jpg"), cv2.IMREAD_COLOR_RGB)
    face = max(create_face_finder().find(image), key=lambda face: face.side_px)
    center = np.array([face.box[0] + face.box[2], face.box[1] + face.box[3]]) / 2
    scale = side / (face.side_px * (1 + 2 * MARGIN))
    points = (find_landmarks(image, face) - center) * scale + side / 2
    return crop_face(image, face.box, margin=MARGIN, side=side), points.astype(np.float32)


def portrait(number: int) -> np.ndarray:
    """Photograph somebody: (SIDE, SIDE, 3) uint8 RGB, the same for the same number."""
    rng = np.random.default_rng(number)
    one, other = real_scene("astronaut"), real_scene("hopper")
    share = rng.uniform(0, 1)
    middle = np.full(2, SIDE / 2, np.float32)
    shape = one[1] + (other[1] - one[1]) * rng.uniform(-0.2, 1.2)
    shape = (shape - middle) * rng.uniform(0.9, 1.1, 2) + middle  # wider or longer
    phase, wave = rng.uniform(0, 2 * np.pi, 2), rng.uniform(1, 2.5, 2)
    shape += np.sin(shape[:, ::-1] / SIDE * 2 * np.pi * wave + phase) * 2  # and a little askew
    looks = [warp_face(scene, shape.astype(np.float32), SIDE) for scene in (one, other)]
    image = looks[0] * (1 - share) + looks[1] * share
    image = (image + image.mean(2, keepdims=True)) / 2  # pale, then of a tint of its own
    gain = np.exp(rng.normal(0, 0.15, 3))
    image = image * gain / gain.max() + rng.uniform(-15, 15)
    image += rng.normal(0, 5, (SIDE, SIDE, 1))  # grain, which a warp blurs
    return np.clip(image, 0, 255).astype(np.uint8)


def shaken(photo: np.ndarray, count: int, seed: int) -> Iterator[np.ndarray]:
    """Film a (S, S, 3) uint8 RGB photograph by hand: `count` frames of the same size."""
    rng = np.random.default_rng(seed)
    middle = (len(photo) / 2, len(photo) / 2)
    for _ in range(count):
        matrix = cv2.getRotationMatrix2D(middle, rng.normal(0, 1.5), np.exp(rng.normal(0, 0.01)))
        matrix[:, 2] += rng.normal(0, 1.5, 2)
        yield cv2.warpAffine(photo, matrix, photo.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def write_people(folder: Path) -> Path:
    """Write `photos/` to learn from, `others/` to test on, and `clips/` of still other people."""
    photos = [folder / "photos" / f"person-{number:02d}.png" for number in range(PEOPLE)]
    photos += [folder / "others" / f"s{number}" / "1.png" for number in range(1, OTHERS + 1)]
    for number, path in enumerate(photos):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(portrait(number), cv2.COLOR_RGB2BGR))
    (folder / "clips").mkdir(exist_ok=True)
    for seed, (name, number) in enumerate(CLIPS.items()):
        frames = list(shaken(portrait(number), RATE * CLIP_S, seed))
        write_clip(folder / "clips" / f"{name}.mp4", frames, RATE, crf=16)
    return folder


def row(
    clip: str,
    *,
    label: int = 0,
    split: str = "train",
    people: Sequence[str] = (),
    source: str = "",
    method: str = "",
    mesh: np.ndarray | None = None,
) -> Row:
    """Describe a crop; what is left out follows from the rest."""
    return Row(
        path=f"{clip}.png",
        clip=clip,
        frame=0,
        time_s=0.0,
        box=(16.0, 16.0, 48.0, 48.0),
        landmarks=tuple(float(value) for value in range(10)),
        mesh=np.zeros(MESH, np.float32) if mesh is None else mesh,
        label=label,
        method=method or ("poisson_swap" if label else "real"),
        dataset="drawn",
        identities=tuple(people) or (source or clip,),
        source_clip=source or clip,
        split=split,
        sha256=f"{clip:0>64}",
        compression="",
        face_px=32.0,
    )


def write_patterns(folder: Path, counts: dict[str, int], *, fakes: int = 2, side: int = 64) -> Path:
    """Prepare a run without any face in it: `manifest.parquet` of patterns, quickly made.

    Each real scene is smooth; its fakes are the same with a hard square in the middle.

    Args:
        folder: Of the run.
        counts: Part -> real scenes in it.
        fakes: Of each real scene.
        side: Of a scene, px.

    Returns:
        Path of the manifest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for part, count in counts.items():
        for number in range(count):
            clip = f"{part}-{number}"
            rng = np.random.default_rng([len(part), number])
            real = cv2.resize(rng.integers(60, 200, (4, 4, 3)).astype(np.uint8), (side, side))
            cv2.imwrite(str(folder / f"{clip}.png"), real)
            rows.append(row(clip, split=part))
            for index in range(fakes):
                name, fake = f"{clip}-{index:02d}", real.copy()
                at = side * 3 // 8 + index
                fake[at : at + side // 4, at : at + side // 4] ^= 96
                cv2.imwrite(str(folder / f"{name}.png"), fake)
                rows.append(row(name, label=1, split=part, source=clip))
    write_manifest(rows, folder / "manifest.parquet")
    return folder / "manifest.parquet"


if __name__ == "__main__":
    print(write_people(Path(FOLDER)))
