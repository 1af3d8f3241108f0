"""How fast are clips cut up, against decoding and face finding alone, and with how much memory?

python benchmarks/prepare.py [--short]

Drawn clips of 1280x720 px, half of them real (32 frames) and half fake (16). One thread a process.
Bare work and preparation take turns, clip by clip, so that a busy machine slows both alike; times
are of the processor, and of the clock in brackets. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from filming import repeat

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import av  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402

from awarenet.faces import create_face_finder  # noqa: E402
from trainer.datasets import Clip  # noqa: E402
from trainer.extraction.extract import ExtractSettings, extract_clip  # noqa: E402
from trainer.extraction.journal import Journal  # noqa: E402
from trainer.extraction.pool import become_worker, run_in_pool  # noqa: E402
from trainer.extraction.spread import run  # noqa: E402
from trainer.extraction.store import Cut, FolderStore  # noqa: E402

SIZE = (1280, 720)  # px, width and height
RATE = 25  # frames a second
SETTINGS = ExtractSettings()


def draw(path: Path, seed: int, seconds: float) -> Path:
    """Film somebody who walks before a lively wall."""
    from tiny_people import portrait

    from trainer.portraits.clips import write_clip

    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (SIZE[1] // 8, SIZE[0] // 8, 3)).astype(np.uint8)
    wall = cv2.resize(small, SIZE, interpolation=cv2.INTER_CUBIC)
    who = cv2.resize(portrait(seed), (400, 400))
    frames = []
    for index in range(int(seconds * RATE)):
        frame = np.roll(wall, index // 2, axis=1)
        left = SIZE[0] // 2 - 200 + int(200 * np.sin(index / 20))
        frame[160:560, left : left + 400] = who
        frames.append(frame)
    write_clip(path, frames, RATE)
    return path


def describe(path: Path, name: str, label: int) -> Clip:
    """What an index would say of it."""
    return Clip(path, name, "drawn", label, "fake" if label else "real", (name,), name)


def bare(clip: Clip, finder) -> int:
    """Decode a clip and find faces in as many frames; nothing else."""
    count = SETTINGS.frames_fake if clip.label else SETTINGS.frames_real
    with av.open(str(clip.path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        wanted = {int((i + 0.5) / count * stream.frames) for i in range(count)}
        found = 0
        for index, frame in enumerate(container.decode(stream)):
            if index in wanted:
                found += len(finder.find(frame.to_ndarray(format="rgb24")))
            if index == max(wanted):
                break
    return found


def against_bare(clips: Sequence[Clip], folder: Path, rounds: int) -> dict[str, float]:
    """Clips a second of both, and the share that is left of the bare rate."""
    finder, root = create_face_finder(SETTINGS.detector), folder / "alone"
    cut = Cut(SETTINGS, FolderStore(), root, root / "crops" / ".bench.part")
    root.mkdir()
    spent = {"bare": np.zeros(2), "prepare": np.zeros(2)}
    with Journal(root / "journal.jsonl", {}) as journal:
        bare(clips[0], finder)
        extract_clip(clips[0], SETTINGS)  # both detectors are loaded now
        become_worker()
        for _ in range(rounds):
            for clip in clips:
                for name, work in (
                    ("bare", lambda clip: bare(clip, finder)),
                    ("prepare", lambda clip: journal.add([cut((clip, "train"))])),
                ):
                    start = np.array([time.process_time(), time.perf_counter()])
                    work(clip)
                    spent[name] += np.array([time.process_time(), time.perf_counter()]) - start
    done = rounds * len(clips)
    share = spent["bare"] / spent["prepare"]
    for name, seconds in spent.items():
        print(f"{name:20s}{done / seconds[0]:8.2f} clips/s   ({done / seconds[1]:.2f})")
    print(f"{'share':20s}{share[0]:8.0%}           ({share[1]:.0%})     target: 80% or more")
    return {
        "bare_clips_per_s": done / spent["bare"][0],
        "prepare_clips_per_s": done / spent["prepare"][0],
        "share_of_bare": share[0],
        "share_of_bare_clock": share[1],
    }


def steady_rate(clips: Sequence[Clip], folder: Path, workers: int) -> float:
    """Clips a second, from when every process has done one to the end."""
    root = folder / f"workers-{workers}"
    cut = Cut(SETTINGS, FolderStore(), root, root / "crops" / ".bench.part")
    jobs = [(clip, "train") for clip in clips]
    times = [time.perf_counter() for _ in run_in_pool(cut, jobs, workers=workers)]
    return (len(times) - workers) / (times[-1] - times[workers - 1])


def peak_mb(work: Callable[[], object]) -> float:
    """Peak memory of a process that does this and nothing else, MB; Linux only."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measured, work).result()


def _measured(work: Callable[[], object]) -> float:
    become_worker()
    work()
    # not ru_maxrss: a process inherits that of the one that started it
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    return int(peak) / 1024


def main() -> None:
    """Print the tables, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer and shorter clips")
    short = parser.parse_args().short
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, files, rounds, many = (2, 2, 2, 6) if short else (10, 4, 4, 40)
        paths = [draw(folder / f"{n}.mp4", n, seconds) for n in range(files)]
        clips = [describe(path, path.stem, n % 2) for n, path in enumerate(paths)]
        load = os.getloadavg()[0]
        print(f"{files} clips of {seconds} s; {os.cpu_count()} cores, load {load:.1f}")
        result = {"short": short, "load": load, "cores": os.cpu_count()}
        result |= against_bare(clips, folder, rounds)

        crowd = [replace(clips[n % files], name=f"clip-{n:03d}") for n in range(many)]
        rates = [steady_rate(crowd, folder, workers) for workers in (1, 2)]
        print(f"{'1 process':20s}{rates[0]:8.2f} clips/s of the clock")
        print(f"{'2 processes':20s}{rates[1]:8.2f} clips/s = {rates[1] / rates[0]:.2f} times")
        print(f"{'':20s}target: 1.7 times, on two free cores")
        result |= {"two_processes": rates[1] / rates[0]}

        long = repeat(paths[0], folder / "long.mp4", 10)
        parts = {clip.name: "train" for clip in crowd}
        cases = {
            "one_clip": partial(extract_clip, clips[0], SETTINGS),
            "one_10_times_longer": partial(extract_clip, replace(clips[0], path=long), SETTINGS),
            "run_of_2": partial(run, crowd[:2], parts, folder / "few", SETTINGS, workers=0),
            f"run_of_{many}": partial(run, crowd, parts, folder / "many", SETTINGS, workers=0),
        }
        peaks = {case: peak_mb(work) for case, work in cases.items()}
        for case, peak in peaks.items():
            print(f"{case.replace('_', ' '):20s}{peak:8.0f} MB at most")
    print(json.dumps({**result, "peak_mb": peaks}))


if __name__ == "__main__":
    main()
