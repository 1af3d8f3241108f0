"""What happens to one clip: frames are chosen, faces found in them, cut out and encoded.

Nothing here knows of other clips or of where crops are kept. Whatever is wrong with a clip becomes
a reason that is listed, because one of 100,000 files is always broken.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import cv2
import numpy as np

from awarenet.errors import AwareNetError, MediaError, SettingsError
from awarenet.faces import Face, FaceFinder, create_face_finder, crop_face
from awarenet.landmarks import find_landmarks
from awarenet.settings import FaceSettings, LimitSettings
from trainer.datasets import Clip
from trainer.extraction.frames import Mask, Sample, read_frames, read_still

SUFFIXES = {"jpeg": ".jpg", "png": ".png"}  # of `ExtractSettings.format`
JPEG_QUALITY = 95
PICTURE_MARGIN = 0.25  # around faces cut out earlier: what AWARE-NET's preprocessing left
MIN_MASK = 0.02  # mean of a mask (0-1) inside a face that was touched; noise on black stays below


@dataclass(frozen=True)
class ExtractSettings:
    """How clips become crops."""

    side: int = 256  # px of the square crop
    margin: float = 0.25  # on every side, of the face's longer side
    min_face_px: int = 64  # longer side; smaller faces are left out
    frames_real: int = 32  # looked at in a real clip, evenly over all of it
    frames_fake: int = 16  # and in a fake one, of which data sets hold more
    every_s: float = 0.0  # s from one frame to the next instead; 0: as many as the counts say
    faces: Literal["largest", "all"] = "largest"  # of each frame
    mesh: bool = False  # also find the points of FaceMesh
    format: Literal["jpeg", "png"] = "jpeg"
    detector: FaceSettings = FaceSettings()
    limits: LimitSettings = LimitSettings()

    def __post_init__(self):
        for name, least in (("side", 16), ("min_face_px", 1), ("frames_real", 1),
                            ("frames_fake", 1), ("every_s", 0), ("margin", 0)):  # fmt: skip
            if getattr(self, name) < least:
                raise SettingsError(f"{name} = {getattr(self, name)}; expected {least} or more")
        for name, known in (("faces", ("largest", "all")), ("format", tuple(SUFFIXES))):
            if getattr(self, name) not in known:
                raise SettingsError(
                    f"{name} = {getattr(self, name)!r}; expected {' or '.join(known)}"
                )

    def made_of(self) -> dict[str, object]:
        """What a crop depends on, as JSON.

        Not the limits: they only decide which clips fail, and those can be tried again.
        """
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        del own["detector"], own["limits"]
        if not self.every_s:
            del own["every_s"]  # journals from before it could be set go on
        keys = {"detector", "detector_sha256", "min_score", "detect_long_side_px"}
        return {**own, "detector": self.detector.model_dump(mode="json", include=keys)}


@dataclass(frozen=True)
class Crop:
    """One face of one frame, cut out.

    `box` and `landmarks` are in px of the crop, flattened (x0, y0, x1, y1; x and y of five points,
    none for a face cut out earlier), `mesh` is (468, 2) float32. `data` is the encoded image until
    a store has it, `path` where the store put it. Two crops are equal when all but `mesh` is.
    """

    frame: int
    face: int  # number within the frame, the largest is 0
    time_s: float
    box: tuple[float, ...]
    landmarks: tuple[float, ...]
    mesh: np.ndarray | None = field(compare=False, repr=False)
    sha256: str  # of the pixels before they were encoded
    face_px: float  # longer side of the face in its frame
    data: bytes = field(default=b"", repr=False)
    suffix: str = ""
    path: str = ""


@dataclass(frozen=True)
class Extracted:
    """What became of a clip: crops, or a reason (one word) with its details (one line)."""

    clip: str
    crops: tuple[Crop, ...] = ()
    reason: str = ""
    detail: str = ""


def extract_clip(clip: Clip, settings: ExtractSettings) -> Extracted:
    """Cut the faces of a clip out.

    In a fake clip with a mask only the manipulated face is taken, whatever `faces` says, since
    "fake" would be a wrong label for the others; frames that its mask leaves black are passed over.

    Returns:
        Crops in order of time; or none and a reason: a status of `MediaError`, `no_face`,
        `faces_too_small`, `not_in_mask`, or `error` for what nobody foresaw.

    Raises:
        AwareNetError: The detector is not there. Nothing is raised for what is wrong with a clip.
    """
    try:
        work = _from_pictures if clip.pictures else _from_frames
        return work(clip, settings)
    except MediaError as error:
        return Extracted(clip.name, reason=error.status, detail=str(error))
    except AwareNetError:
        raise
    except Exception as error:  # a run of days must not end at one odd file
        return Extracted(clip.name, reason="error", detail=f"{type(error).__name__}: {error}")


def choose_masked(faces: Sequence[Face], size: tuple[int, int], mask: np.ndarray) -> Face | None:
    """Say which face of a frame was manipulated: the one that the mask covers most densely.

    Args:
        faces: With boxes in px of the frame.
        size: Width and height of the frame, px.
        mask: (h, w) float32, 0 to 1, of any size: it is laid over the whole frame.

    Returns:
        None where the mask leaves every face black.
    """
    height, width = mask.shape
    best, most = None, MIN_MASK
    for face in faces:
        x0, x1 = (np.clip(round(face.box[i] * width / size[0]), 0, width) for i in (0, 2))
        y0, y1 = (np.clip(round(face.box[i] * height / size[1]), 0, height) for i in (1, 3))
        covered = float(mask[y0:y1, x0:x1].mean()) if x1 > x0 and y1 > y0 else 0.0
        if covered > most:
            best, most = face, covered
    return best


def encode(image: np.ndarray, form: str) -> bytes:
    """Encode (S, S, 3) uint8 RGB as `jpeg` or `png`."""
    options = {
        "jpeg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        "png": [cv2.IMWRITE_PNG_COMPRESSION, 1],  # higher levels save little and take long
    }
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(SUFFIXES[form], bgr, options[form])[1].tobytes()


def _from_frames(clip: Clip, settings: ExtractSettings) -> Extracted:
    count = settings.frames_fake if clip.label else settings.frames_real
    samples = read_frames(clip.path, count, settings.limits, every_s=settings.every_s)
    if clip.mask is None or not clip.label:
        return _cut_all(clip, samples, None, settings)
    with Mask(clip.mask, settings.limits) as mask:
        return _cut_all(clip, samples, mask, settings)


def _cut_all(
    clip: Clip, samples: Iterable[Sample], mask: Mask | None, settings: ExtractSettings
) -> Extracted:
    finder = _finder(settings.detector)
    crops, frames, largest = [], 0, 0.0
    for sample in samples:
        frames += 1
        found = sorted(finder.find(sample.image), key=lambda face: (-face.side_px, face.box))
        largest = max([largest, *(face.side_px for face in found)])
        faces = [face for face in found if face.side_px >= settings.min_face_px]
        if mask is not None:
            area = mask.at(sample.index)
            size = sample.image.shape[1::-1]
            chosen = None if area is None else choose_masked(faces, size, area)
            faces = [] if chosen is None else [chosen]
        elif settings.faces == "largest":
            faces = faces[:1]
        crops += [_cut(sample, face, number, settings) for number, face in enumerate(faces)]
    if crops:
        return Extracted(clip.name, tuple(crops))
    if largest == 0:
        return Extracted(clip.name, (), "no_face", f"no face in any of {frames} frames")
    if largest < settings.min_face_px:
        return Extracted(
            clip.name, (), "faces_too_small",
            f"the largest face has {largest:.0f} px, at least {settings.min_face_px} are wanted",
        )  # fmt: skip
    return Extracted(
        clip.name, (), "not_in_mask", f"{clip.mask.name} marks no face in any of {frames} frames"
    )


def _cut(sample: Sample, face: Face, number: int, settings: ExtractSettings) -> Crop:
    """Cut one face out and take what is known of it along."""
    image = crop_face(sample.image, face.box, margin=settings.margin, side=settings.side)
    scale = settings.side / (face.side_px * (1 + 2 * settings.margin))
    x0, y0, x1, y1 = face.box
    center = np.array([x0 + x1, y0 + y1]) / 2

    def to_crop(points: np.ndarray) -> np.ndarray:
        return (points - center) * scale + settings.side / 2

    mesh = None
    if settings.mesh:
        mesh = to_crop(find_landmarks(sample.image, face)).astype(np.float32)
    return _crop(
        image, sample.index, number, sample.time_s,
        tuple(to_crop(np.array(face.box).reshape(2, 2)).ravel().tolist()),
        tuple(to_crop(face.landmarks).ravel().tolist()),
        mesh, round(face.side_px, 1), settings,
    )  # fmt: skip


def _from_pictures(clip: Clip, settings: ExtractSettings) -> Extracted:
    """Take faces that were cut out earlier whole; what is not square gets its edges repeated."""
    count = min(settings.frames_fake if clip.label else settings.frames_real, len(clip.pictures))
    crops = []
    for place in range(count):
        number = (2 * place + 1) * len(clip.pictures) // (2 * count)
        picture = read_still(clip.pictures[number], settings.limits)
        height, width = picture.shape[:2]
        image = crop_face(picture, (0, 0, width, height), margin=0, side=settings.side)
        half = np.array([width, height]) / max(width, height) / (1 + 2 * PICTURE_MARGIN) / 2
        corners = np.concatenate([0.5 - half, 0.5 + half]) * settings.side
        face_px = round(max(width, height) / (1 + 2 * PICTURE_MARGIN), 1)
        box = tuple(corners.tolist())
        crops.append(_crop(image, number, 0, 0.0, box, (), None, face_px, settings))
    return Extracted(clip.name, tuple(crops))


def _crop(
    image: np.ndarray,
    frame: int,
    face: int,
    time_s: float,
    box: tuple[float, ...],
    landmarks: tuple[float, ...],
    mesh: np.ndarray | None,
    face_px: float,
    settings: ExtractSettings,
) -> Crop:
    digest = hashlib.sha256(np.ascontiguousarray(image)).hexdigest()
    data = encode(image, settings.format)
    suffix = SUFFIXES[settings.format]
    return Crop(frame, face, time_s, box, landmarks, mesh, digest, face_px, data, suffix)


@functools.lru_cache(maxsize=1)
def _finder(settings: FaceSettings) -> FaceFinder:
    """One detector a process: it takes longer to load than a clip to cut."""
    return create_face_finder(settings)
