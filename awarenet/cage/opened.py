"""A file that is read in a cage: what the rest of the program sees of it."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from awarenet.cage import claims, wire
from awarenet.cage.child import perform
from awarenet.cage.processes import CAGED, Child
from awarenet.errors import Canceled, MediaError
from awarenet.hashing import hash_file
from awarenet.media import check_file
from awarenet.quality.refusals import refused
from awarenet.settings import LimitSettings
from awarenet.video import Frame, MediaInfo

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")

POLL_S = 0.05  # how soon it is noticed that the caller wants to stop
GRACE_S = 5.0  # beyond the deadline, which the child holds itself to unless something is wrong


class Fault(RuntimeError):
    """A bug of ours showed in the child; its traceback is in the log."""


class OpenedFile:
    """One file that nobody vouches for; use it in a `with` block, in one thread at a time.

    Questions are answered by a child process of the file's own, which is started with the first
    one. Nothing that it says is trusted further than numbers and short texts can be.
    """

    def __init__(
        self,
        path: str | Path,
        limits: LimitSettings,
        should_stop: Callable[[], bool] = lambda: False,
    ):
        """Note which file; nothing is opened yet.

        Args:
            path: Of the file.
            limits: What reading it may cost.
            should_stop: Asked many times a second; the child is killed when it says so.
        """
        self.path, self._limits, self._should_stop = Path(path), limits, should_stop
        self._child: Child | None = None
        self._waited = 0.0  # s, for the answer to a question

    def __enter__(self) -> OpenedFile:
        """Hand out the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child."""
        self.close()

    def close(self) -> None:
        """End the child; the next question starts another."""
        child, self._child = self._child, None  # first: a generator's end may come in between
        if child is not None:
            child.kill()

    def probe(self) -> MediaInfo:
        """Find out what the file is. Raises as `video.probe`, and Canceled."""
        check_file(self.path, self._limits)
        found = self._one("inspect", partial(claims.as_info, name=self.path.name))
        end = time.monotonic() + self._limits.deadline_s

        def check() -> None:
            self._check_stop()
            if time.monotonic() > end:
                limit = self._limits.deadline_s
                raise refused("timeout", "slow", name=self.path.name, limit=limit)

        # here: a child that was taken over could name another file's
        return dataclasses.replace(found, sha256=hash_file(self.path, check))

    def quantization(self) -> float | None:
        """Read in what steps brightness is stored. Raises as `read_quantization`."""
        return self._one("quantization", claims.as_step)

    def metadata(self, image: bool) -> dict[str, str]:
        """Read what the file's header notes, by name; raises MediaError and Canceled."""
        return self._one("metadata", claims.as_notes, image=image)

    def sample(self, info: MediaInfo, count: int) -> Iterator[Frame]:
        """Give frames evenly spread in time. Raises as `video.sample_frames`."""
        return self._frames("sample", count, info=dataclasses.asdict(info), count=count)

    def stretch(self, span_s: tuple[float, float], every_s: float) -> Iterator[Frame]:
        """Give a stretch's frames at a steady rate. Raises as `video.stretch_frames`."""
        most = math.ceil((span_s[1] - span_s[0]) / every_s) + 2
        return self._frames("stretch", most, span_s=list(span_s), every_s=every_s)

    def _one(self, what: str, read: Callable[[object], Answer], **arguments: object) -> Answer:
        """Put a question that has one answer, and read it."""
        if not CAGED:
            return read(next(perform(what, self.path, self._limits, arguments)))
        answers = list(islice(self._ask(what, arguments), 2))
        try:
            if len(answers) != 1 or "value" not in answers[0]:
                raise wire.Broken("none or two answers to a question")
            return read(answers[0]["value"])
        except wire.Broken as error:
            raise self._crashed(str(error)) from error

    def _frames(self, what: str, most: int, **arguments: object) -> Iterator[Frame]:
        """Take frames, of which there cannot be more than `most`, out of the shared memory."""
        if not CAGED:
            for frame in perform(what, self.path, self._limits, arguments):
                self._check_stop()
                yield frame
            return
        given, before, ended = 0, -1, False
        try:
            for message in self._ask(what, arguments):
                try:
                    picture = self._child.memory
                    frame = claims.as_frame(message.get("frame"), picture, self._limits, before)
                except wire.Broken as error:
                    raise self._crashed(str(error)) from error
                given, before = given + 1, frame.index
                if given > most:
                    raise self._crashed("more frames than were asked for")
                self._child.say({"next": True})
                yield frame
            ended = True
        finally:
            if not ended:  # midway: the child would wait for ever
                self.close()

    def _ask(self, what: str, arguments: dict) -> Iterator[dict]:
        """Put a question to the child, and give its answers one by one."""
        self._waited = 0.0
        if self._child is None:
            check_file(self.path, self._limits)  # nor is anything but a file opened
            try:
                self._child = Child(self.path, self._limits)
            except (wire.Broken, OSError) as error:
                logger.error("no process to decode in: %s", error)
                reason = getattr(error, "strerror", None) or "no process to decode in"
                raise refused("error", "system", name=self.path.name, error=reason) from error
            self._next_message()  # what it confined itself to
        self._child.say({"what": what, "arguments": arguments})
        while "end" not in (message := self._next_message()):
            yield message

    def _next_message(self) -> dict:
        """Wait for the child's next message; raises what it, or its silence, means."""
        while True:
            self._check_stop()
            if self._waited > self._limits.deadline_s + GRACE_S:
                self.close()
                limit = self._limits.deadline_s
                raise refused("timeout", "slow", name=self.path.name, limit=limit)
            start = time.monotonic()
            try:
                message = self._child.hear(POLL_S)
            except TimeoutError:
                continue
            except wire.Broken as error:
                raise self._crashed(str(error)) from error
            finally:  # of all messages together: each could come late
                self._waited += time.monotonic() - start
            self._raise_what_it_says(message)
            return message

    def _check_stop(self) -> None:
        if self._should_stop():
            self.close()
            raise Canceled(f"stopped reading {self.path.name}, as asked")

    def _raise_what_it_says(self, message: dict) -> None:
        name = self.path.name
        if "refused" in message:
            try:
                error = claims.as_refusal(message["refused"], name)
            except wire.Broken as broken:
                error = self._crashed(str(broken))
            raise error
        if "no_memory" in message:
            raise refused("too_large", "memory", name=name, limit=self._limits.max_memory)
        if "system" in message:
            raise refused("unreadable", "system", name=name, error=str(message["system"])[:200])
        if "bug" in message:
            logger.error("in the process that decodes: %s", str(message.get("trace"))[:4000])
            self.close()
            raise Fault(str(message["bug"])[:200])

    def _crashed(self, why: str) -> MediaError:
        logger.warning("the process that decoded %s ended: %s", ascii(self.path.name), why)
        self.close()
        return refused("unreadable", "crashed", name=self.path.name)
