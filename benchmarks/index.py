"""How long does it take to index a data set of the size of DFDC, and how much memory?

python benchmarks/index.py            50 folders of 2,400 empty clips, as many as DFDC has
python benchmarks/index.py --short    5 folders of 200

The tree is made in a temporary folder, which is deleted. Each run is a process of its own, so that
its peak memory is its own too. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # a plain call knows its own folder only

from miniatures import write_dfdc_part  # noqa: E402

from trainer.datasets import count_table, index_dfdc  # noqa: E402

FAKES = 5  # of each original: about what DFDC has
MOST_S, MOST_GB = 10, 1  # what the project asks of 120,000 clips
UNIT = 1024**2 if sys.platform != "darwin" else 1024**3  # ru_maxrss: KB, but bytes on macOS


def measure(folder: Path) -> dict[str, float]:
    """Index the folder here: clips, seconds, CPU seconds, peak memory in GB before and after."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT
    start, start_cpu = time.perf_counter(), time.process_time()
    clips = index_dfdc(folder)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT
    print(count_table(clips), file=sys.stderr)
    return {
        "clips": len(clips), "seconds": seconds, "cpu_s": cpu, "peak_gb": peak, "start_gb": before
    }  # fmt: skip


def main() -> None:
    """Make the tree, index it several times, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a small tree")
    parser.add_argument("--runs", type=int, default=3, help="indexing runs (default: %(default)s)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure)))
        return
    parts, entries = (5, 200) if args.short else (50, 2400)
    folder = Path(tempfile.mkdtemp(prefix="awarenet-index-"))
    try:
        start = time.perf_counter()
        for part in range(parts):
            home, originals = folder / f"dfdc_train_part_{part}", entries // (FAKES + 1)
            write_dfdc_part(home, part * entries, originals=originals, fakes=FAKES)
        made = time.perf_counter() - start
        command = [sys.executable, __file__, "--measure", str(folder)]
        runs = []
        for _ in range(args.runs):
            result = subprocess.run(command, check=True, capture_output=True, text=True)
            runs.append(json.loads(result.stdout.splitlines()[-1]))
    finally:
        shutil.rmtree(folder)
    seconds = statistics.median(run["seconds"] for run in runs)
    cpu = statistics.median(run["cpu_s"] for run in runs)
    peak = max(run["peak_gb"] for run in runs)
    clips = int(runs[0]["clips"])
    print(result.stderr.strip())
    print(f"\nmade a tree of {clips} clips in {parts} folders in {made:.1f} s")
    print(f"indexed in {seconds:.2f} s (median of {args.runs}), {clips / seconds:,.0f} clips/s")
    print(f"of which {cpu:.2f} s at work; the rest it waited for the disk or for a busy machine")
    print(f"peak memory {peak:.2f} GB, of which {runs[0]['start_gb']:.2f} GB before it began")
    fits = seconds < MOST_S and peak < MOST_GB
    print(f"asked for: under {MOST_S} s and {MOST_GB} GB at 120,000 clips")
    record = {
        "benchmark": "index",
        "clips": clips,
        "folders": parts,
        "seconds": round(seconds, 3),
        "cpu_s": round(cpu, 3),
        "peak_gb": round(peak, 3),
        "fits": fits,
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
