"""The page over HTTP, around a detector that judges nothing: what `/analyze` gives, and refuses."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
import tiny_detector
from fake_page import FakeDetector, Stage, served
from fake_report import make_refusal, make_report
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from jsonschema import Draft202012Validator

import app
from awarenet.errors import BundleError
from awarenet.report import report_schema

ROOT = Path(app.__file__).parent


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "interview.mp4"
    path.write_bytes(b"the fake detector does not open it")
    return path


@pytest.fixture(scope="module")
def stage():
    """Serve one page for all tests; each puts its own detector on it."""
    on = Stage()
    with served(on) as url:
        on.url = url
        on.client = Client(url, verbose=False, analytics_enabled=False)
        yield on
        on.client.close()


def ask(stage, path, frames=16, heat_maps=True, stability=False):
    return stage.client.predict(
        handle_file(str(path)), frames, heat_maps, stability, api_name="/analyze"
    )


def wait_for(what, seconds=30):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.02)


def answers(url):
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_analyze_gives_the_report(stage, clip):
    stage.detector = FakeDetector()
    report = ask(stage, clip)
    assert report == make_report().to_dict()
    Draft202012Validator(report_schema()).validate(report)


def test_a_batch_gives_a_report_a_file_and_a_bug_ends_nothing(stage, clip, tmp_path):
    stage.detector = FakeDetector()
    other = tmp_path / "other.mp4"
    other.write_bytes(b"another one")
    files = [handle_file(str(path)) for path in (clip, other)]
    reports = stage.client.predict(files, 16, api_name="/batch")
    assert [report["input"]["name"] for report in reports] == ["interview.mp4", "other.mp4"]
    assert reports[0] == make_report().to_dict()
    stage.detector = FakeDetector(error=RuntimeError("ours"))
    reports = stage.client.predict(files, 16, api_name="/batch")
    assert [report["status"] for report in reports] == ["error", "error"]
    assert "a fault in awarenet, not in the file" in reports[0]["warnings"][0]["message"]


def test_the_same_file_and_settings_are_answered_without_a_second_run(stage, clip):
    stage.detector = FakeDetector()
    first, second = ask(stage, clip), ask(stage, clip)
    assert first == second
    assert len(stage.detector.paths) == 1
    clip.write_bytes(b"other bytes under the same name")
    ask(stage, clip)
    assert len(stage.detector.paths) == 2


def test_the_page_gives_the_same_numbers_as_python(stage, saved, tmp_path):
    path = tiny_detector.two_people(tmp_path / "talk.mp4")
    stage.detector = tiny_detector.make_detector(saved)
    expected = stage.detector.with_settings(explain={"enabled": True}).analyze(path).to_dict()
    report = ask(stage, path, frames=stage.detector.settings.sampling.frames)
    for field in ("status", "verdict", "probability", "interval", "people", "families"):
        assert report[field] == expected[field]
    assert report["status"] == "ok"


def test_the_controls_reach_the_detector(stage, clip):
    stage.detector = FakeDetector()
    ask(stage, clip, frames=5, heat_maps=False, stability=True)
    first = stage.detector.asked[0]
    assert (first.sampling.frames, first.explain.enabled) == (5, False)
    assert (first.stability.enabled, first.blinks.enabled) == (True, False)
    assert stage.detector.paths[0].name == "interview.mp4"


def test_a_clip_without_a_face_is_an_answer_without_a_number(stage, clip):
    stage.detector = FakeDetector(make_refusal("no_face", "no face in 16 frames", name=clip.name))
    report = ask(stage, clip)
    assert report["status"] == "no_face"
    assert (report["verdict"], report["probability"], report["interval"]) == (None,) * 3


def test_no_file_is_refused_with_what_to_do(stage):
    with pytest.raises(AppError, match="Choose a clip or a picture first"):
        stage.client.predict(None, 16, True, False, api_name="/analyze")


def test_a_file_of_another_kind_never_reaches_the_detector(stage, tmp_path):
    stage.detector = FakeDetector()
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\nfile:///etc/passwd\n")
    with pytest.raises(AppError, match="Invalid file type"):
        ask(stage, path)
    assert stage.detector.paths == []


def test_a_path_on_the_server_is_no_upload(stage, clip):
    stage.detector = FakeDetector()
    # by hand, as the client would upload the file of that name
    data = {"path": str(clip), "meta": {"_type": "gradio.FileData"}}
    call = stage.url + "gradio_api/call/analyze"
    event = httpx.post(call, json={"data": [data, 16, True, False]})
    outcome = httpx.get(f"{call}/{event.json().get('event_id')}", timeout=60).text
    assert "event: error" in outcome and "complete" not in outcome
    assert stage.detector.paths == []


def test_an_error_for_the_user_arrives_escaped_and_a_bug_stays_in_the_log(stage, clip, caplog):
    stage.detector = FakeDetector(error=BundleError("config.json of <b>demo</b> is broken"))
    with pytest.raises(AppError, match="config.json of &lt;b&gt;demo&lt;/b&gt; is broken"):
        ask(stage, clip)
    stage.detector.error = RuntimeError("a secret of ours")
    with pytest.raises(AppError, match="not about your clip") as caught:
        ask(stage, clip)
    assert "secret" not in str(caught.value)
    assert "a secret of ours" in caplog.text


def test_a_canceled_job_ends_and_the_next_one_runs(stage, clip):
    stage.detector = FakeDetector(steps=200, pause_s=0.1)
    job = stage.client.submit(handle_file(str(clip)), 16, True, False, api_name="/analyze")
    wait_for(lambda: stage.detector.paths and job.communicator.event_id)  # or it cancels nothing
    job.cancel()
    wait_for(lambda: stage.detector.ended)
    assert stage.detector.ended[0] in ("closed", "stopped")
    stage.detector.steps, stage.detector.pause_s = 1, 0.0
    assert ask(stage, clip)["status"] == "ok"


def test_a_run_leaves_only_what_the_page_still_shows(stage, clip):
    stage.detector = FakeDetector()
    ask(stage, clip)
    wait_for(lambda: not list(Path(tempfile.gettempdir()).glob("awarenet-report-*")))
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    assert [path for path in folder.iterdir() if path.is_file()] == []


def test_analyze_and_batch_are_the_only_public_calls_and_nothing_is_recorded(stage):
    config = httpx.get(stage.url + "config").json()
    public = [
        call["api_name"]
        for call in config["dependencies"]
        if call["api_visibility"] == "public" and call["backend_fn"]
    ]
    assert sorted(public) == ["analyze", "batch"]
    assert not config["analytics_enabled"]
    assert not config["run_history"]
    assert httpx.get(stage.url + "monitoring").status_code == 403


def test_a_loader_is_called_with_the_first_clip_and_again_only_if_it_failed(clip):
    outcomes = [BundleError("no bundle in assets/demo"), FakeDetector()]

    def load():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with served(load) as url:
        page = Stage()
        page.client = Client(url, verbose=False, analytics_enabled=False)
        assert len(outcomes) == 2
        with pytest.raises(AppError, match="no bundle in assets/demo"):
            ask(page, clip)
        for _ in range(2):
            assert ask(page, clip)["status"] == "ok"
        page.client.close()


def test_an_upload_beyond_the_limit_is_refused():
    with served(FakeDetector(), options={"max_file_size": 1000}) as url:
        files = {"files": ("big.mp4", b"0" * 2000)}
        assert httpx.post(url + "gradio_api/upload", files=files).status_code == 413


def test_importing_the_page_loads_no_network_and_leaves_nothing_behind(tmp_path):
    code = "import app, sys; print(sorted({'torch', 'timm', 'onnxruntime'} & set(sys.modules)))"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    environment.pop("GRADIO_TEMP_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_program_serves_where_the_space_says_and_ends_clean(saved, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "GRADIO_SERVER_PORT": str(port)}
    environment.pop("GRADIO_TEMP_DIR", None)
    command = [sys.executable, "app.py", "--model", str(saved)]
    with subprocess.Popen(command, cwd=ROOT, env=environment) as program:
        try:
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/config"), 300)
        finally:
            program.terminate()
    assert program.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "faces.min_scor=0.5"], "min_score"),
        (["--set", "app.port=fast"], "app.port"),
        (["--settings", "no-such-file.toml"], "no-such-file.toml"),
        (["--port", "0"], "port"),
        (["--model", "no/such/bundle"], "no/such/bundle"),
    ],
)
def test_wrong_settings_end_in_2_with_one_line(arguments, words, capsys):
    assert app.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert words in lines[0]


def test_a_port_that_is_taken_ends_in_2_with_one_line(saved, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert app.main(["--model", str(saved), "--port", port]) == 2
    assert port in capsys.readouterr().err
