"""How long does the search for near copies take among as many crops as real data sets have?

python benchmarks/leaks.py            400,000 crops, about FaceForensics++ with all manipulations
python benchmarks/leaks.py --short    40,000

The hashes are drawn: some bits lean to one side, so that two meet in a band about as often as those
of portraits do, three times as often as even bits would. Near copies are planted, and all of them
have to be found. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a plain call knows its own folder

from trainer.splits.near_copies import NEAR, WORDS, near_pairs  # noqa: E402

LEANING, ALIKE = 0.14, 0.9  # share of bits that most faces have alike, and how often they do
PLANTED = 1000
UNIT = 1024**2 if sys.platform != "darwin" else 1024**3  # ru_maxrss: KB, but bytes on macOS


def draw_hashes(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw (count, 9) uint64."""
    likely = np.where(rng.random(WORDS * 64) < LEANING, ALIKE, 0.5).astype(np.float32)
    hashes = np.empty((count, WORDS), np.uint64)
    for begin in range(0, count, 10_000):
        part = hashes[begin : begin + 10_000]
        bits = rng.random((len(part), WORDS * 64), np.float32) < likely
        part[:] = np.packbits(bits, axis=1).view(np.uint64)
    return hashes


def main() -> None:
    """Search once and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a tenth of the crops")
    parser.add_argument("--count", type=int, help="crops (default: 400,000)")
    args = parser.parse_args()
    count = args.count or (40_000 if args.short else 400_000)
    rng = np.random.default_rng(0)
    hashes, parts = draw_hashes(count, rng), rng.choice(3, count, p=(0.7, 0.15, 0.15))
    train, test = np.flatnonzero(parts == 0)[:PLANTED], np.flatnonzero(parts == 2)[:PLANTED]
    for one, other in zip(train, test, strict=True):
        bits = np.unpackbits(hashes[one].view(np.uint8))
        bits[rng.choice(len(bits), rng.integers(0, NEAR + 1), replace=False)] ^= 1
        hashes[other] = np.packbits(bits).view(np.uint64)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT
    start, start_cpu = time.perf_counter(), time.process_time()
    found = near_pairs(hashes, parts)
    result = {
        "crops": count,
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_s": round(time.process_time() - start_cpu, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT, 2),
        "start_gb": round(before, 2),
        "pairs": len(found),
        "planted": len(train),
        "planted_found": len(
            {tuple(p) for p in found[:, :2]} & set(zip(*np.sort([train, test], 0), strict=True))
        ),
    }
    for name, value in result.items():
        print(f"{name:14} {value:>10}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
