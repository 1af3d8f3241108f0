"""The clip again, with everybody's box, probability and verdict drawn on it.

H.264 in MP4, which every browser plays. Sound is dropped: nothing was said about it. Frames keep
their own times, so that a variable frame rate stays in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from PIL import Image

from awarenet.atomic import written_whole
from awarenet.cage import OpenedFile
from awarenet.documents.courses import Course
from awarenet.documents.marks import Strip, mark_face, paste, text_px, words_image
from awarenet.errors import Canceled, SettingsError
from awarenet.explain import ENSEMBLE
from awarenet.panels.heat import box_of, surroundings
from awarenet.settings import LimitSettings
from awarenet.video import Frame, MediaInfo
from awarenet.view import clock

if TYPE_CHECKING:
    from awarenet.pipeline import Analysis, Overlay

LONGEST_PX, SHORTEST_PX = 1280, 640  # longer side of the picture; small ones are enlarged
TICKS = 90_000  # a second: the clock of MPEG, which all usual frame rates divide
CRF = 23  # x264's own default
PRESET = "veryfast"
JPEG_QUALITY = 92
MAP_S = 0.75  # a heat map stands beside its moment, before and after it
MAP_SHARE = 0.3  # of the shorter side of the picture


class Annotator:
    """Draws what is known onto the frames of one clip or picture, in their order."""

    def __init__(self, analysis: Analysis, width: int, height: int, heat: bool = False):
        """Take the size that frames come in, px."""
        report = analysis.report
        longer = max(width, height)
        scale = min(LONGEST_PX / longer, 1.0) * max(SHORTEST_PX / longer, 1.0)
        self.size = tuple(max(round(side * scale / 2) * 2, 2) for side in (width, height))
        self._people = [(person, Course(report, person)) for person in report.people]
        self._strip = Strip(report, self.size[0])
        self.height = self.size[1] + self._strip.height
        self._maps = _insets(analysis, min(self.size)) if heat else []

    def draw(self, frame: Frame) -> np.ndarray:
        """Give a frame with its boxes, and the strip below: (H, W, 3) uint8 RGB, even sides."""
        shrinks = frame.image.shape[1] > self.size[0]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = np.ascontiguousarray(cv2.resize(frame.image, self.size, interpolation=how))
        scale = self.size[0] / frame.image.shape[1], self.size[1] / frame.image.shape[0]
        boxes = []
        for person, course in self._people:
            place = course.at(frame)
            if place is None:
                continue
            box = [edge * scale[axis % 2] for axis, edge in enumerate(place.box)]
            mark_face(image, box, place.moment, person.id, person.verdict, place.analyzed)
            words_px = 4 * text_px(self.size[0])  # above or below the box
            boxes.append([box[0], box[1] - words_px, box[2], box[3] + words_px])
        for time_s, inset in self._maps:
            if abs(frame.time_s - time_s) <= MAP_S:
                paste(image, inset, *_free_corner(image, inset, boxes))
                break
        return np.concatenate([image, self._strip.at(frame.time_s)])


def annotate(
    path: str | Path,
    analysis: Analysis,
    target: str | Path,
    *,
    limits: LimitSettings,
    heat: bool = False,
    should_stop: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw an analysis onto the file that it is about.

    Args:
        path: The file; it must be the one that was analyzed.
        analysis: Of it.
        target: .mp4 for a clip, .jpg for a picture; replaced once it is whole.
        limits: As for the analysis.
        heat: Whether heat maps, where there are any, stand beside the faces around their moment.
        should_stop: Asked at every packet and frame.
        on_progress: Told frames done and frames in all.

    Returns:
        `target`.

    Raises:
        MediaError: The file cannot be read any more.
        SettingsError: It is another file than the one that was analyzed.
        Canceled: `should_stop()` was true; `target` is as it was.
    """
    path, target = Path(path), Path(target)
    should_stop = should_stop or (lambda: False)
    with OpenedFile(path, limits, should_stop) as file:
        info = file.probe()
        if info.sha256 != analysis.report.input.sha256:
            raise SettingsError(
                f"{path.name} is not the file that was analyzed (its SHA-256 is "
                f"{info.sha256[:12]}…); analyze it again"
            )
        annotator = Annotator(analysis, info.width, info.height, heat)
        frames = file.sample(info, info.frame_count)  # all of them
        with written_whole(target) as temporary, closing(frames):
            if info.kind == "image":
                drawn = annotator.draw(next(frames))
                Image.fromarray(drawn).save(temporary, "JPEG", quality=JPEG_QUALITY)
            else:
                for done in _film(temporary, info, annotator, frames):
                    if should_stop():
                        raise Canceled(f"stopped drawing on {path.name}, as asked")
                    if on_progress is not None:
                        on_progress(done, max(info.frame_count, done))
    return target


