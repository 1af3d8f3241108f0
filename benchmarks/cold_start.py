"""How long does it take from nothing to the first answer?

python benchmarks/cold_start.py            medians of five
python benchmarks/cold_start.py --short    each once

Everything is a process of its own, and the clock starts with the process:

- what `import awarenet` costs, and `import awarenet.pipeline`, which a first answer needs, as
  `python -X importtime` counts it;
- `app.py`, until the page answers, and until the networks are ready behind it;
- a program that loads the demo's ensemble: bundle read and checked, engine ready;
- `python -m awarenet` on a photograph, until its report is there.

The last three are done without translated networks in the cache ("cold"), and again with them
("warm"). The files themselves are in the system's own cache both times. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hardware import add_save, describe, publish

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "tests" / "photos" / "astronaut.jpg"
IMPORTS = ("awarenet", "awarenet.pipeline")
MOST_S = {"import awarenet": 2.5}  # the target
LIMIT_S = 300  # until something has happened
LOOK_S = 0.02  # between two looks at the page
READY = "running on "  # what the runtime logs when its engine is made
# app.py as it is called, with the runtime's log on stderr
APP = """
import logging, runpy, sys
logging.basicConfig()
logging.getLogger("awarenet.runtime").setLevel(logging.INFO)
sys.argv = ["app.py", *sys.argv[1:]]
runpy.run_path("app.py", run_name="__main__")
"""
LOAD = """
import awarenet
detector = awarenet.load_detector("assets/demo")
print("bundle loaded", flush=True)
detector.runtime.warm_up()
print("engine ready", flush=True)
"""


@contextmanager
def started(command: list[str], environment: dict[str, str], **pipes: int) -> Iterator:
    """Run Python in the repository; it is ended with the block."""
    child = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, text=True, **pipes
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.communicate(timeout=30)  # so that it takes its own temporary files away
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


def import_seconds(package: str, environment: dict[str, str]) -> float:
    """Seconds that importing a package takes, with all that it imports."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {package}"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    top = re.findall(r"import time:\s+\d+ \|\s+(\d+) \| (\S+)$", done.stderr, re.MULTILINE)
    return sum(int(microseconds) for microseconds, name in top if name in parents(package)) / 1e6


def parents(package: str) -> set[str]:
    """Names that stand at the outermost level when a package is imported: it, and above it."""
    parts = package.split(".")
    return {".".join(parts[: end + 1]) for end in range(len(parts))}


def page(environment: dict[str, str]) -> dict[str, float]:
    """Start the page; seconds until it answers, and until the networks behind it are ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    took: dict[str, float] = {}
    command = ["-c", APP, "--host", "127.0.0.1", "--port", str(port), "--model", "assets/demo"]
    start = time.perf_counter()
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with started(command, environment, **pipes) as child:
        said: list[str] = []

        def listen() -> None:
            for line in child.stderr:
                said.append(line)
                if READY in line:
                    took["engine ready"] = time.perf_counter() - start

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        while len(took) < 2 and time.perf_counter() - start < LIMIT_S and child.poll() is None:
            if "page answers" not in took and answers(f"http://127.0.0.1:{port}/"):
                took["page answers"] = time.perf_counter() - start
            time.sleep(LOOK_S)
        if len(took) < 2:
            raise SystemExit(f"the page did not start: {''.join(said[-5:])}")
        child.terminate()
        listener.join(30)
    return took


def answers(url: str) -> bool:
    """Whether there is a page."""
    try:
        with urllib.request.urlopen(url, timeout=LIMIT_S) as page:
            return page.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def load(environment: dict[str, str]) -> dict[str, float]:
    """Load the ensemble; seconds until it says so."""
    took: dict[str, float] = {}
    start = time.perf_counter()
    with started(["-c", LOAD], environment, stdout=subprocess.PIPE) as child:
        for line in child.stdout:
            took[line.strip()] = time.perf_counter() - start
        if child.wait(LIMIT_S):
            raise SystemExit("the ensemble could not be loaded; the error stands above")
    return took


def judge(environment: dict[str, str]) -> dict[str, float]:
    """Judge a photograph by the command line; seconds until the report is there."""
    start = time.perf_counter()
    command = ["-m", "awarenet", str(PHOTO), "--json", "-", "--model", "assets/demo"]
    with started(command, environment, stdout=subprocess.PIPE) as child:
        report = json.loads(child.stdout.readline())
        took = {"first score": time.perf_counter() - start}
        child.wait(LIMIT_S)
        took["process ended"] = time.perf_counter() - start
    if report["status"] != "ok":
        raise SystemExit(f"the photograph has status {report['status']}")
    return took


def once(folder: Path) -> dict[str, float]:
    """Measure everything once, with an empty cache of its own; seconds by name."""
    took = {}
    environment = {**os.environ, "TMPDIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False"}
    for package in IMPORTS:
        took[f"import {package}"] = import_seconds(package, environment)
    for way, call in (("page", page), ("load", load), ("command line", judge)):
        environment["XDG_CACHE_HOME"] = str(folder / way.replace(" ", "-"))
        for state in ("cold", "warm"):
            found = call(environment)
            took |= {f"{way}, {state}: {name}": seconds for name, seconds in found.items()}
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="each once")
    parser.add_argument("--rounds", type=int, default=5)
    add_save(parser, "cold_start")
    args = parser.parse_args()
    machine, rounds = describe(), []
    for number in range(1 if args.short else args.rounds):
        with tempfile.TemporaryDirectory(prefix="awarenet-cold-") as folder:
            rounds.append(once(Path(folder)))
        print(f"round {number + 1} is done", file=sys.stderr, flush=True)
    took = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    table = [f"{'':36}{'s':>7}{'asked for':>12}"]
    for name, seconds in took.items():
        most = f"< {MOST_S[name]:g}" if name in MOST_S else ""
        table.append(f"{name:36}{seconds:7.2f}{most:>12}")
    record = {
        "benchmark": "cold_start",
        "short": args.short,
        "rounds": len(rounds),
        "seconds": {name: round(seconds, 3) for name, seconds in took.items()},
        "fits": all(took[name] < most for name, most in MOST_S.items()),
    }
    publish(record, table, args.save, machine)


if __name__ == "__main__":
    main()
