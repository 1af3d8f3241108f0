"""Does anything get out of the cage, stay behind or hang, whatever stands in a file?

python fuzz/media.py                 20,000 broken files, two processes: about a quarter of an hour
python fuzz/media.py --short         300
python fuzz/media.py --keep FOLDER   keep what found something: a crash, a fault, a hang

Real files of every kind are made, broken in one to four ways and put through what an analysis does
with a file. Input n depends on --seed and n alone. What FFmpeg cannot bear may end the child that
decodes; that is counted. Nothing else may happen: a fault (an error nobody foresaw), an answer that
cannot be, a wait beyond the limit, the end of the asking process, and after all of it one more open
file, a child, a file left or memory that grew end this program with 1. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "fuzz")]  # a plain call knows its own folder

import formats  # noqa: E402

MOST_GROWTH = 48 << 20  # bytes that a process may gain after its first inputs: caches, fragments


def main() -> int:
    """Break files, count, and print a table; 1 where something happened that must not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=20_000, metavar="N")
    parser.add_argument("--short", action="store_true", help="300 inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for what found something")
    args = parser.parse_args()
    inputs = 300 if args.short else args.inputs
    os.environ.setdefault("SVT_LOG", "1")  # its encoder tells its whole set-up else
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="awarenet-fuzz-") as folder:
        real = Path(folder) / "real"
        real.mkdir()
        kinds = [path.name for path in formats.make(real)]
        found = Findings()
        watched = [
            threading.Thread(target=watch, args=(number, inputs, args, Path(folder), found))
            for number in range(args.workers)
        ]
        for each in watched:
            each.start()
        for each in watched:
            each.join()
    result = found.result() | {
        "seed": args.seed, "kinds": len(kinds), "seconds": round(time.monotonic() - start, 1)
    }  # fmt: skip
    show(found, result, kinds)
    print(json.dumps(result))
    return 1 if result["violations"] else 0


class Findings:
    """What the processes tell, added up; each is told of by a thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        self.by_kind: dict[str, Counter[str]] = {}
        self.crashes: list[dict] = []
        self.violations: list[str] = []
        self.measured: list[tuple[dict, dict]] = []  # before and after, of each process
        self.slowest = 0.0

    def add(self, one: dict) -> None:
        """Count one input."""
        with self.lock:
            outcome = one["outcome"]
            self.outcomes[outcome] += 1
            status = outcome.partition(" (")[0]
            self.by_kind.setdefault(one["kind"], Counter())[status] += 1
            self.slowest = max(self.slowest, one["seconds"])
            if one["crashed"]:
                self.crashes.append({name: one[name] for name in ("input", "kind", "ways")})
            self.violations += [f"input {one['input']} ({one['kind']}): {w}" for w in one["wrong"]]

    def violation(self, text: str) -> None:
        """Note what must not be."""
        with self.lock:
            self.violations.append(text)

    def compare(self, before: dict, after: dict) -> None:
        """Hold what a process has at the end against what it had after its first inputs."""
        self.measured.append((before, after))
        for name in ("open files", "children", "files left"):
            if after[name] > before[name]:
                self.violation(f"{name}: {before[name]} before, {after[name]} after")
        for name in ("memory", "memory of the process that forks"):
            if after[name] > before[name] + MOST_GROWTH:
                grown = (after[name] - before[name]) >> 20
                self.violation(f"{name} grew by {grown} MB")

    def result(self) -> dict:
        """Give what the last line says."""
        return {
            "inputs": sum(self.outcomes.values()),
            "outcomes": dict(self.outcomes.most_common()),
            "crashed_children": len(self.crashes),
            "crashed_kinds": dict(Counter(each["kind"] for each in self.crashes)),
            "slowest_s": round(self.slowest, 1),
            "before": [before for before, _ in self.measured],
            "after": [after for _, after in self.measured],
            "violations": self.violations,
        }


def watch(
    number: int, inputs: int, args: argparse.Namespace, folder: Path, found: Findings
) -> None:
    """Run one process through its share of the inputs, again from the next one should it end."""
    step, at = args.workers, number
    while at < inputs:
        before = after = None
        command = [sys.executable, str(ROOT / "fuzz" / "asker.py"), str(folder), str(at)]
        command += [str(inputs), str(step), str(args.seed), str(args.keep or "")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                told = json.loads(line)
                if "outcome" in told:
                    at = told["input"] + step
                    found.add(told)
                else:
                    before, after = before or told, told
        if process.returncode != 0:
            found.violation(f"the asking process ended with {process.returncode} at input {at}")
            at += step
        elif before is not None:
            found.compare(before, after)


def show(found: Findings, result: dict, kinds: list[str]) -> None:
    """Print for people."""
    print(f"{result['inputs']:,} inputs of {len(kinds)} files, {result['seconds']:.0f} s")
    print(f"\n{'outcome':<44}{'inputs':>8}")
    for outcome, count in found.outcomes.most_common():
        print(f"{outcome:<44}{count:>8,}")
    statuses = sorted({status for counts in found.by_kind.values() for status in counts})
    print(f"\n{'made from':<18}" + "".join(f"{status:>13}" for status in statuses))
    for kind, counts in sorted(found.by_kind.items()):
        print(f"{kind:<18}" + "".join(f"{counts[status]:>13,}" for status in statuses))
    print(f"\nchildren that crashed: {len(found.crashes)}")
    for each in found.crashes[:10]:
        print(f"  input {each['input']}, {each['kind']}: {', '.join(each['ways'])}")
    print(f"slowest input: {result['slowest_s']} s")
    for number, (before, after) in enumerate(found.measured):
        for name, value in before.items():
            shown = [f"{n >> 20} MB" if "memory" in name else n for n in (value, after[name])]
            print(f"process {number}, {name}: {shown[0]} before, {shown[1]} after")
    for text in found.violations:
        print(f"VIOLATION {text}")


if __name__ == "__main__":
    sys.exit(main())
