"""What is drawn on an annotated frame: boxes with words, and a strip with the answer below.

Colors lie on a picture or on the dark of the strip, at 4.5:1 or more against the latter; a verdict
is always in words as well. Only words of ours are written, never a file's name.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from awarenet.report import Moment, Report
from awarenet.view import VERDICTS, clock, percent

COLORS = {
    "fake": (255, 138, 122),
    "real": (95, 212, 190),
    "inconclusive": (243, 190, 91),
    "none": (182, 191, 204),
}
DARK, LIGHT, SOFT = (17, 23, 36), (242, 244, 247), (140, 150, 166)
LINES_HIGH = 4.6  # height of the strip, in sizes of its text
Box = tuple[int, int, int, int]


def text_px(width: int) -> int:
    """Size of the text on a picture of some width, px."""
    return int(min(max(width / 42, 15), 26))


@functools.lru_cache(maxsize=256)
def words_image(words: str, color: tuple[int, int, int], size: int) -> np.ndarray:
    """Write words on a dark ground: (h, w, 3) uint8 RGB, to be left as it is."""
    font = _font(size)
    left, top, right, bottom = font.getbbox(words)
    pad = max(size // 3, 3)
    ascent, descent = font.getmetrics()
    image = Image.new("RGB", (right - left + 2 * pad, ascent + descent + pad), DARK)
    ImageDraw.Draw(image).text((pad - left, pad // 2), words, color, font)
    return np.asarray(image)


def mark_face(
    image: np.ndarray, box: Sequence[float], moment: Moment, person: int, verdict: str, sure: bool
) -> None:
    """Draw a box with its words into (H, W, 3) uint8 RGB.

    Args:
        image: Drawn into.
        box: x0, y0, x1, y1 in px of `image`; may reach past it.
        moment: Whose probability is named.
        person: Id.
        verdict: On the person.
        sure: Whether this very frame was analyzed; if not, the line is thin.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (round(edge) for edge in box)
    size, color = text_px(width), COLORS[verdict]
    line = max(size // (5 if sure else 9), 1)
    cv2.rectangle(image, (x0, y0), (x1, y1), DARK, line + 2, cv2.LINE_AA)
    cv2.rectangle(image, (x0, y0), (x1, y1), color, line, cv2.LINE_AA)
    name = words_image(f"person {person}  {percent(moment.probability)}", color, size)
    said = words_image(VERDICTS[verdict], color, size)
    above = len(name) + len(said)
    top = y0 - above if y0 >= above else min(y1, height - above)
    for part in (name, said):
        paste(image, part, x0, top)
        top += len(part)


def paste(image: np.ndarray, part: np.ndarray, left: int, top: int) -> None:
    """Put a small picture into a larger one, moved inside where it would reach past an edge."""
    height, width = image.shape[:2]
    part = part[:height, :width]
    left = min(max(left, 0), width - part.shape[1])
    top = min(max(top, 0), height - part.shape[0])
    image[top : top + part.shape[0], left : left + part.shape[1]] = part


class Strip:
    """The answer below the picture: its words, and a curve with a needle at the time shown."""

    def __init__(self, report: Report, width: int):
        self._report, self._size = report, text_px(width)
        self.height = round(LINES_HIGH * self._size / 2) * 2  # even, as the codec needs it
        self._span_s = max(report.input.duration_s or 0.0, 1e-3)
        self._left, self._right = self._size, width - 5 * self._size
        self._top, self._bottom = round(1.9 * self._size), self.height - self._size // 2
        self._still = np.full((self.height, width, 3), DARK, np.uint8)
        self._write_answer()
        if report.input.kind == "video" and report.people:
            self._draw_curve()

    def at(self, time_s: float) -> np.ndarray:
        """Give the strip at a time: (height, width, 3) uint8 RGB."""
        image = self._still.copy()
        if self._report.input.kind == "video":
            x = self._x(time_s)
            cv2.line(image, (x, self._top), (x, self._bottom), LIGHT, 2)
            words = words_image(clock(max(time_s, 0.0)), LIGHT, self._size)
            paste(image, words, image.shape[1], self._bottom - len(words))
        return image

    def _x(self, time_s: float) -> int:
        share = min(max(time_s / self._span_s, 0.0), 1.0)
        return round(self._left + share * (self._right - self._left))

    def _y(self, probability: float) -> int:
        return round(self._bottom - probability * (self._bottom - self._top))

    def _write_answer(self) -> None:
        x = self._size // 2
        for words, color in self._answer():
            part = words_image(words, color, self._size)
            if x + part.shape[1] > self._still.shape[1]:
                break  # the rest stands in the report
            paste(self._still, part, x, 0)
            x += part.shape[1]

    def _answer(self) -> list[tuple[str, tuple[int, int, int]]]:
        report = self._report
        if report.status != "ok":
            return [(f"No answer ({report.status.replace('_', ' ')})", COLORS["none"])]
        low, high = report.interval
        return [
            (VERDICTS[report.verdict], COLORS[report.verdict]),
            (f"person {report.decided_by}: {percent(report.probability)}", LIGHT),
            (f"({percent(low)} to {percent(high)})", SOFT),
            (f"threshold {percent(report.threshold)}", SOFT),
            ("an opinion, not a proof", SOFT),
        ]

    def _draw_curve(self) -> None:
        report = self._report
        person = next(each for each in report.people if each.id == report.decided_by)
        y = self._y(report.threshold)
        for x in range(self._left, self._right, 8):
            cv2.line(self._still, (x, y), (min(x + 4, self._right), y), SOFT, 1)
        color = COLORS[person.verdict]
        places = [(self._x(m.time_s), self._y(m.probability)) for m in person.timeline]
        cv2.polylines(self._still, [np.array(places, np.int32)], False, color, 2, cv2.LINE_AA)
        for place in places:
            cv2.circle(self._still, place, 2, color, -1, cv2.LINE_AA)


@functools.lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)  # comes with Pillow, so no machine lacks it
