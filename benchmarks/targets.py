"""What was asked for, and what was measured: a table of the figures that are kept in `results/`.

python benchmarks/targets.py           print it
python benchmarks/targets.py --save    and write benchmarks/results/targets.md

It measures nothing. A target that has no figure is in the table too. Ratios are of one run on one
machine; why one was missed, and what was tried, stands in `WHY`.
"""

from __future__ import annotations

import argparse
import json
import operator
from collections.abc import Callable
from dataclasses import dataclass

from hardware import RESULTS

MOST, LEAST, BELOW = ("at most", operator.le), ("at least", operator.ge), ("below", operator.lt)
Figures = dict[str, object]


@dataclass(frozen=True)
class Target:
    """A figure of a benchmark, and what it should be."""

    what: str
    benchmark: str  # its file in `results/`
    find: Callable[[Figures], float]
    side: tuple[str, Callable[[float, float], bool]]
    asked: float


def of_clip(name: str) -> Callable[[Figures], float]:
    """Find a figure of the clip that the targets are about: 10 s, 720 lines, one person."""
    return lambda found: next(
        row[name]
        for row in found["clips"]
        if (row["length_s"], row["height"], row["people"]) == (10, 720, 1)
    )


def flatness(found: Figures) -> float:
    """Give the memory of a page in the last quarter of its time, to that in the first."""
    first, last = found["mib_server"]
    return last / first


TARGETS = (
    Target("nine full-size networks, 32 crops: times the plain way", "ensemble",
           lambda found: found["ratio_to_naive"], LEAST, 4.0),
    Target("the same: share of the rate of matrix products", "ensemble",
           lambda found: found["share_of_matmul_rate"], LEAST, 0.75),
    Target("the same: a probability moves by", "ensemble",
           lambda found: found["max_probability_drift"], MOST, 0.01),
    Target("the demo's networks: a probability moves by", "ensemble_demo",
           lambda found: found["max_probability_drift"], MOST, 0.01),
    Target("a clip of 10 s, 720 lines: all stages to the slowest", "clip",
           of_clip("overlapped_to_slowest"), MOST, 1.25),
    Target("the same: heat maps to scoring", "clip", of_clip("heat_to_score"), MOST, 0.5),
    Target("memory for 600 s to that for 10 s, the worst of all", "clip",
           lambda found: max(each["peak_ratio"] for each in found["growth"]), MOST, 1.05),
    Target("a scan with early exit: times the full one", "scan",
           lambda found: max(found["ratio"].values()), LEAST, 1.5),
    Target("import awarenet, s", "cold_start",
           lambda found: found["seconds"]["import awarenet"], BELOW, 2.5),
    Target("the page answers, s", "page", lambda found: found["page_ready_s"], BELOW, 3.0),
    Target("its first score, s", "page", lambda found: found["first_score_s"], BELOW, 4.0),
    Target("the same file again, s", "page", lambda found: found["the_same_again_s"], BELOW, 0.5),
    Target("a crowd: answers that were wrong, lost or 5xx", "soak",
           lambda found: found["wrong"] + found["lost"] + found["5xx"], MOST, 0),
    Target("a crowd: an answer to its place times a clip alone", "soak",
           lambda found: found["latency_to_place"], MOST, 1.5),
    Target("a crowd: memory at the end to that at the start", "soak", flatness, MOST, 1.05),
    Target("a GPU: share of its bfloat16 rate", "ensemble_gpu",
           lambda found: found["share_of_matmul_rate"], LEAST, 0.4),
)  # fmt: skip
WHY = {
    "all stages to the slowest": "two cores have to do all of it: its seconds of the "
    "processor, spread over both, are 1.6 "
    "times the slowest stage, and the whole takes 1.26 times that; of longer clips decoding is "
    "the slowest, and the whole takes 1.02 to 1.3 times it (clip.md). One decoding thread was "
    "slower; the last faces are judged while compression and origin are read, and NumPy's "
    "threads no longer wait on a core that the networks need.",
    "early exit": "decoding and finding faces take as long as ever, and they are half of a scan "
    "since the networks are fast; 72 % of the passes were needed, since fakes never exit early "
    "with these weights. A genuine clip alone takes 1.35 times as long without it.",
    "a GPU": "none could be had; the code is tested for equality on the CPU.",
}


def rows() -> list[tuple[str, str, str, str, str]]:
    """Give the table: target, asked, measured, whether it was met, date."""
    table = []
    for target in TARGETS:
        path = RESULTS / f"{target.benchmark}.json"
        words, holds = target.side
        asked = f"{words} {target.asked:g}"
        if not path.is_file():
            table.append((target.what, asked, "not measured", "", ""))
            continue
        found = json.loads(path.read_text("utf-8"))
        measured = target.find(found)
        met = "yes" if holds(measured, target.asked) else "no"
        table.append((target.what, asked, f"{measured:.3g}", met, found["machine"]["date"]))
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--save", action="store_true", help="write results/targets.md")
    args = parser.parse_args()
    lines = ["| target | asked | measured | met | when |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows()]
    print("\n".join(lines))
    if args.save:
        why = [f"- {what}: {words}" for what, words in WHY.items()]
        text = ["# Targets", "", "`python benchmarks/targets.py`", "", *lines, "", *why, ""]
        (RESULTS / "targets.md").write_text("\n".join(text), "utf-8")


if __name__ == "__main__":
    main()
