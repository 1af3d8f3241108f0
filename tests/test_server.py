"""The server under load, when clients go, and at its end; around a detector that judges nothing."""

import json
import threading
import time
from pathlib import Path

import httpx
import pytest
from fake_page import FakeDetector, serving
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from awarenet import __version__
from awarenet.errors import Canceled
from awarenet.pipeline import Progress
from awarenet.settings import AppSettings, Settings
from page import guard, logs, server
from page.uploads import Uploads

API = "gradio_api/"


class Deaf(FakeDetector):
    """Gives one sign of life, then runs until it is stopped."""

    def run(self, path, should_stop=None):
        self.paths.append(Path(path))
        yield Progress("detect", 1, 9, "Finding faces")
        end = time.monotonic() + 300
        while time.monotonic() < end:
            if should_stop():
                self.ended.append("stopped")
                raise Canceled("stopped")
            time.sleep(0.01)
        self.ended.append("done")


def settings(**app):
    return Settings(app=AppSettings(**app))


def wait_for(what, seconds=60):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.02)


def connect(url, **options):
    return Client(url, verbose=False, analytics_enabled=False, **options)


def submit(client, path):
    return client.submit(handle_file(str(path)), 16, False, False, api_name="/analyze")


def cancel(job):
    """Cancel a call; before that call itself is answered, the client does not know what."""
    wait_for(lambda: job.communicator.event_id)
    job.cancel()


def upload(url, path, **headers) -> httpx.Response:
    """Upload by hand."""
    with Path(path).open("rb") as file:
        name = Path(path).name
        return httpx.post(f"{url}{API}upload", files={"files": (name, file)}, headers=headers)


def sent(url, path, **headers) -> dict:
    """Upload by hand; gives what a call takes."""
    (path,) = upload(url, path, **headers).json()
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def answered(url, call, clip) -> str:
    """Call by hand; gives all that is said until its end."""
    data = {"data": [[clip], 16] if call == "batch" else [clip, 16, False, False]}
    event = httpx.post(f"{url}{API}call/{call}", json=data).json()["event_id"]
    return httpx.get(f"{url}{API}call/{call}/{event}", timeout=60).text


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "interview.mp4"
    path.write_bytes(b"the fake detector does not open it")
    return path


def test_health_says_whether_the_server_lives_and_can_work():
    may = threading.Event()

    def load():
        may.wait(60)
        return FakeDetector()

    with serving(load) as (url, page):
        threading.Thread(target=page.runner.detector).start()
        assert httpx.get(f"{url}healthz").status_code == 200
        early = httpx.get(f"{url}readyz")
        assert (early.status_code, early.json()["status"]) == (503, "loading")
        may.set()
        wait_for(lambda: httpx.get(f"{url}readyz").status_code == 200)
        state = httpx.get(f"{url}readyz").json()
        assert state == {
            "status": "ready", "version": __version__, "model": "fake",
            "sha256": page.runner.loaded.bundle.sha256, "waiting": 0, "running": 0,
        }  # fmt: skip


def test_a_full_line_refuses_with_its_length_and_says_the_others_their_place(clip):
    detector = Deaf()
    with serving(detector, settings=settings(max_queue=1)) as (url, page):
        client = connect(url)
        first = submit(client, clip)
        wait_for(lambda: detector.paths)
        second = submit(client, clip)
        wait_for(lambda: page.runner.line.waiting == 1)
        health = httpx.get(f"{url}readyz").json()
        assert (health["waiting"], health["running"]) == (1, 1)
        words = "1 clip is waiting, and no more may wait; try again in a few minutes."
        for call in ("analyze", "batch"):
            assert words in answered(url, call, sent(url, clip, Origin=url))
        cancel(second)
        wait_for(lambda: page.runner.line.waiting == 0)
        assert detector.ended == []  # that one never began, and the first goes on
        cancel(first)
        wait_for(lambda: detector.ended == ["stopped"])
        wait_for(lambda: page.runner.line.running == 0)
        client.close()


