"""What docs/operations.md promises where something breaks, of the program itself."""

import shutil
import signal
import time
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from real_server import free_port, running, start, wait_until

from awarenet.settings import ROOT

CLIP = ROOT / "assets" / "examples" / "genuine.mp4"


def unseen(folder: Path, number: int = 0) -> Path:
    """Copy a clip, not one to the byte, so that its answer was not worked out ahead."""
    path = folder / f"clip-{number}.mp4"
    path.write_bytes(CLIP.read_bytes() + b"\0\0\0\x09free" + bytes([number]))
    return path


def test_a_model_whose_folder_is_removed_under_way_goes_on_and_does_not_start_again(tmp_path):
    bundle = Path(shutil.copytree(ROOT / "assets" / "demo", tmp_path / "bundle"))
    options = ["--model", str(bundle), "--set", "sampling.frames=2"]
    with running(tmp_path / "log", *options) as (url, server):
        shutil.rmtree(bundle)
        client = Client(url, verbose=False, analytics_enabled=False)
        wanted = handle_file(str(unseen(tmp_path)))
        assert client.predict(wanted, 2, True, False, api_name="/analyze")["status"] == "ok"
        client.close()
    again = start(tmp_path / "again", "--port", free_port(), *options)
    assert again.wait(120) == 2
    words = (tmp_path / "again").read_text("utf-8").strip().splitlines()
    assert len(words) == 1 and words[0].startswith("error: ") and str(bundle) in words[0]


@pytest.mark.parametrize("source", ["hf-hub:nobody/nothing", f"hf-hub:nobody/nothing@{'0' * 40}"])
def test_without_the_hub_a_model_that_is_not_here_ends_it_in_one_line(tmp_path, source):
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path)}
    server = start(tmp_path / "log", "--model", source, "--port", free_port(), environment=nowhere)
    assert server.wait(120) == 2
    words = (tmp_path / "log").read_text("utf-8").strip().splitlines()
    assert len(words) == 1 and words[0].startswith("error: ") and "nobody/nothing" in words[0]


def test_a_batch_that_a_signal_ends_gives_what_it_has_and_says_why_not_the_rest(tmp_path):
    clips = [unseen(tmp_path, number) for number in range(6)]
    options = ["--set", "sampling.frames=8", "--set", "app.grace_s=0"]
    with running(tmp_path / "log", *options) as (url, server):
        client = Client(url, verbose=False, analytics_enabled=False)
        job = client.submit([handle_file(str(each)) for each in clips], 8, api_name="/batch")
        wait_until(lambda: (tmp_path / "log").read_text("utf-8").count("kind=batch") >= 2, 60)
        server.send_signal(signal.SIGTERM)
        began = time.monotonic()
        reports = job.result(60)
        assert server.wait(60) == 0
        assert time.monotonic() - began < 30
        client.close()
    assert len(reports) == len(clips)
    statuses = [each["status"] for each in reports]
    assert statuses[0] == "ok" and statuses[-1] == "error"
    done = statuses.count("ok")
    assert statuses == ["ok"] * done + ["error"] * (len(clips) - done)
    assert "being restarted" in reports[-1]["warnings"][0]["message"]
