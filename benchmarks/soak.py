"""Does the page keep its word in a crowd, while what decodes is killed again and again?

python benchmarks/soak.py            50 clients for 10 minutes; a decoder is killed every 20 s
python benchmarks/soak.py --short    10 clients for 30 s; every 5 s

A server of its own runs the ensemble that ships. Each client sends a clip, waits for the answer and
sends the next one; one that is refused comes back when it was told to, with --impatient after half
a second. The clips are cut out of our own examples, and no two files are alike, so that nothing is
answered out of a store. What the networks say of each is worked out before, without a server: an
answer has to be that, of that file.

Latency is compared with a clip's place in the line, as the server's log tells it, times what a clip
takes alone. The clients run on the cores that the server needs; how much of them they took is told.
Memory is that of the server and of what decodes for it, from a tenth of the time on. At the end the
server is told to stop; then nothing of any upload may be left. The last line is JSON, and the exit
status is 1 where an answer was wrong, lost or a file was left.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np
import psutil
from crowd import ROOT, Tally, ask, cut, expected, never_seen, visit
from hardware import add_save, describe, publish

LOOK_S = 2.0  # between two looks at memory
SETTINGS = ("app.log=json", "app.max_queue=8", "app.rate_per_minute=0")


@contextlib.contextmanager
def serving(folder: Path, log: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """Run the page, ready; it is told to stop at the end, and has to within a minute."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chosen = [f"--set={each}" for each in (*SETTINGS, f"app.temp_dir={folder}")]
    with log.open("wb") as stderr:
        server = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), *chosen],
            cwd=ROOT, stderr=stderr, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    url, end = f"http://127.0.0.1:{port}/", time.monotonic() + 120
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}readyz").status_code == 200:
                    break
            if time.monotonic() > end or server.poll() is not None:
                sys.exit(f"the page did not start:\n{log.read_text('utf-8')[-2000:]}")
            time.sleep(0.5)
        yield url, server
        server.terminate()
        server.wait(60)
    finally:
        server.kill()
        server.wait()


def kill_decoders(server: int, every_s: float, killed: list[int], over: threading.Event) -> None:
    """Kill one of the processes that decode, again and again: those that its helper has forked."""
    while not over.wait(every_s):
        end = time.monotonic() + every_s / 2
        while time.monotonic() < end and not over.is_set():
            with contextlib.suppress(psutil.Error):
                below = [c for child in psutil.Process(server).children() for c in child.children()]
                if below:
                    below[-1].kill()
                    killed.append(below[-1].pid)
                    break
            time.sleep(0.01)


def watch_memory(server: int, mib: list[tuple[float, float]], over: threading.Event) -> None:
    """Note the memory of the server and, apart, of all below it."""
    while not over.wait(LOOK_S):
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(server)
            below = sum(each.memory_full_info().pss for each in root.children(recursive=True))
            mib.append((root.memory_full_info().pss / 2**20, below / 2**20))


def places_in_line(log: Path) -> list[tuple[int, float]]:
    """Read of every answered clip its place in the line, from 1 up, and its seconds."""
    jobs = []
    for line in log.read_text("utf-8").splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            said = json.loads(line)
            end = datetime.fromisoformat(said["time"].replace("Z", "+00:00")).timestamp()
            if said["status"] in ("ok", "unreadable"):
                jobs.append((end - said["seconds"], end, said["status"], said["seconds"]))
    return [
        (sum(other[0] < came < other[1] for other in jobs) + 1, seconds)
        for came, _, status, seconds in jobs
        if status == "ok"
    ]


def time_alone(url: str, clips: dict[Path, float]) -> float:
    """Give the median of what a clip takes when nobody else is there, s."""
    took = []
    with httpx.Client(timeout=300) as web:
        for clip in clips:
            began = time.monotonic()
            ask(web, url, never_seen(clip.read_bytes()))
            took.append(time.monotonic() - began)
    return statistics.median(took)


def measure(clients: int, seconds: float, every_s: float, patient: bool) -> tuple[dict, list[str]]:
    """Let clients in for a while; give the figures, and what went wrong."""
    with tempfile.TemporaryDirectory() as work:
        folder, log = Path(work) / "page", Path(work) / "log"
        folder.mkdir()
        clips = expected(cut(Path(work)))
        tally, over, killed, mib = Tally(), threading.Event(), [], []
        with serving(folder, log) as (url, server):
            alone_s = time_alone(url, clips)
            began, worked_s = len(log.read_bytes()), time.process_time()
            threads = [
                threading.Thread(target=visit, args=(url, clips, number, tally, over, patient))
                for number in range(clients)
            ]
            threads += [
                threading.Thread(target=kill_decoders, args=(server.pid, every_s, killed, over)),
                threading.Thread(target=watch_memory, args=(server.pid, mib, over)),
            ]
            for thread in threads:
                thread.start()
            time.sleep(seconds)
            over.set()
            for thread in threads:
                thread.join()
            worked_s = time.process_time() - worked_s
            waiting = httpx.get(f"{url}readyz").json()["waiting"]
        (Path(work) / "crowd").write_bytes(log.read_bytes()[began:])
        places = places_in_line(Path(work) / "crowd")
        left = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    late = [took / (place * alone_s) for place, took in places]
    warm = mib[len(mib) // 10 :]
    quarter = max(len(warm) // 4, 1)
    first, last = (
        [round(statistics.median(part)) for part in zip(*some, strict=True)]
        for some in (warm[:quarter], warm[-quarter:])
    )
    record = {
        "benchmark": "soak",
        "clients": clients,
        "seconds": seconds,
        "patient": patient,
        "clients_cores": round(worked_s / seconds, 2),
        **{name: tally.counts[name] for name in ("answered", "refused", "broken", "wrong", "lost")},
        "5xx": tally.counts["5xx"],
        "4xx": tally.counts["4xx"],
        "killed": len(killed),
        "waiting_at_the_end": waiting,
        "alone_s": round(alone_s, 2),
        "latency_s": round(statistics.median(tally.seconds), 2),
        "latency_to_place": round(statistics.median(late), 2) if late else None,
        "latency_to_place_p95": round(float(np.quantile(late, 0.95)), 2) if late else None,
        "latency_to_place_most": round(max(late), 2) if late else None,
        "mib_server": [first[0], last[0]],  # medians of the first and of the last quarter
        "mib_decoding": [first[1], last[1]],
        "mib_most": round(max(map(sum, mib))),
        "exit_status": server.returncode,
        "files_left": left,
    }
    return record, [f"{count} x {words}" for words, count in tally.words.most_common(10)]


def main() -> int:
    """Print what came of it; 1 where the page broke its word."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="10 clients, 30 s, a kill every 5 s")
    parser.add_argument("--clients", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--impatient", action="store_true", help="refused clients return at once")
    add_save(parser, "soak")
    args = parser.parse_args()
    machine = describe()
    clients = args.clients or (10 if args.short else 50)
    seconds = args.seconds or (30 if args.short else 600)
    record, words = measure(clients, seconds, 5.0 if args.short else 20.0, not args.impatient)
    table = [f"{name:24} {value}" for name, value in record.items()] + words
    publish({**record, "short": args.short}, table, args.save, machine)
    broke = ("wrong", "lost", "5xx", "files_left", "exit_status", "waiting_at_the_end")
    more = record["broken"] > record["killed"]
    return int(more or any(record[name] for name in broke))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