def test_a_full_line_takes_no_files_of_programs_and_says_when_to_come_back(clip):
    detector = Deaf()
    with serving(detector, settings=settings(max_queue=1)) as (url, page):
        client = connect(url)
        first = submit(client, clip)
        wait_for(lambda: detector.paths)
        page.runner.line.took(7.4)
        second = submit(client, clip)
        wait_for(lambda: page.runner.line.waiting == 1)
        refused = upload(url, clip)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "8")
        assert refused.text.startswith("1 clip is waiting, and no more may wait")
        assert "nosniff" in refused.headers["x-content-type-options"]
        with clip.open("wb") as file:
            file.truncate(300_000_000)  # nobody waits until all of it is sent
        with pytest.raises(httpx.HTTPStatusError, match="429"):
            submit(client, clip).result(60)
        assert upload(url, __file__, Origin=url).status_code == 200  # a person still looks at it
        cancel(second)
        wait_for(lambda: page.runner.line.waiting == 0)
        assert upload(url, __file__).status_code == 200
        cancel(first)
        client.close()


def test_a_clip_that_takes_too_long_is_stopped_and_its_sender_told_the_limit(clip):
    detector = Deaf()
    with serving(detector, settings=settings(deadline_s=0.25)) as (url, _):
        client = connect(url)
        with pytest.raises(AppError, match="Stopped after 0.25 s, the longest that one clip may"):
            submit(client, clip).result(60)
        assert detector.ended == ["stopped"]
        (report,) = client.predict([handle_file(str(clip))], 16, api_name="/batch")
        assert report["status"] == "timeout"
        assert report["probability"] is None
        assert "Stopped after 0.25 s" in report["warnings"][0]["message"]
        client.close()


def test_whoever_hangs_up_or_cancels_frees_the_line_between_two_signs_of_life(clip):
    detector = Deaf()
    with serving(detector) as (url, page):
        call = f"{url}{API}call/analyze"
        event = httpx.post(call, json={"data": [sent(url, clip), 16, False, False]}).json()
        with httpx.stream("GET", f"{call}/{event['event_id']}", timeout=60):
            wait_for(lambda: detector.paths)
        wait_for(lambda: detector.ended == ["stopped"])
        number = next(n for n, fn in page.fns.items() if fn.api_name == "analyze")
        join = {
            "data": [sent(url, clip), 16, False, False], "fn_index": number, "session_hash": "one",
        }  # fmt: skip
        httpx.post(f"{url}{API}queue/join", json=join)
        with httpx.stream("GET", f"{url}{API}queue/data?session_hash=one", timeout=60):
            wait_for(lambda: len(detector.paths) == 2)
        wait_for(lambda: detector.ended == ["stopped"] * 2)
        client = connect(url)
        job = submit(client, clip)
        wait_for(lambda: len(detector.paths) == 3)
        cancel(job)
        wait_for(lambda: detector.ended == ["stopped"] * 3)
        wait_for(lambda: not len(page.runner.jobs))
        client.close()


def test_a_server_that_ends_lets_the_running_clip_finish_and_sends_the_others_away(clip):
    detector = FakeDetector(steps=20, pause_s=0.05)
    with serving(detector) as (url, page):
        client = connect(url)
        first = submit(client, clip)
        wait_for(lambda: detector.paths)
        second = submit(client, clip)
        wait_for(lambda: page.runner.line.waiting)
        ending = threading.Thread(target=server.stop, args=(page, 60))
        ending.start()
        wait_for(lambda: page.runner.line.closed)
        state = httpx.get(f"{url}readyz")
        assert (state.status_code, state.json()["status"]) == (503, "stopping")
        with pytest.raises(AppError, match="The server is being restarted; try again in a minute"):
            second.result(60)
        assert first.result(60)["status"] == "ok"
        assert detector.ended == ["done"]
        client.close()
        ending.join(60)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url}healthz")