def _film(
    target: Path, info: MediaInfo, annotator: Annotator, frames: Iterator[Frame]
) -> Iterator[int]:
    """Write annotated frames as H.264 in MP4; give the number of each, from 1 up."""
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        stream = out.add_stream("libx264", rate=Fraction(info.fps or 25).limit_denominator(1001))
        stream.pix_fmt, stream.options = "yuv420p", {"crf": str(CRF), "preset": PRESET}
        stream.width, stream.height = annotator.size[0], annotator.height
        stream.codec_context.time_base = Fraction(1, TICKS)
        ticks = -1
        for done, frame in enumerate(frames, 1):
            picture = av.VideoFrame.from_ndarray(annotator.draw(frame), format="rgb24")
            ticks = max(round(frame.time_s * TICKS), ticks + 1)
            picture.pts, picture.time_base = ticks, Fraction(1, TICKS)
            out.mux(stream.encode(picture))
            yield done
        out.mux(stream.encode(None))


def _insets(analysis: Analysis, shorter_px: int) -> list[tuple[float, np.ndarray]]:
    """Make a small picture of each heat map of all networks: when it is from, (h, w, 3) RGB.

    Maps of people who were found genuine are left out: they have no meaning as evidence.
    """
    report = analysis.report
    side = max(round(MAP_SHARE * shorter_px), 32)
    made = []
    genuine = {person.id for person in report.people if person.verdict == "real"}
    for overlay in sorted(analysis.overlays, key=lambda each: each.time_s):
        if overlay.family != ENSEMBLE or overlay.person in genuine:
            continue
        image = _around(overlay, analysis).resize((side, side))
        words = f"heat map, person {overlay.person}"
        if report.input.kind == "video":
            words += f", {clock(overlay.time_s)}"
        line = words_image(words, (242, 244, 247), max(text_px(side * 4) * 2 // 3, 10))
        line = line[:, :side]
        label = np.full((len(line), side, 3), line[0, 0], np.uint8)
        label[:, : line.shape[1]] = line
        made.append((overlay.time_s, np.concatenate([np.asarray(image), label])))
    return made


def _around(overlay: Overlay, analysis: Analysis) -> Image.Image:
    report = analysis.report
    scale = overlay.image.shape[1] / (report.input.width or overlay.image.shape[1])
    return surroundings(overlay.image, box_of(report, overlay.person, overlay.frame), scale)


def _free_corner(image: np.ndarray, part: np.ndarray, boxes: list[list[float]]) -> tuple[int, int]:
    """Choose the corner (left, top) where a small picture hides least of the faces."""
    right, low = image.shape[1] - part.shape[1], image.shape[0] - part.shape[0]

    def hidden(corner: tuple[int, int]) -> float:
        x, y = corner
        return sum(
            max(min(x1, x + part.shape[1]) - max(x0, x), 0)
            * max(min(y1, y + part.shape[0]) - max(y0, y), 0)
            for x0, y0, x1, y1 in boxes
        )

    return min([(right, 0), (0, 0), (right, low), (0, low)], key=hidden)
