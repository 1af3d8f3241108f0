"""What does a clip cost from file to report: stage by stage, in seconds and in memory?

python benchmarks/clip.py            10, 60 and 600 s; 360, 720 and 1080 lines; one and four people
python benchmarks/clip.py --short    10 and 60 s, 720 lines, one person

Clips are made of two photographs and their mirror images, which move in front of a drawn room, 10 s
in H.264, played as often as the clip is long. The demo's ensemble judges them, with the settings as
they ship. Every clip has a process of its own; the peak memory is that of the first analysis, and,
apart, that of the largest process below it, which decodes. Then each stage runs alone, on what the
one before gave: decoding (with all that is read of the file), finding faces, judging them. The
pipeline does all three at once. That is compared with the slowest of them, and with what no order
of work can beat: the slowest, or all their seconds of the processor spread over all cores. Heat
maps are drawn without the deletion test and with it. Medians of what is repeated. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from below import PeakBelow, seconds_below
from filming import BASE_S, film, repeat
from hardware import add_save, describe, publish, usable_cores

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a plain call knows its own folder

if TYPE_CHECKING:
    from awarenet.evidence import Evidence
    from awarenet.pipeline import Detector
    from awarenet.video import Frame

LENGTHS, HEIGHTS, PEOPLE = (10, 60, 600), (360, 720, 1080), (1, 4)  # s, px, persons
REPEATS = {10: 5, 60: 3, 600: 1}  # of the stages, by length of the clip
STAGES = ("decode", "detect", "score")
UNIT = 1024 if sys.platform != "darwin" else 1024**2  # ru_maxrss in MiB: KiB, but bytes on macOS
LIMIT_S = 3600  # of one clip


class Stages:
    """The stages of one clip's analysis, to be run apart."""

    def __init__(self, detector: Detector, path: Path):
        self.detector, self.path = detector, path
        self.frames: list[Frame] = []
        self.whole: Evidence | None = None  # after all of them
        self.below = 0.0  # s of the processor that decoding took in processes of its own

    def new(self) -> Evidence:
        """Nothing is known yet."""
        from awarenet.evidence import Evidence

        use = self.detector
        return Evidence(self.path, use.bundle, use.runtime, use.finder, use.settings)

    def decode(self) -> None:
        """Read what the file says of itself, and the frames that are looked at."""
        from awarenet.provenance import read as read_provenance

        before = seconds_below()
        with self.new().file as file:
            info = file.probe()
            file.quantization()
            read_provenance(file, info)
            self.frames = list(file.sample(info, self.detector.settings.sampling.frames))
            after = seconds_below().items()  # here: the file's own is gone after this
        self.below = sum(seconds - before.get(number, 0.0) for number, seconds in after)

    def detect(self) -> None:
        """Find faces in the frames, cut them out, and sort them by person."""
        from awarenet.explain import Preview
        from awarenet.tracks import Tracker

        crop, least = self.detector.bundle.config.crop, self.detector.settings.faces.min_face_px
        tracker = Tracker(margin=crop.margin, side=crop.side)
        for frame in self.frames:
            large = [
                each for each in self.detector.finder.find(frame.image) if each.side_px >= least
            ]
            if large:
                Preview.of(frame.image)
            tracker.add(frame.index, frame.time_s, frame.shot, frame.image, large)
        tracker.finish()

    def overlapped(self) -> None:
        """Decode, detect and score as the pipeline does."""
        from awarenet import stages

        self.whole = self.new()
        with self.whole.file:
            drain(stages.gather(self.whole))
        drain(stages.score(self.whole))

    def score(self) -> None:
        """Judge the faces."""
        from awarenet import stages

        alone, seen = self.new(), self.whole
        alone.info, alone.quantization, alone.tracks = seen.info, seen.quantization, seen.tracks
        drain(stages.score(alone))

    def explain(self, deletion: bool) -> None:
        """Draw heat maps, and put them to the test where that is wanted."""
        from awarenet import stages

        use = self.detector.with_settings(explain={"deletion": deletion})
        fresh = {"overlays": [], "explained": [], "spent": {}, "settings": use.settings}
        drain(stages.explain(dataclasses.replace(self.whole, **fresh)))


def drain(progress: Iterator[object]) -> None:
    """Run a stage to its end."""
    for _ in progress:
        pass


