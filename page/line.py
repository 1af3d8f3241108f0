"""The line that clips wait in: one is analyzed at a time, in the order in which they came.

It stands in the page, not in Gradio's queue, because that one shows waiting people nothing, refuses
in words of its own ("Queue is full! Please try again."), counts every click on the page as a
waiting clip, and lets a batch hold the networks until its last file is done.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition
from time import monotonic

from awarenet.errors import AwareNetError, Canceled
from awarenet.words import ENGLISH, Words

LOOK_S = 0.25  # how often a waiting clip looks whether it was stopped
SIGN_S = 5.0  # how often it says that it still waits
REMEMBERED = 10  # clips whose time the estimate is made of
UNKNOWN_S = 10.0  # until there is room in a full line, where no clip was timed yet


@dataclass(frozen=True)
class Waiting:
    """A clip waits for its turn."""

    place: int  # 1: the next one
    seconds: float | None  # until its turn, estimated; None where none was analyzed yet


class Refusal(AwareNetError):
    """A clip is not analyzed, for a reason that is not in it."""

    status = "refused"  # in the log

    def __init__(self):
        super().__init__(self.said(ENGLISH))

    def said(self, say: Words) -> str:
        """Say why, and what to do."""
        raise NotImplementedError


class Busy(Refusal):
    """Too many clips wait."""

    def __init__(self, clips: int, next_s: float | None):
        """Take their number, and the s after which there is room again; None: not known."""
        self._clips = clips
        self.next_s = max(math.ceil(next_s or UNKNOWN_S), 1)
        super().__init__()

    def said(self, say: Words) -> str:
        """Say how many."""
        if self._clips == 1:
            return say("1 clip is waiting, and no more may wait; try again in a few minutes.")
        return say(
            "{clips} clips are waiting, and no more may wait; try again in a few minutes.",
            clips=self._clips,
        )


class Closing(Refusal):
    """The server is about to stop."""

    status = "closing"

    def said(self, say: Words) -> str:
        """Say that it is not for long."""
        return say("The server is being restarted; try again in a minute.")


class TookTooLong(Refusal):
    """A clip took longer than one may."""

    status = "too_long"

    def __init__(self, limit_s: float):
        self._limit_s = limit_s
        super().__init__()

    def said(self, say: Words) -> str:
        """Say how long that is."""
        return say(
            "Stopped after {limit:g} s, the longest that one clip may take here. Try a shorter "
            "passage, or fewer frames.",
            limit=self._limit_s,
        )


class Line:
    """Clips in the order in which they came; the first one is analyzed, the others wait."""

    def __init__(self, longest: int):
        """Take the number of clips that may wait."""
        self._longest = longest
        self._clips: list[object] = []
        self._changed = Condition()
        self._took: deque[float] = deque(maxlen=REMEMBERED)
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many clips wait."""
        return max(len(self._clips) - 1, 0)

    @property
    def running(self) -> int:
        """How many clips are analyzed: 0 or 1."""
        return min(len(self._clips), 1)

    @property
    def closed(self) -> bool:
        """Whether it takes no more clips."""
        return self._closed

    def check_room(self) -> None:
        """Look whether one more clip may wait.

        Raises:
            Busy: As many wait as may.
        """
        if len(self._clips) > self._longest:
            raise Busy(self.waiting, self._estimate_s(1))

    def close(self) -> None:
        """Take no more clips, and send those away that wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @contextmanager
    def place(self, promised: bool = False) -> Iterator[object]:
        """Stand in line; left with the block.

        Args:
            promised: One of many, the first of which was taken: it is not refused for their
                number any more.

        Raises:
            Busy: As many wait as may.
            Closing: No more are taken.
        """
        clip = object()
        with self._changed:
            if self._closed:
                raise Closing()
            if not promised:
                self.check_room()
            self._clips.append(clip)
        try:
            yield clip
        finally:
            with self._changed:
                self._clips.remove(clip)
                self._changed.notify_all()

    def until_turn(self, clip: object, stopped: Callable[[], bool]) -> Iterator[Waiting]:
        """Wait until a clip is the first one; gives its place whenever that changes, and often.

        Raises:
            Canceled: `stopped` said so.
            Closing: No more are taken.
        """
        told, told_at = None, 0.0
        while True:
            with self._changed:
                place = self._clips.index(clip)
                if not (self._closed or place == 0 or stopped()) and place == told:
                    self._changed.wait(LOOK_S)
                    place = self._clips.index(clip)
            if stopped():
                raise Canceled("stopped while waiting")
            if self._closed:
                raise Closing()
            if place == 0:
                return
            if place != told or monotonic() - told_at >= SIGN_S:
                told, told_at = place, monotonic()
                yield Waiting(place, self._estimate_s(place))

    def took(self, seconds: float) -> None:
        """Remember how long a clip was analyzed, s, for the estimate."""
        self._took.append(seconds)

    def _estimate_s(self, place: int) -> float | None:
        took = list(self._took)
        return place * sum(took) / len(took) if took else None
