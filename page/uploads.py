"""Uploads, removed as soon as nobody on the page needs them any more.

Gradio keeps an upload by its content and name, so two visitors may share one file; it goes when the
last of them has let go. What is posted and never used goes by age (`delete_cache` of the page).
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Timer

from awarenet import scratch

Holder = tuple[str | None, str]  # a session, and what of it
FRESH_S = 30.0  # a file so young may be another visitor's, whose call is still on its way
STALLED_S = 60.0  # an upload that has not grown for so long was cut off
_FOLDER = re.compile(r"[0-9a-f]{64}")  # of an upload, by Gradio


class Uploads:
    """Who needs which upload; several threads may use it."""

    def __init__(self, fresh_s: float = FRESH_S):
        """Take the age, s, below which a file is let alone for the moment."""
        self._fresh_s, self._lock = fresh_s, Lock()
        self._held: dict[Holder, frozenset[str]] = {}
        self._fresh: set[str] = set()  # to be removed as soon as they are old enough
        self._later: Timer | None = None
        self.forget: Callable[[str], object] = lambda path: None  # told of each one that is gone

    def hold(self, holder: Holder, paths: Iterable[str]) -> None:
        """Note that a holder needs these uploads, and none that it needed before."""
        with self._lock:
            before = self._held.pop(holder, frozenset())
            wanted = frozenset(paths)
            if wanted:
                self._held[holder] = wanted
        for path in before - wanted:
            self._remove(path)

    @contextmanager
    def held(self, session: str | None, paths: Iterable[str]) -> Iterator[None]:
        """Hold uploads for as long as a block runs."""
        holder = (session, secrets.token_hex(8))
        self.hold(holder, paths)
        try:
            yield
        finally:
            self.hold(holder, ())

    def leave(self, session: str) -> None:
        """Let go of all that a session needed: it has ended."""
        for holder in [holder for holder in list(self._held) if holder[0] == session]:
            self.hold(holder, ())

    def sweep(self, alone: bool) -> None:
        """Remove what Gradio left of uploads that were cut off.

        Args:
            alone: Whether no upload is under way; else those that still grow are let alone.
        """
        for path in Path(os.environ[scratch.FOLDER]).glob("tmp*"):
            with contextlib.suppress(OSError):
                if path.is_file() and (alone or path.stat().st_mtime < time.time() - STALLED_S):
                    path.unlink()

    def _remove(self, path: str) -> None:
        """Remove a file that nobody holds; of folders of uploads alone."""
        file = Path(path)
        root = Path(os.environ[scratch.FOLDER])
        if file.parent.parent != root or not _FOLDER.fullmatch(file.parent.name):
            return
        with self._lock, contextlib.suppress(OSError):
            if any(path in paths for paths in self._held.values()):
                return
            if file.stat().st_ctime + self._fresh_s <= time.time():
                file.unlink()
                self.forget(path)
                file.parent.rmdir()  # raises where it holds the same bytes under another name
                return
            self._fresh.add(path)
            if self._later is None:
                self._later = Timer(self._fresh_s, self._again)
                self._later.daemon = True
                self._later.start()

    def _again(self) -> None:
        """Look again at what was too fresh."""
        with self._lock:
            paths, self._fresh, self._later = self._fresh, set(), None
        for path in paths:
            self._remove(path)
