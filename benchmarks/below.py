"""The processes below this one: what memory and how much of the processor they take."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from pathlib import Path

import psutil

LINUX = sys.platform.startswith("linux")
LOOK_S = 0.2


def seconds_below() -> dict[int, float]:
    """Seconds of the processor that each process below this one has taken, by its number."""
    took = {}
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            took[each.pid] = sum(each.cpu_times()[:2])
    return took


class PeakBelow(threading.Thread):
    """Watch for the largest process below this one."""

    def __init__(self):
        super().__init__(daemon=True)
        self.mib, self._done = 0.0, threading.Event()

    def run(self) -> None:
        """Look again and again; Linux itself keeps the peak of each."""
        while not self._done.wait(LOOK_S):
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(OSError, psutil.Error):  # it has just ended
                    status = Path(f"/proc/{child.pid}/status")
                    high = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if LINUX else None
                    now = int(high[1]) / 2**10 if high else child.memory_info().rss / 2**20
                    self.mib = max(self.mib, now)

    def stop(self) -> float:
        """End, and give the peak in MiB."""
        self._done.set()
        self.join()
        return self.mib