def measure(path: Path, repeats: int) -> dict[str, object]:
    """Analyze one clip in this process: seconds by stage, and the peak of its memory in MiB."""
    from awarenet.pipeline import load_detector
    from awarenet.settings import load_settings

    detector = load_detector(settings=load_settings(None, ["model.source=assets/demo"]))
    detector.runtime.warm_up()
    children = PeakBelow()
    children.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT
    report = detector.analyze(path)
    peak, decoder = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT, children.stop()
    parts = Stages(detector, path)
    ways: dict[str, Callable[[], None]] = {
        "decode": parts.decode,
        "detect": parts.detect,
        "overlapped": parts.overlapped,
        "score": parts.score,
        "heat": lambda: parts.explain(deletion=False),
        "heat and deletion": lambda: parts.explain(deletion=True),
        "total": lambda: detector.analyze(path),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    busy: list[float] = []
    for _ in range(repeats):
        busy.append(0.0)
        for name, way in ways.items():
            start, processor = time.perf_counter(), time.process_time()
            way()
            took[name].append(time.perf_counter() - start)
            if name in STAGES:
                busy[-1] += time.process_time() - processor
        busy[-1] += parts.below
    return {
        "processor": statistics.median(busy or [0.0]),
        "status": report.status,
        "people_found": len(report.people),
        "loaded_mib": round(before),
        "peak_mib": round(peak),
        "decoder_peak_mib": round(decoder),
        "repeats": repeats,
        **{name: statistics.median(seconds) for name, seconds in took.items() if seconds},
    }


def in_a_process(path: Path, repeats: int) -> dict[str, object]:
    """Do `measure` in a fresh process; its memory is not that of others."""
    command = [sys.executable, __file__, "--measure", str(path), "--repeats", str(repeats)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def row_of(found: dict[str, object], length: int, height: int, people: int) -> dict[str, object]:
    """Add what follows from the figures of a clip."""
    row = {"length_s": length, "height": height, "people": people, **found}
    row["deletion"] = max(row.pop("heat and deletion") - found["heat"], 0.0)
    row["slowest"] = max(STAGES, key=lambda stage: found[stage])
    row["overlapped_to_slowest"] = found["overlapped"] / found[row["slowest"]]
    row["bound"] = max(found[row["slowest"]], found["processor"] / usable_cores())
    row["overlapped_to_bound"] = found["overlapped"] / row["bound"]
    row["heat_to_score"] = found["heat"] / found["score"]
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in row.items()}


def growth(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """How seconds and memory grow with a clip's length: slopes between logarithms."""
    found = []
    for height, people in sorted({(row["height"], row["people"]) for row in rows}):
        same = [row for row in rows if (row["height"], row["people"]) == (height, people)]
        if len(same) < 2:
            continue
        lengths = np.log([row["length_s"] for row in same])
        slopes = {}
        for name in ("total", "decode", "peak_mib", "decoder_peak_mib"):
            values = np.log([max(row[name], 1e-3) for row in same])
            slopes[name] = round(float(np.polyfit(lengths, values, 1)[0]), 3)
        shortest, longest = (pick(same, key=lambda row: row["length_s"]) for pick in (min, max))
        peak = longest["peak_mib"] / shortest["peak_mib"]
        found.append({"height": height, "people": people, **slopes, "peak_ratio": round(peak, 3)})
    return found


def table(rows: list[dict[str, object]], slopes: list[dict[str, object]]) -> list[str]:
    """Lines for people."""
    seconds = ("decode", "detect", "score", "overlapped", "heat", "deletion", "total")
    names = (*seconds, "/slowest", "/bound", "heat/score", "peak MiB", "below it")
    ratios = ("overlapped_to_slowest", "overlapped_to_bound", "heat_to_score")
    lines = [f"{'clip':>15}" + "".join(f"{name:>11}" for name in names)]
    for row in rows:
        clip = f"{row['length_s']} s {row['height']}p x{row['people']}"
        shown = "".join(f"{row[name]:11.2f}" for name in (*seconds, *ratios))
        lines.append(f"{clip:>15}{shown}{row['peak_mib']:11}{row['decoder_peak_mib']:11}")
    for each in slopes:
        lines.append(
            f"{each['height']}p x{each['people']}: time grows with length to the power of "
            f"{each['total']:.2f} (decoding {each['decode']:.2f}), memory {each['peak_mib']:.3f}; "
            f"peak of the longest to the shortest: {each['peak_ratio']:.3f}"
        )
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="10 and 60 s, 720 lines, one person")
    parser.add_argument("--lengths", type=int, nargs="+", metavar="S", help="tens of seconds")
    parser.add_argument("--heights", type=int, nargs="+", metavar="PX")
    parser.add_argument("--people", type=int, nargs="+", choices=range(1, 5), metavar="N")
    parser.add_argument("--repeats", type=int, default=0, help="0: fewer for longer clips")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    add_save(parser, "clip")
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.repeats)))
        return
    machine, rows = describe(), []
    lengths = args.lengths or (LENGTHS[:2] if args.short else LENGTHS)
    heights = args.heights or ((720,) if args.short else HEIGHTS)
    with tempfile.TemporaryDirectory(prefix="awarenet-clip-") as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")  # of translated networks
        base, clip = folder / "base.mp4", folder / "clip.mp4"
        film(base, 360, 1)
        in_a_process(base, 0)  # the first process translates them, which takes memory
        for height in heights:
            for people in args.people or ((1,) if args.short else PEOPLE):
                film(base, height, people)
                for length in lengths:
                    repeat(base, clip, length // BASE_S)
                    repeats = args.repeats or (1 if args.short else REPEATS.get(length, 3))
                    rows.append(row_of(in_a_process(clip, repeats), length, height, people))
                    print(f"{rows[-1]}", file=sys.stderr, flush=True)
    slopes = growth(rows)
    record = {"benchmark": "clip", "short": args.short, "clips": rows, "growth": slopes}
    publish(record, table(rows, slopes), args.save, machine)


if __name__ == "__main__":
    main()
