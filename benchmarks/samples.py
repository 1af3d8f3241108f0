"""How many training batches a second are made, by input and recipe, in a thread and in processes?

python benchmarks/samples.py [--short]

Drawn scenes of 256 px, crops of 224 px, 16 a batch, one thread a process. The clock starts when
all processes are at work. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import cv2  # noqa: E402

from trainer.augmentation import RECIPES  # noqa: E402
from trainer.batches.samples import Samples  # noqa: E402
from trainer.manifest import Row, read_manifest  # noqa: E402
from trainer.settings import TrainerSettings  # noqa: E402

SCENE, SIDE, BATCH = 256, 224, 16  # px, px, crops
WARM = 6  # batches of each process before the clock starts; the first ones load libraries
INPUTS = ("pairs", "rows", "self_blended", "self_warped")
LOADERS = (0, 2)


def draw(folder: Path) -> list[Row]:
    """Prepare a run of patterns, all with the face of one portrait as far as its points go."""
    from tiny_people import real_scene, write_patterns

    mesh = (real_scene("astronaut", SCENE)[1] - SCENE / 2) * 1.25 + SCENE / 2
    edge = SCENE * 0.3 / 1.6
    box = (edge, edge, SCENE - edge, SCENE - edge)
    rows = read_manifest(write_patterns(folder, {"train": 32}, side=SCENE))
    return [replace(row, mesh=mesh, box=box) for row in rows]


def rate(samples: Samples, seconds: float, loaders: int) -> float:
    """Batches a second, once everybody is at work."""
    feed = samples.follow(range(10**6), loaders)
    for _ in islice(feed, WARM * max(loaders, 1)):
        pass
    start, made = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        next(feed)
        made += 1
    feed.close()
    return made / spent


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="one input only, and briefly")
    short = parser.parse_args().short
    cv2.setNumThreads(1)  # of the thread here; processes see to it themselves
    found, load = {}, os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}")
    print(f"{'input':14s}{'recipe':11s}" + "".join(f"{n:>8d} loaders" for n in LOADERS)
          + "   batches/s")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="awarenet-") as folder:
        rows = draw(Path(folder))
        for source in INPUTS[:1] if short else INPUTS:
            for recipe in RECIPES:
                settings = TrainerSettings.model_validate(
                    {"train": {"input": source, "batch": BATCH, "margin": 0.15}}
                )
                samples = Samples(rows, Path(folder), settings, recipe=recipe, side=SIDE, seed=0)
                rates = [rate(samples, 2 if short else 6, loaders) for loaders in LOADERS]
                cells = "".join(f"{value:16.1f}" for value in rates)
                print(f"{source:14s}{recipe:11s}{cells}", flush=True)
                for loaders, value in zip(LOADERS, rates, strict=True):
                    found[f"{source} {recipe} {loaders}"] = round(value, 2)
    result = {"short": short, "load": load, "cores": os.cpu_count(), "crops_a_batch": BATCH}
    print(json.dumps({**result, "side_px": SIDE, "batches_per_s": found}))


if __name__ == "__main__":
    main()
