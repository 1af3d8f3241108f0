"""How many files an hour does a scan judge, by all networks and only by those that are needed?

python benchmarks/scan.py            12 files: 8 genuine clips and photographs, 4 with a fake
python benchmarks/scan.py --short    3 of them, 8 frames each

The files are cut and encoded anew from our own examples, in a temporary folder which is deleted.
The ensemble that ships judges them through `awarenet.batch`, without heat maps: in one process with
all cores, and in two with half of the files and of the cores each. The clock starts when every
process has loaded the networks and judged one file, and stops when the last one is done. Both ways
take turns, five times; medians. They must come to the same verdicts. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from hardware import add_save, describe, publish

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a plain call knows its own folder

if TYPE_CHECKING:
    from awarenet.report import Report

EARLY_EXIT = "verdict.early_exit"  # the setting that is compared
EXAMPLES, PHOTOS = ROOT / "assets" / "examples", ROOT / "tests" / "photos"
CLIP_S = 3  # cut out of each example
# what a folder is made of, so that any run of it holds genuine and fake ones
MIX = (
    "genuine.mp4", "swapped.mp4", "hopper.jpg", "genuine.mp4", "genuine.mp4", "two_people.mp4",
    "genuine.mp4", "genuine.mp4", "swapped.mp4", "astronaut.jpg", "genuine.mp4", "two_people.mp4",
)  # fmt: skip
PROCESSES = (1, 2)
REPEATS = 5
LIMIT_S = 1800  # of one run


def cut(source: Path, target: Path, number: int) -> None:
    """Write a part of an H.264 clip, a little smaller and coarser; another part for each number."""
    with av.open(str(source)) as clip, av.open(str(target), "w") as out:
        shown = clip.streams.video[0]
        rate = shown.average_rate
        stream = out.add_stream("libx264", rate=rate, options={"crf": str(18 + number % 6)})
        smaller = 1 - 0.02 * (number % 5)
        stream.width, stream.height = (
            round(side * smaller / 2) * 2 for side in (shown.width, shown.height)
        )
        stream.pix_fmt = "yuv420p"
        for frame in islice(clip.decode(video=0), number, number + round(CLIP_S * rate)):
            image = frame.reformat(stream.width, stream.height, "rgb24").to_ndarray()
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        out.mux(stream.encode())


def fill(folder: Path, count: int) -> list[Path]:
    """Write files of which no two are alike."""
    files = []
    for number, name in enumerate(islice(MIX, count)):
        target = folder / f"{number:02d}-{name}"
        if target.suffix == ".mp4":
            cut(EXAMPLES / name, target, number)
        else:
            photo = cv2.imdecode(np.fromfile(PHOTOS / name, np.uint8), cv2.IMREAD_COLOR)
            cv2.imwrite(str(target), photo, [cv2.IMWRITE_JPEG_QUALITY, 80 + number % 10])
        files.append(target)
    return files


def judge(files: list[Path], overrides: list[str]) -> None:
    """Load the networks, wait for a line, judge the files, print what was found as JSON."""
    from awarenet.batch import run_batch
    from awarenet.pipeline import load_detector
    from awarenet.settings import load_settings

    settings = load_settings(None, ["model.source=assets/demo", *overrides])
    detector = load_detector(settings=settings)
    list(run_batch(detector, files[:1]))
    print("ready", flush=True)
    sys.stdin.readline()
    rows = list(run_batch(detector, files))
    print(json.dumps({row.name: [row.verdict or row.status, *passes(row.report)] for row in rows}))


def passes(report: Report) -> tuple[int, int]:
    """Of a face through a network: those that it took, and those of all networks."""
    if report.early_exit is not None:
        return report.early_exit.passes, report.early_exit.passes_in_full
    faces = sum(person.frames_seen for person in report.people)
    full = faces * sum(len(family.members) for family in report.families.values())
    return full, full


def scan(
    files: list[Path], processes: int, overrides: list[str]
) -> tuple[float, dict[str, str], float]:
    """Judge the files, dealt out to some processes.

    Returns:
        Seconds, the verdict by name, and the share of passes through the networks that it took.
    """
    threads = max((os.cpu_count() or 1) // processes, 1)
    overrides = [*overrides, "explain.enabled=false", f"runtime.threads={threads}"]
    found: dict[str, tuple[str, int, int]] = {}
    with ExitStack() as stack:
        running = []
        for place in range(processes):
            share = [str(path) for path in files[place::processes]]
            command = [sys.executable, __file__, "--judge", *share, "--set", *overrides]
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
            )
            stack.enter_context(child)
            stack.callback(child.kill)  # of one that is done, nothing happens
            running.append(child)
        if any(child.stdout.readline().strip() != "ready" for child in running):
            raise SystemExit("a process did not start; its error stands above")
        start = time.perf_counter()
        for child in running:
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in running:
            printed, _ = child.communicate(timeout=LIMIT_S)
            if child.returncode:
                raise SystemExit("a process failed; its error stands above")
            found |= json.loads(printed.splitlines()[-1])
        seconds = time.perf_counter() - start
    ran, full = (sum(each[place] for each in found.values()) for place in (1, 2))
    return seconds, {name: each[0] for name, each in found.items()}, ran / full


def main() -> None:
    """Scan the same folder in every way, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="3 files, 8 frames each")
    parser.add_argument("--judge", type=Path, nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--set", nargs="*", default=[], help=argparse.SUPPRESS)
    add_save(parser, "scan")
    args = parser.parse_args()
    if args.judge:
        judge(args.judge, args.set)
        return
    machine, frames = describe(), ["sampling.frames=8"] if args.short else []
    took: dict[tuple[int, bool], list[float]] = defaultdict(list)
    seen: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="awarenet-scan-") as folder:
        files = fill(Path(folder), 3 if args.short else len(MIX))
        turns = [(count, early) for count in PROCESSES for early in (False, True)]
        for processes, early in turns * (1 if args.short else REPEATS):
            overrides = [*frames, f"{EARLY_EXIT}={str(early).lower()}"]
            seconds, verdicts, share = scan(files, processes, overrides)
            took[processes, early].append(seconds)
            seen.append(verdicts)
    same = all(verdicts == seen[0] for verdicts in seen)
    hourly = {way: len(files) / median(seconds) * 3600 for way, seconds in took.items()}
    ratios = {count: hourly[count, True] / hourly[count, False] for count in PROCESSES}
    table = ["  ".join(f"{count} {name}" for name, count in Counter(seen[0].values()).items())]
    columns = f"{'all networks':>13} {'those needed':>13} {'times':>6}"
    table.append(f"{'processes':>9} {columns}   files an hour")
    for count, ratio in ratios.items():
        full, early = hourly[count, False], hourly[count, True]
        table.append(f"{count:9} {full:13,.0f} {early:13,.0f} {ratio:6.2f}")
    table.append(f"passes of a face through a network that were needed: {share:.0%}")
    if not same:
        odd = sorted(name for name in seen[0] if len({each[name] for each in seen}) > 1)
        table.append(f"verdicts differ: {', '.join(odd)}")
    record = {
        "benchmark": "scan",
        "short": args.short,
        "cores": os.cpu_count(),
        "files": len(files),
        "verdicts": dict(Counter(seen[0].values())),
        "full_per_hour": {str(count): round(hourly[count, False]) for count in PROCESSES},
        "early_per_hour": {str(count): round(hourly[count, True]) for count in PROCESSES},
        "ratio": {str(count): round(ratio, 2) for count, ratio in ratios.items()},
        "passes": round(share, 3),
        "same_verdicts": same,
    }
    publish(record, table, args.save, machine)
    if not same:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
