"""What a worker does, wherever it runs: load a detector once, then judge file by file."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from awarenet.report import Report
from awarenet.settings import Settings

if TYPE_CHECKING:  # seconds, and the process that hires has no use for it
    from awarenet.pipeline import Detector

Load = Callable[[int], "Detector"]  # with so many threads; it is sent to every worker once


class Judge:
    """A detector of one worker."""

    def __init__(self, loading: Load, threads: int, folder: str):
        """Note what to do; nothing is loaded yet.

        Args:
            loading: Gives the detector.
            threads: Of its own, at least 1.
            folder: That relative paths of the settings start from.
        """
        self._loading, self._threads, self._folder = loading, threads, folder

    def begin(self) -> Report:
        """Load the detector; give a report that says what every report of it will say.

        Raises:
            AwareNetError: The bundle or a setting is wrong.
        """
        logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
        if Path(self._folder).is_dir():  # on another machine it may be missing
            os.chdir(self._folder)
        import cv2
        from threadpoolctl import threadpool_limits

        # small matrices on more threads than there are cores cost several times the work
        threadpool_limits(self._threads)
        cv2.setNumThreads(self._threads)
        self._detector = self._loading(self._threads)
        return self._detector.failure(Path("now"), "error", "")

    def judge(self, path: str) -> Report:
        """Analyze one file; what goes wrong with it is its report."""
        try:
            return self._detector.analyze(path)
        except Exception as error:
            return self._detector.failed(path, error)


def load(settings: Settings, threads: int) -> Detector:
    """Load the bundle that the settings name; raises as `load_detector`."""
    from awarenet.pipeline import load_detector

    if not settings.runtime.threads:
        runtime = settings.runtime.model_copy(update={"threads": threads})
        settings = settings.model_copy(update={"runtime": runtime})
    return load_detector(settings=settings)