def test_a_batch_under_way_at_the_end_gives_what_it_has_and_a_reason_for_the_rest(clip):
    detector = FakeDetector(steps=20, pause_s=0.05)
    with serving(detector) as (url, page):
        client = connect(url)
        for n in range(3):
            clip.with_name(f"{n}.mp4").write_bytes(str(n).encode())
        files = [handle_file(str(clip.with_name(f"{n}.mp4"))) for n in range(3)]
        batch = client.submit(files, 16, api_name="/batch")
        wait_for(lambda: detector.paths)
        ending = threading.Thread(target=server.stop, args=(page, 60))
        ending.start()
        reports = batch.result(60)
        assert [report["status"] for report in reports] == ["ok", "error", "error"]
        assert "The server is being restarted" in reports[2]["warnings"][0]["message"]
        client.close()
        ending.join(60)


def test_a_server_that_ends_stops_what_takes_longer_than_its_grace(clip, monkeypatch):
    monkeypatch.setattr(server, "STOPPED_S", 60)  # here it may be slow
    detector = Deaf()
    with serving(detector) as (url, page):
        client = connect(url)
        job = submit(client, clip)
        wait_for(lambda: detector.paths)
        ending = threading.Thread(target=server.stop, args=(page, 0.1))
        ending.start()
        with pytest.raises(AppError):
            job.result(60)
        assert detector.ended == ["stopped"]
        client.close()
        ending.join(60)


def test_uploads_go_with_the_answer_or_when_their_page_is_closed(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "GONE_S", 0.2)
    with serving(FakeDetector()) as (url, page):
        page.runner.uploads = uploads = Uploads(fresh_s=0.0)
        uploads.forget = page.upload_file_set.discard
        call = f"{url}{API}call/analyze"
        event = httpx.post(call, json={"data": [sent(url, clip), 16, False, False]}).json()
        assert "event: complete" in httpx.get(f"{call}/{event['event_id']}", timeout=60).text
        seen = page.runner.detector().paths[0]
        wait_for(lambda: not seen.parent.exists())
        assert str(seen) not in page.upload_file_set
        kept = page.state_holder.session_data, page._queue.pending_event_ids_session
        wait_for(lambda: not any(event["event_id"] in each for each in kept))
        other = tmp_path / "other.mp4"
        other.write_bytes(b"another one")
        path = Path(sent(url, other)["path"])
        with httpx.stream("GET", f"{url}{API}heartbeat/two", timeout=60) as alive:
            next(alive.iter_raw())
            uploads.hold(("two", "clip"), [str(path)])
            uploads.hold(("three", "clip"), [str(path)])
        wait_for(lambda: ("two", "clip") not in uploads._held)
        assert path.is_file()  # the other visitor's page is open
        uploads.leave("three")
        assert not path.exists()


def test_the_log_has_one_line_a_job_and_no_name_of_a_file(clip, capsys):
    private = clip.with_name("Ännchen at home.mp4")
    private.write_bytes(b"a clip that nobody is to know of")
    detector = FakeDetector()
    with serving(detector) as (url, _), logs.to_stderr("json"):
        client = connect(url)
        assert submit(client, private).result(60)["status"] == "ok"
        detector.error = RuntimeError(f"cannot decode {private.name}")
        with pytest.raises(AppError):
            submit(client, private).result(60)
        client.predict([handle_file(str(private))], 16, api_name="/batch")
        client.close()
    text = capsys.readouterr().err
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    jobs = [line for line in lines if line["message"] == "job"]
    assert [(job["kind"], job["status"]) for job in jobs] == [
        ("analyze", "ok"), ("analyze", "failed"), ("batch", "failed"),
    ]  # fmt: skip
    assert jobs[0]["people"] == 2 and jobs[0]["frames"] > 0
    assert not {"verdict", "probability", "name", "client"} & set(jobs[0])
    assert any("RuntimeError: cannot decode <file>" in line.get("trace", "") for line in lines)
    for hidden in ("nnchen", "at home", "127.0.0.1"):
        assert hidden not in text
