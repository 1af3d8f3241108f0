"""Clients of the page for `soak.py`: what they send, and what they hold an answer against."""

from __future__ import annotations

import json
import secrets
import struct
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import av
import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a plain call knows its own folder

EXAMPLES = ROOT / "assets" / "examples"
API = "gradio_api"
FRAMES = 4  # that are looked at in a clip
CUTS, LENGTH = 4, 12  # clips out of each example; frames in each
AGAIN_S = 0.5  # before a refused client comes back that was not told, or does not mind, when
NEAR = 1e-6  # of two probabilities that are the same


@dataclass
class Tally:
    """What came of all that was asked."""

    counts: Counter = field(default_factory=Counter)  # answered, refused, broken, wrong, lost, 5xx
    seconds: list[float] = field(default_factory=list)  # of those that were answered
    words: Counter = field(default_factory=Counter)  # of what went wrong
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, words: str = "", seconds: float | None = None) -> None:
        """Count one."""
        with self.lock:
            self.counts[what] += 1
            if words:
                self.words[words] += 1
            if seconds is not None:
                self.seconds.append(seconds)


def cut(folder: Path) -> list[Path]:
    """Cut short clips out of our examples."""
    clips = []
    for source in sorted(EXAMPLES.glob("*.mp4")):
        with av.open(str(source)) as container:
            shown = container.streams.video[0]
            frames, rate = list(islice(container.decode(shown), CUTS * LENGTH)), shown.average_rate
        for place in range(CUTS):
            path = folder / f"{source.stem}_{place}.mp4"
            with av.open(str(path), "w") as out:
                stream = out.add_stream("libx264", rate=rate, options={"crf": "20"})
                stream.width, stream.height = frames[0].width, frames[0].height
                stream.pix_fmt = "yuv420p"
                for frame in frames[place * LENGTH : (place + 1) * LENGTH]:
                    image = frame.to_ndarray(format="rgb24")  # without the time that it had
                    out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                out.mux(stream.encode())
            clips.append(path)
    return clips


def never_seen(clip: bytes) -> bytes:
    """Make a file that plays the same, and is not the same: an empty box of MP4 at its end."""
    filling = secrets.token_bytes(16)
    return clip + struct.pack(">I4s", 8 + len(filling), b"free") + filling


def expected(clips: list[Path]) -> dict[Path, float]:
    """Judge each clip here; a clip whose verdict needs no server."""
    from awarenet.pipeline import load_detector
    from awarenet.settings import load_settings

    chosen = [f"sampling.frames={FRAMES}", "explain.enabled=false"]
    detector = load_detector(settings=load_settings(None, chosen))
    return {clip: detector.analyze(clip).probability for clip in clips}


def ask(web: httpx.Client, url: str, content: bytes) -> tuple[str, object]:
    """Send a clip and wait: "complete" and the report, or "error" and its words.

    Raises:
        httpx.HTTPError: The server said no, or nothing.
    """
    file = {"files": ("clip.mp4", content)}
    path = web.post(f"{url}{API}/upload", files=file).raise_for_status().json()[0]
    clip = {"path": path, "meta": {"_type": "gradio.FileData"}}
    wanted = {"data": [clip, FRAMES, False, False]}
    event = web.post(f"{url}{API}/call/analyze", json=wanted).raise_for_status().json()["event_id"]
    said = ""
    with web.stream("GET", f"{url}{API}/call/analyze/{event}") as answer:
        for line in answer.raise_for_status().iter_lines():
            if line.startswith("event: "):
                said = line.removeprefix("event: ")
            elif line.startswith("data: ") and said in ("complete", "error"):
                return said, json.loads(line.removeprefix("data: "))
    return "lost", None


def visit(
    url: str,
    clips: dict[Path, float],
    number: int,
    tally: Tally,
    over: threading.Event,
    patient: bool,
) -> None:
    """Be one client until it is over; a patient one comes back when it was told to."""
    order, turn = list(clips), number
    with httpx.Client(timeout=300) as web:
        while not over.is_set():
            clip = order[turn % len(order)]
            began = time.monotonic()
            try:
                said, answer = ask(web, url, never_seen(clip.read_bytes()))
            except httpx.HTTPStatusError as error:
                if error.response.status_code == 429:
                    tally.add("refused")
                    told_s = float(error.response.headers["retry-after"])
                    over.wait(told_s if patient else AGAIN_S)
                    continue
                tally.add(f"{error.response.status_code // 100}xx", str(error.response.text[:200]))
                continue
            except httpx.HTTPError as error:
                tally.add("lost", repr(error))
                continue
            took = time.monotonic() - began
            if said == "complete":
                judge(answer[0], clips[clip], took, tally)
                turn += 1
            elif said == "error" and "no more may wait" in json.dumps(answer):
                tally.add("refused")
                over.wait(AGAIN_S)
            else:
                tally.add("lost", f"{said}: {json.dumps(answer)[:200]}")


def judge(report: dict, probability: float, took: float, tally: Tally) -> None:
    """Hold an answer against what it has to be."""
    if report["status"] == "ok":
        right = abs(report["probability"] - probability) < NEAR
        words = "" if right else f"{report['probability']} instead of {probability}"
        tally.add("answered" if right else "wrong", words, took)
        return
    words = report["warnings"][0]["message"]
    tally.add("broken" if "broke the program that decodes" in words else "wrong", words)
