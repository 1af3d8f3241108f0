"""A server that strangers gave clips to: what it opens for writing, and what is left of them.

A stand-in for a day: clips, a photograph, a broken file, a batch, a call that is canceled and one
whose sender goes away.
"""

import json
import shutil
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from real_server import running, wait_until

from awarenet.settings import ROOT

EXAMPLES = ROOT / "assets" / "examples"
NAME = "Interview with Frau Niemand"  # of every file that is sent, in some form
# What Python itself says of files that are opened, moved or made, from the first line on
WATCH = """
import os, sys

if "SEEN" in os.environ:
    seen = os.open(os.environ["SEEN"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(event, args):
        path = None
        if event == "open" and isinstance(args[0], (str, bytes)):
            mode, flags = args[1] or "", args[2] or 0
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if any(each in mode for each in "wax+") or (not mode and writes):
                path = args[0]
        elif event in ("os.rename", "os.link", "os.symlink"):
            path = args[1]
        elif event == "os.mkdir":
            path = args[0]
        if path is not None:
            os.write(seen, (os.path.abspath(os.fsdecode(path)) + "\\n").encode())

    sys.addaudithook(note)
"""


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Let a server work, then stop it; gives its folders, its log and what it opened."""
    work = tmp_path_factory.mktemp("day")
    for name in ("home", "temp", "page", "watch"):
        (work / name).mkdir()
    (work / "watch" / "sitecustomize.py").write_text(WATCH)
    folders = {
        "HOME": str(work / "home"), "TMPDIR": str(work / "temp"),
        "PYTHONPATH": str(work / "watch"), "SEEN": str(work / "seen"),
        "TORCHINDUCTOR_CACHE_DIR": str(work / "temp" / "torch"),  # else torch makes it in /tmp
    }  # fmt: skip
    chosen = ["--set", f"app.temp_dir={work / 'page'}", "--set", "sampling.frames=2"]
    with running(work / "log", *chosen, environment=folders) as (url, server):
        use(url, work)
        during = left_in(work / "page")
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0, (work / "log").read_text("utf-8")[-2000:]
    return work, during


def use(url: str, work: Path) -> None:
    """Send what people send."""
    clips = []
    for number, source in enumerate(["genuine.mp4", "swapped.mp4", "rendered.mp4"]):
        clips.append(work / f"{NAME} {number}.mp4")
        # not the bytes that are answered ahead: an empty box of MP4 more
        clips[-1].write_bytes((EXAMPLES / source).read_bytes() + b"\0\0\0\x08free")
    photo, broken = work / f"{NAME}.jpg", work / f"{NAME} broken.mp4"
    shutil.copyfile(ROOT / "tests" / "photos" / "astronaut.jpg", photo)
    broken.write_bytes(b"this is no clip")
    client = Client(url, verbose=False, analytics_enabled=False)
    for path in (clips[0], photo, broken, clips[0]):
        report = client.predict(handle_file(str(path)), 2, True, False, api_name="/analyze")
        assert report["status"] == ("unreadable" if path == broken else "ok")
    reports = client.predict([handle_file(str(each)) for each in clips], 2, api_name="/batch")
    assert [each["status"] for each in reports] == ["ok"] * 3
    canceled = client.submit(handle_file(str(clips[1])), 500, True, True, api_name="/analyze")
    time.sleep(1)
    canceled.cancel()
    threading.Thread(target=go_away, args=(url, clips[2]), daemon=True).start()
    time.sleep(2)
    wait_until(lambda: not httpx.get(f"{url}readyz").json()["running"], 60)
    client.close()
    # an upload younger than 30 s may be another visitor's as well, and stays for up to a minute
    wait_until(lambda: not any(NAME in each.name for each in (work / "page").rglob("*")), 120)


def go_away(url: str, path: Path) -> None:
    """Call, and hang up before the answer."""
    with httpx.Client(timeout=1.5) as web, path.open("rb") as file:
        sent = web.post(f"{url}gradio_api/upload", files={"files": (path.name, file)}).json()[0]
        clip = {"path": sent, "meta": {"_type": "gradio.FileData"}}
        call = f"{url}gradio_api/call/analyze"
        event = web.post(call, json={"data": [clip, 400, False, False]}).json()["event_id"]
        try:
            web.get(f"{call}/{event}")
        except httpx.TimeoutException:
            return


def left_in(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_uploads_are_gone_while_the_server_still_runs(day):
    _, during = day
    assert not [name for name in during if "Interview" in name]
    begins = [(EXAMPLES / name).read_bytes()[:4000] for name in ("genuine.mp4", "swapped.mp4")]
    assert not [name for name, held in during.items() if any(one in held for one in begins)]


def test_nothing_is_left_when_it_has_ended(day):
    work, _ = day
    assert left_in(work / "page") == {}
    assert left_in(work / "temp") == {}


def test_what_stays_in_the_users_folder_is_of_us_and_not_of_them(day):
    work, _ = day
    kept = left_in(work / "home")
    folders = {"/".join(Path(name).parts[:2]) for name in kept}
    assert folders <= {".cache/awarenet", ".cache/fontconfig", ".cache/matplotlib"}
    for name, held in kept.items():
        assert "Interview" not in name and b"Interview" not in held


def test_every_file_that_is_opened_for_writing_is_in_its_own_folders(day):
    work, _ = day
    opened = set((work / "seen").read_text("utf-8").splitlines())
    own = [work / "page", work / "temp", work / "home" / ".cache", work / "home" / ".config"]
    outside = {
        path
        for path in opened
        if path != "/dev/null"
        and not any(Path(path).is_relative_to(folder) for folder in own)
        and not (path.endswith(".pyc") or "__pycache__" in path)
    }
    assert opened and outside == set(), sorted(outside)


def test_the_log_tells_how_much_was_done_and_of_no_file(day):
    work, _ = day
    log = (work / "log").read_text("utf-8")
    assert log.count(" job ") + log.count(": job") >= 7
    assert "Interview" not in log and "Niemand" not in json.dumps(log)
