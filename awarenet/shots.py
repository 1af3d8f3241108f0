"""Tell where a clip passes from one shot to the next.

A cut swaps the picture at once; motion, zoom and auto-exposure change it step by step. So a frame
starts a new shot when it differs much from the one before it, and much more than the frames just
before did from each other. A dissolve is slow, but betrays itself too: half-way through, the
picture is the mean of what was and what comes, which a moving picture never is. Differences are
taken on tiny thumbnails after the mean color of each is removed: a jump of the camera's exposure
is neither.
"""

from __future__ import annotations

from collections import deque

import numpy as np

THUMBNAIL = (32, 18)  # width, height in px: small enough that noise and compression average out
# Mean absolute difference, of 255. Within the shots of 27 real clips (signing, talking, exposure
# that jumps) it stays below 8, fast pans aside; from one person's clip to another's, same room and
# camera, it is 16 or more.
MIN_DIFFERENCE = 10.0
RATIO = 2.0  # over the largest difference of the frames just before: a fast pan has 20 at each
MEMORY = 6  # frames
SPANS = (8, 16, 32)  # frames over which a dissolve is looked for
# Distance of the middle frame from the mean of both ends, as a share of their difference. In the
# same 27 clips it is 0.20 or more; of dissolves drawn between them, 5 to 45 frames long, four in
# five or more have less.
MIXED = 0.19
# A slow pan of less than a thumbnail's px mixes as well, but one motion explains most of it: share
# of the change that it leaves. Slow pans over two portraits leave 0.66 to 0.70, dissolves between
# four real clips 0.94 or more.
MOTION = 0.8


class CutDetector:
    """Number the shots of a clip while its frames pass by."""

    def __init__(self) -> None:
        self._shot = 0
        self._past: deque[np.ndarray] = deque(maxlen=max(SPANS))  # thumbnails of this shot
        self._recent: deque[float] = deque(maxlen=MEMORY)  # differences from frame to frame

    def add(self, thumbnail: np.ndarray) -> int:
        """Take the next frame and say which shot it belongs to.

        Args:
            thumbnail: (h, w, 3) uint8 RGB, of the same size for every frame; see `THUMBNAIL`.

        Returns:
            The number of its shot, from 0 up. A dissolve counts where it is half over or later.
        """
        current = thumbnail.astype(np.float32)
        current -= current.mean((0, 1))
        if self._past:
            step = _difference(current, self._past[-1])
            cut = step > max(MIN_DIFFERENCE, RATIO * max(self._recent, default=0.0))
            if not cut:  # the jump of a cut says nothing about motion: it is not remembered
                self._recent.append(step)
            if cut or self._is_dissolve(current):
                self._shot += 1
                self._past.clear()
        self._past.append(current)
        return self._shot

    def _is_dissolve(self, current: np.ndarray) -> bool:
        for span in SPANS:
            if len(self._past) >= span:
                change = _difference(current, self._past[-span])
                middle = (current + self._past[-span]) / 2
                mixed = _difference(self._past[-span // 2], middle)
                mix = change > MIN_DIFFERENCE and mixed < MIXED * change
                if mix and not _moved(self._past[-span], current):
                    return True
        return False


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


def _moved(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether most of a small change is one motion of the whole picture: a pan, zoom or turn.

    Such a motion changes each place by its gradient times how far it moved, and that is an affine
    function of the place (Bergen et al., Hierarchical model-based motion estimation, 1992).
    """
    rise, run = np.gradient((before + after) / 2, axis=(0, 1))
    y, x = np.indices(before.shape[:2], np.float32)[..., None] / len(before) - 0.5
    ways = [part * place for part in (rise, run) for place in (np.ones_like(x), x, y)]
    design = np.stack([way.ravel() for way in ways], axis=1)
    change = (after - before).ravel()
    left = change - design @ np.linalg.lstsq(design, change, rcond=None)[0]
    return float(np.abs(left).mean()) < MOTION * float(np.abs(change).mean())
