"""Real clips and swapped versions of them, to calibrate and test on video.

Every real clip is cut into pieces; each piece is stored once as it is and once for each swap, all
through the same encoder at the same quality, so that only the face tells them apart. The donor of a
swap is one person for the whole piece, and the warp, color and rim are drawn once a piece.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from awarenet.atomic import written_whole
from awarenet.errors import AwareNetError
from awarenet.faces import Face, FaceFinder, create_face_finder
from awarenet.landmarks import find_landmarks
from trainer.augmentation.camera import SCENE_MARGIN
from trainer.datasets import name_people
from trainer.extraction.crops import read_scene
from trainer.json_files import read_json, write_json
from trainer.manifest import read_manifest
from trainer.portraits.forge import Scene, make_fake
from trainer.settings import TrainerSettings
from trainer.stamps import content_hash, is_made

log = logging.getLogger(__name__)

SUFFIXES = (".mkv", ".mp4", ".avi", ".mov", ".webm")
SWAPS = ("matched_swap", "poisson_swap")  # in turn
DONORS = {"calibration": "validation", "test": "test"}  # part of a clip -> part of its donors
CRF = 23  # x264's own default: what an ordinary upload looks like


@dataclass(frozen=True)
class MadeClip:
    """A clip on disk with what is known of it."""

    path: str  # relative to the run's folder
    label: int
    method: str
    person: str
    source: str  # name of the file that it was cut from
    part: str  # calibration or test


def make_clips(settings: TrainerSettings) -> list[MadeClip]:
    """Cut and swap all real clips of [data] videos; skips what is there already.

    Raises:
        AwareNetError: A folder is missing, or a person of `calibration_people` has no clip.
    """
    run = Path(settings.data.run)
    listing = run / "clips.json"
    made_of = {
        "manifest": content_hash(run / "manifest.parquet", "prepare"),
        "data": settings.data.model_dump(
            mode="json", include={"videos", "clip_people", "calibration_people"}
        ),
        "seed": settings.forge.seed,
        "evaluate": settings.evaluate.model_dump(
            mode="json", include={"swaps_per_clip", "piece_s", "pieces"}
        ),
    }
    if is_made(listing, made_of, again=True):
        return [MadeClip(**record) for record in read_json(listing)]
    folder = run / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    sources = _sources(settings)
    people = name_people(sources, settings.data.clip_people)
    names = _names(sources)
    if missing := set(settings.data.calibration_people) - set(people.values()):
        raise AwareNetError(f"[data] calibration_people: no clip of {', '.join(sorted(missing))}")
    rows = [row for row in read_manifest(run / "manifest.parquet") if row.label == 0]
    finder = create_face_finder(settings.faces)
    made = []
    for path, person in people.items():
        part = "calibration" if person in settings.data.calibration_people else "test"
        donors = [row for row in rows if row.split == DONORS[part]]
        if not donors and settings.evaluate.swaps_per_clip:
            raise AwareNetError(f"no {DONORS[part]} portrait to swap in; see [split] shares")
        pieces = _pieces(path, settings.evaluate.piece_s, settings.evaluate.pieces)
        for number, (rate, frames) in enumerate(pieces):
            stem = f"{names[path]}-{number:02d}"
            target = folder / f"{stem}-real.mp4"
            write_clip(target, frames, rate)
            made.append(MadeClip(f"clips/{target.name}", 0, "real", person, path.name, part))
            for swap in range(settings.evaluate.swaps_per_clip):
                kind = SWAPS[swap % len(SWAPS)]
                key = [settings.forge.seed, 6, number, swap, *path.stem.encode()]
                rng = np.random.default_rng(key)
                donor = read_scene(donors[int(rng.integers(len(donors)))], run)
                target = folder / f"{stem}-{kind}.mp4"
                swapped = swap_frames(frames, donor, kind, int(rng.integers(2**31)), finder)
                write_clip(target, swapped, rate)
                made.append(MadeClip(f"clips/{target.name}", 1, kind, person, path.name, part))
        log.info("clips: %s done", path.name)
    write_json(listing, [asdict(clip) for clip in made])
    return made


def swap_frames(
    frames: Sequence[np.ndarray], donor: Scene, kind: str, seed: int, finder: FaceFinder
) -> list[np.ndarray]:
    """Put one donor's face onto the largest face of every frame.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        donor: Scene of the face to put on.
        kind: Of `trainer.portraits.forge.MAKERS`.
        seed: Drawn from anew at every frame, so that nothing flickers that would not in a real
            swap.
        finder: Finds the face; frames without one stay as they are.

    Returns:
        As many (H, W, 3) uint8 RGB frames.
    """
    out = []
    for frame in frames:
        found = finder.find(frame)
        face = max(found, key=lambda face: face.side_px, default=None)
        rng = np.random.default_rng(seed)
        out.append(frame if face is None else swap_face(frame, face, donor, kind, rng))
    return out


def swap_face(
    frame: np.ndarray, face: Face, donor: Scene, kind: str, rng: np.random.Generator
) -> np.ndarray:
    """Swap one face of a (H, W, 3) uint8 RGB frame at its own resolution; returns a copy."""
    x0, y0, x1, y1 = face.box
    half = face.side_px * (0.5 + SCENE_MARGIN)
    length = max(int(round(2 * half)), 32)
    left, top = int(round((x0 + x1) / 2 - half)), int(round((y0 + y1) / 2 - half))
    height, width = frame.shape[:2]
    rows = np.clip(np.arange(top, top + length), 0, height - 1)
    columns = np.clip(np.arange(left, left + length), 0, width - 1)
    scene = np.ascontiguousarray(frame[np.ix_(rows, columns)])
    landmarks = find_landmarks(frame, face) - np.array([left, top], np.float32)
    fake = make_fake(kind, (scene, landmarks), donor, rng)
    out = frame.copy()
    inside_y = slice(max(top, 0), min(top + length, height))
    inside_x = slice(max(left, 0), min(left + length, width))
    out[inside_y, inside_x] = fake[
        inside_y.start - top : inside_y.stop - top, inside_x.start - left : inside_x.stop - left
    ]
    return out


def write_clip(
    path: Path, frames: Sequence[np.ndarray], rate: Fraction | int, crf: int = CRF
) -> None:
    """Encode (H, W, 3) uint8 RGB frames as H.264 in MP4, whole or not at all."""
    with written_whole(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        height, width = (side // 2 * 2 for side in frames[0].shape[:2])
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(frame[:height, :width]), format="rgb24"
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _sources(settings: TrainerSettings) -> list[Path]:
    """All clips that [data] videos names."""
    found = []
    for entry in settings.data.videos:
        path = Path(entry).expanduser()
        if not path.exists():
            raise AwareNetError(f"[data] videos: no {path}; the README says how to fetch it")
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        found += inside if path.is_dir() else [path]
    return found


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """A name for each clip: its stem, with the folder before it where two share a stem."""
    often = Counter(path.stem for path in paths)
    names = {p: p.stem if often[p.stem] == 1 else f"{p.parent.name}-{p.stem}" for p in paths}
    if twice := [name for name, count in Counter(names.values()).items() if count > 1]:
        raise AwareNetError(f"[data] videos: two clips are called {twice[0]}; rename one")
    return names


def _pieces(path: Path, seconds: float, most: int) -> Iterator[tuple[Fraction, list[np.ndarray]]]:
    """Cut a clip into pieces, evenly spread over it when there are more than `most`."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = Fraction(stream.average_rate or 25).limit_denominator(1000)
        length = max(int(seconds * rate), 1)
        duration = float(container.duration or 0) / av.time_base
        count = max(int(duration // seconds), 1)
        step = max(count / most, 1.0)
        wanted = {int(index * step) for index in range(most)}
        frames: list[np.ndarray] = []
        for number, frame in enumerate(container.decode(stream)):
            piece = number // length
            if piece in wanted:
                frames.append(frame.to_ndarray(format="rgb24"))
            if frames and (number + 1) % length == 0:
                yield rate, frames
                frames = []
            if piece > max(wanted):
                return
        if len(frames) >= max(length // 4, 1):
            yield rate, frames
