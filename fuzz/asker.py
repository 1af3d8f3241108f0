"""The process that asks: what an analysis does with a file, done with broken ones. See media.py.

python fuzz/asker.py FOLDER FIRST END STEP SEED KEEP

FOLDER/real holds the real files. A JSON line an input goes to standard output, and now and then one
of what this process holds: open files, children, memory. Tracebacks go to standard error.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "fuzz")]

from mutators import mutate  # noqa: E402

from awarenet.cage import OpenedFile  # noqa: E402
from awarenet.cage.opened import GRACE_S  # noqa: E402
from awarenet.cage.processes import Zygote  # noqa: E402
from awarenet.errors import MediaError  # noqa: E402
from awarenet.media import IMAGE_SUFFIXES  # noqa: E402
from awarenet.settings import LimitSettings  # noqa: E402

LIMITS = LimitSettings(
    max_bytes=4 << 20, max_seconds=600, max_pixels=1 << 20, max_photo_pixels=1 << 20, max_side=2048,
    max_frames_walked=2000, deadline_s=5, max_memory=1_500_000_000,
)  # fmt: skip
WARM_UP = 100  # inputs until the first measure: buffers, lazily imported modules
SLACK_S = 3.0  # beyond the deadline and its grace, on a machine that does other things too


def main(folder: Path, first: int, end: int, step: int, seed: int, keep: str) -> None:
    """Ask about every `step`-th input from `first` on, up to `end`."""
    own = Path(tempfile.mkdtemp(prefix=f"asker-{first % step}-", dir=folder))
    left, work = own / "left", own / "work"
    left.mkdir()
    work.mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(left)
    real = {path.name: path.read_bytes() for path in sorted((folder / "real").iterdir())}
    logging.disable(logging.WARNING)  # a crash is counted; a fault is told with its traceback
    last = range(first, end, step)[-1]
    for count, index in enumerate(range(first, end, step)):
        random = Random(f"{seed}/{index}")
        kind, other = random.choice(list(real)), random.choice(list(real))
        content, ways = mutate(real[kind], random, real[other])
        path = work / f"{index}{Path(kind).suffix}"
        path.write_bytes(content)
        told = {"input": index, "kind": kind, "ways": ways, **ask(path)}
        if keep and (told["crashed"] or told["wrong"]):
            Path(keep).mkdir(parents=True, exist_ok=True)
            (Path(keep) / f"{seed}-{path.name}").write_bytes(content)
        path.unlink()
        print(json.dumps(told), flush=True)
        if count == min(WARM_UP, len(range(first, end, step)) // 3) or index == last:
            print(json.dumps(held(own)), flush=True)


def ask(path: Path) -> dict:
    """Do what an analysis does; give the outcome, whether a child crashed, and what is wrong."""
    outcomes, wrong, crashed, slowest = [], [], False, 0.0
    start = time.monotonic()
    with OpenedFile(path, LIMITS) as file:
        info = None

        def probe() -> None:
            nonlocal info
            info = file.probe()
            impossible = not_sound(info)
            wrong.extend(impossible)

        def sample() -> None:
            before, seen = -1, 0
            for frame in file.sample(info, 8):
                height, width, _ = frame.image.shape
                if frame.index <= before or height * width > LIMITS.max_pixels:
                    wrong.append(f"frame {frame.index} after {before}, {width}x{height} px")
                before, seen = frame.index, seen + 1
            if not 1 <= seen <= 8:
                wrong.append(f"{seen} frames")

        image = path.suffix in IMAGE_SUFFIXES
        questions = [
            ("probe", probe),
            ("quantization", file.quantization),
            ("metadata", lambda: file.metadata(image)),
            ("sample", sample),
        ]
        for name, question in questions:
            if info is None and name in ("quantization", "sample"):
                continue  # what probe refuses is not looked at
            began = time.monotonic()
            try:
                question()
            except MediaError as error:
                reason = error.values.get("reason")
                crashed = crashed or reason == "crashed"
                if name != "metadata":  # of what is broken it says nothing new
                    outcomes.append(f"{error.status} ({reason})")
            except Exception as error:
                traceback.print_exc()
                wrong.append(f"{name}: {type(error).__name__}: {error}"[:300])
            slowest = max(slowest, time.monotonic() - began)
        if slowest > LIMITS.deadline_s + GRACE_S + SLACK_S:
            wrong.append(f"an answer took {slowest:.1f} s")
    return {
        "outcome": outcomes[0] if outcomes else "fault" if wrong else "ok",
        "crashed": crashed,
        "wrong": wrong,
        "seconds": round(time.monotonic() - start, 3),
    }


def not_sound(info: object) -> list[str]:
    """Say what cannot be of what is known of a file."""
    sound = (
        math.isfinite(info.fps)
        and math.isfinite(info.duration_s)
        and 0 <= info.duration_s <= LIMITS.max_seconds * 1.01 + 1
        and info.fps >= 0
        and 0 < info.width * info.height <= max(LIMITS.max_pixels, LIMITS.max_photo_pixels)
        and 1 <= info.frame_count <= LIMITS.max_frames_walked
        and info.rotation_deg in (0, 90, 180, 270)
        and len(info.sha256) == 64
    )
    return [] if sound else [f"cannot be: {info}"[:300]]


def held(own: Path) -> dict:
    """Measure what this process holds."""
    zygote = Zygote.of_this_process()._process.pid
    end = time.monotonic() + 5
    while (children := alive(zygote)) and time.monotonic() < end:
        time.sleep(0.02)  # one that was killed takes a moment to go
    return {
        "open files": len(os.listdir("/proc/self/fd")),
        "children": len(children) + len(alive(os.getpid())) - 1,  # less the one that forks
        "files left": sum(1 for path in own.rglob("*") if path.is_file()),
        "memory": memory(os.getpid()),
        "memory of the process that forks": memory(zygote),
    }


def alive(number: int) -> list[int]:
    """Give a process's children that still run."""
    found = []
    for child in Path(f"/proc/{number}/task/{number}/children").read_text().split():
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.append(int(child))
    return found


def memory(number: int) -> int:
    """Give the bytes of memory that a process has in use."""
    pages = int(Path(f"/proc/{number}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:6]), sys.argv[6])
