"""A process with the Hub's real client in it, for the tests to send calls to.

The client reads its environment when it is imported, so each address and each cache needs a
process of its own; one process answers many calls, since importing torch takes seconds.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import socket
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
START_S = 120
_REAL = {name: getattr(socket, name) for name in ("getaddrinfo", "create_connection")}


@dataclass(frozen=True)
class Answer:
    """What became of a call."""

    value: object
    error: str  # of an AwareNetError, else empty
    output: str  # all that was printed or logged, at the level that trainer.run logs at or finer
    traceback: str
    seconds: float


class Client:
    """The process, seen from the test."""

    def __init__(self, environment: dict[str, str], **more: str):
        # another version of the client may stand in PYTHONPATH
        places = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            env={**environment, "PYTHONPATH": os.pathsep.join(places), **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, name: str, *, token: str | None = None, **arguments: object) -> Answer:
        """Call a function of this file over there.

        Raises:
            AssertionError: It raised what is no message for people, which is shown.
        """
        line = json.dumps({"name": name, "token": token, "arguments": arguments})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer.pop("expected"), answer["traceback"]
        return Answer(**answer)

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait(START_S)


def open_source(source: str) -> dict:
    """Fetch a bundle; say where it is."""
    from awarenet.bundle.files import open_source

    found = open_source(source)
    files = sorted(p.relative_to(found.path).as_posix() for p in found.path.rglob("*.*"))
    return {"path": str(found.path), "revision": found.revision, "files": files}


def load(source: str) -> dict:
    """Load a detector; say what its reports would call it."""
    from awarenet.pipeline import load_detector
    from awarenet.settings import Settings

    bundle = load_detector(source, Settings.model_validate({"runtime": {"device": "cpu"}})).bundle
    return {"source": bundle.source, "revision": bundle.revision, "sha256": bundle.sha256}


def analyze(source: str, clip: str) -> dict:
    """Judge a clip."""
    from tiny_detector import make_detector

    return make_detector(source).analyze(clip).model_dump(mode="json")


def push(settings: dict, dry_run: bool = False) -> str | None:
    """Send a bundle."""
    from trainer.bundles.push import push
    from trainer.settings import TrainerSettings

    return push(TrainerSettings.model_validate(settings), dry_run=dry_run)


def cut_off(how: str) -> None:
    """Change what every later name look-up and connection meets, until "restore".

    Args:
        how: "stall": a look-up hangs, as with a dead resolver. "forbid": asking at all is a bug,
            which no handler takes for a message. "restore": as it was.
    """

    def forbidden(*_args: object, **_options: object) -> None:
        raise AssertionError("the network was asked")

    def hang(*_args: object, **_options: object) -> None:
        time.sleep(60)

    changed = {
        "stall": {"getaddrinfo": hang},
        "forbid": {"getaddrinfo": forbidden, "create_connection": forbidden},
        "restore": {},
    }[how]
    for name, real in _REAL.items():
        setattr(socket, name, changed.get(name, real))


def _do_not_wait_between_tries() -> None:
    """Keep the client's tries, but not the seconds that it waits before each."""
    from huggingface_hub.utils import _http

    _http.time = SimpleNamespace(sleep=lambda _s: None, time=time.time)


def _answer(asked: dict) -> dict:
    from awarenet.errors import AwareNetError

    os.environ.pop("HF_TOKEN", None)
    if asked["token"]:
        os.environ["HF_TOKEN"] = asked["token"]
    output, found = io.StringIO(), {"value": None, "error": "", "traceback": "", "expected": True}
    handler = logging.StreamHandler(output)
    levels = {"": logging.INFO, **dict.fromkeys(("huggingface_hub", "trainer"), logging.DEBUG)}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logs = [logging.getLogger(), logging.getLogger("huggingface_hub")]  # which does not propagate
    for log in logs:
        log.addHandler(handler)
    started = time.perf_counter()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            found["value"] = globals()[asked["name"]](**asked["arguments"])
        except Exception as error:
            found["expected"] = isinstance(error, AwareNetError)
            found["error"], found["traceback"] = str(error), traceback.format_exc()
    found["seconds"] = time.perf_counter() - started
    for log in logs:
        log.removeHandler(handler)
    return {**found, "output": output.getvalue()}


if __name__ == "__main__":
    import trainer  # noqa: F401
    from awarenet import pipeline  # noqa: F401

    _do_not_wait_between_tries()
    replies = sys.stdout
    for request in sys.stdin:
        print(json.dumps(_answer(json.loads(request))), file=replies, flush=True)
