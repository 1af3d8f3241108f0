"""Who gets in and what they may bring: headers, passwords, rates, and what strangers try."""

import errno
import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from fake_page import FakeDetector, Stage, served
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from awarenet.errors import SettingsError
from awarenet.settings import AppSettings, Settings

API = "gradio_api/"
NAMES = {
    "tags": '<img src=x onerror="alert(1)">.mp4',
    "parts": "../../../../escaped.mp4",
    "windows": "..\\..\\escaped.mp4",
    "absolute": "/etc/cron.d/escaped.mp4",
    "lines": "one\r\nSet-Cookie: a=b\r\n\r\ntwo.mp4",
    "long": "ä" * 125 + ".mp4",  # 254 bytes of UTF-8
    "right to left": "clip\u202egpj.mp4",
    "nothing": ".mp4",
    "braces": "${7*7}{{7*7}}%s%n.mp4",
}


def wait_for(what, seconds=60):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def stage():
    on = Stage()
    app = AppSettings(frame_ancestors=("'self'",))
    with served(on, settings=Settings(app=app)) as url:
        on.detector, on.url = FakeDetector(), url
        yield on


def posted(url, name, content=b"a clip", client=httpx) -> httpx.Response:
    """Upload with a name exactly as it stands, which httpx would put in order."""
    body = b'--cut\r\nContent-Disposition: form-data; name="files"; filename="' + name.encode()
    body += b'"\r\nContent-Type: video/mp4\r\n\r\n' + content + b"\r\n--cut--\r\n"
    about = {"Content-Type": "multipart/form-data; boundary=cut"}
    return client.post(f"{url}{API}upload", content=body, headers=about, timeout=60)


def answered(url, data, call="analyze") -> str:
    """Call by hand; gives the whole stream, or the refusal."""
    asked = httpx.post(f"{url}{API}call/{call}", json={"data": data}, timeout=60)
    if asked.status_code != 200:
        return f"event: error {asked.status_code}"
    return httpx.get(f"{url}{API}call/{call}/{asked.json()['event_id']}", timeout=60).text


def a_file(path, **more) -> dict:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def test_every_answer_has_the_headers(stage):
    ask = httpx.Client(base_url=stage.url)
    answers = [
        ask.get(""), ask.get("config"), ask.get("healthz"), ask.get("no/such/place"),
        ask.get("theme.css"), ask.get(f"{API}file=/etc/passwd"), ask.post(f"{API}upload"),
        ask.post(f"{API}queue/join", content=b"{"), ask.get("assets/%2e%2e/index.html"),
        ask.options("config", headers={"Origin": "https://a.example",
                                       "Access-Control-Request-Method": "GET"}),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} >= {200, 403, 404, 422}
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and policy.endswith("frame-ancestors 'self'")
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "camera=()" in answer.headers["permissions-policy"]


def test_a_space_may_show_the_page_in_its_frame_and_nobody_may_where_nothing_is_said():
    assert AppSettings().frame_ancestors == ("'self'", "https://huggingface.co")
    for bad in ("https://a.example; script-src *", "a b", "a\nb", "a,b"):
        with pytest.raises(ValueError, match="frame_ancestors"):
            AppSettings(frame_ancestors=(bad,))
    with served(FakeDetector(), settings=Settings(app=AppSettings(frame_ancestors=()))) as url:
        policy = httpx.get(f"{url}healthz").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors 'none'")


def test_the_page_asks_for_a_password_and_health_does_not(tmp_path):
    clip, file = tmp_path / "clip.mp4", tmp_path / "who"
    clip.write_bytes(b"a clip")
    file.write_text("# who may\n\nann:with:colon\nbob:b\n")
    with served(FakeDetector(), settings=Settings(app=AppSettings(auth_file=str(file)))) as url:
        assert httpx.get(f"{url}healthz").status_code == 200
        assert httpx.get(f"{url}config").status_code == 401
        assert posted(url, "clip.mp4").status_code == 401
        assert httpx.post(f"{url}{API}call/analyze", json={"data": []}).status_code == 401
        wrong = httpx.post(f"{url}login", data={"username": "ann", "password": "with"})
        assert wrong.status_code == 400
        client = Client(url, auth=("ann", "with:colon"), verbose=False, analytics_enabled=False)
        report = client.predict(handle_file(str(clip)), 16, False, False, api_name="/analyze")
        assert report["status"] == "ok"
        client.close()


def test_a_client_that_is_too_fast_is_told_when_to_come_back(tmp_path):
    app = AppSettings(rate_per_minute=2)
    with served(FakeDetector(), settings=Settings(app=app)) as url:
        assert [posted(url, "a.mp4").status_code for _ in range(2)] == [200, 200]
        refused = posted(url, "a.mp4")
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert "nosniff" in refused.headers["x-content-type-options"]
        far = {"X-Forwarded-For": "203.0.113.9"}  # anybody can say so
        assert posted(url, "a.mp4", client=httpx.Client(headers=far)).status_code == 429
        jobs = [httpx.post(f"{url}{API}call/analyze", json={"data": []}) for _ in range(3)]
        assert [job.status_code for job in jobs][2] == 429  # counted apart from uploads
        assert jobs[2].json()["detail"].startswith("Too many requests; try again in ")
        german = posted(url, "a.mp4", client=httpx.Client(headers={"Accept-Language": "de"}))
        assert german.text.startswith("Zu viele Anfragen")
        assert httpx.get(url).status_code == 200


def test_behind_a_proxy_that_is_trusted_each_client_has_its_own_rate():
    app = AppSettings(rate_per_minute=1, trusted_proxies=("127.0.0.0/8",), root_path="/fakes")
    with served(FakeDetector(), settings=Settings(app=app)) as url:
        sent = [
            posted(url, "a.mp4", client=httpx.Client(headers={"X-Forwarded-For": address}))
            for address in ("203.0.113.9", "203.0.113.9", "203.0.113.10", "2001:db8::1",
                            "2001:db8::2")
        ]  # fmt: skip
        # of IPv6, a whole /64 is one client
        assert [answer.status_code for answer in sent] == [200, 429, 200, 200, 429]
        config = httpx.get(f"{url}config", headers={"X-Forwarded-Host": "a.example"}).json()
        assert config["root"] == "http://a.example/fakes"
        assert httpx.get(f"{url}healthz").status_code == 200
        assert httpx.get(f"{url}fakes/healthz").status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_an_upload_is_a_path_or_html(stage, name):
    stage.detector = FakeDetector()
    root = Path(os.environ["GRADIO_TEMP_DIR"])
    answer = posted(stage.url, NAMES[name])
    assert "set-cookie" not in answer.headers
    if answer.status_code != 200:
        assert answer.status_code == 400
        return
    (path,) = answer.json()
    assert Path(path).is_file()
    assert Path(path).parent.parent == root  # a folder named by its content, and a plain name
    assert not set("<>\r\n\\") & set(path)
    outcome = answered(stage.url, [a_file(path, orig_name=NAMES[name]), 16, False, False])
    if "event: complete" not in outcome:
        assert "event: error" in outcome
        assert stage.detector.paths == []
    else:
        assert [each.parent.parent for each in stage.detector.paths] == [root]
    assert "<img" not in outcome


def test_no_path_or_address_in_a_call_is_read(stage, tmp_path):
    stage.detector = FakeDetector()
    asked, private = [], tmp_path / "private.mp4"
    private.write_bytes(b"a clip of the server's own")

    class Inside(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET
        log_message = None

    inside = HTTPServer(("127.0.0.1", 0), Inside)
    threading.Thread(target=inside.serve_forever, daemon=True).start()
    local = f"http://127.0.0.1:{inside.server_port}/secret.mp4"
    (upload,) = posted(stage.url, "a.mp4").json()
    tries = [
        a_file("/etc/passwd"), a_file(str(private)), a_file(f"file://{private}"),
        a_file(f"{Path(upload).parent}/../../../../../../{private}"), a_file("app.py"),
        a_file(local), a_file("a.mp4", url=local), a_file(None, url=f"file://{private}"),
        a_file(None, url=local), a_file(f"/gradio_api/file={private}"),
        a_file("concat:/etc/passwd|/etc/passwd.mp4"), {"path": ["/etc/passwd"]}, str(private),
        local, [a_file(str(private))],
    ]  # fmt: skip
    for data in tries:
        outcome = answered(stage.url, [data, 16, False, False])
        assert "event: error" in outcome and "event: complete" not in outcome, data
        assert "root:" not in outcome and "server's own" not in outcome
    for data in ([a_file(str(private))], [a_file(local)]):
        assert "event: error" in answered(stage.url, [data, 16], "batch")
    inside.shutdown()
    inside.server_close()
    assert (asked, stage.detector.paths) == ([], [])


def test_nothing_outside_the_uploads_is_served(stage):
    for place in ("/etc/passwd", "app.py", f"{Path(__file__)}", "http://127.0.0.1:1/", "../app.py"):
        answer = httpx.get(f"{stage.url}{API}file={place}")
        assert answer.status_code in (403, 404), place
        assert "import" not in answer.text
    (path,) = posted(stage.url, "page.html", b"<script>alert(1)</script>").json()
    answer = httpx.get(f"{stage.url}{API}file={path}")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert not answer.headers["content-type"].startswith("text/html")


def test_a_name_in_an_error_of_ours_is_no_html(stage, tmp_path):
    stage.detector = FakeDetector(error=SettingsError('<a href="x">a.mp4</a>'))
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"a clip")
    client = Client(stage.url, verbose=False, analytics_enabled=False)
    with pytest.raises(AppError) as caught:
        client.predict(handle_file(str(clip)), 16, False, False, api_name="/analyze")
    client.close()
    assert "<a" not in str(caught.value) and "&lt;a" in str(caught.value)


def test_no_other_way_leads_to_an_analysis_past_the_line(stage):
    stage.detector = FakeDetector()
    for way in ("run/analyze", "api/analyze", "run/predict"):
        body = json.dumps({"data": [None, 16, False, False], "fn_index": 0})
        answer = httpx.post(f"{stage.url}{API}{way}", content=body)
        assert answer.status_code in (404, 422), way


def test_a_header_of_a_request_cannot_be_smuggled_into_the_answer(stage):
    host, port = httpx.URL(stage.url).host, httpx.URL(stage.url).port
    with socket.create_connection((host, port), 30) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\x00\r\nConnection: close\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 400")


def test_nothing_stays_of_an_upload_that_is_cut_off_or_finds_no_room(stage, monkeypatch, caplog):
    root = Path(os.environ["GRADIO_TEMP_DIR"])
    before = set(root.glob("tmp*"))
    host, port = httpx.URL(stage.url).host, httpx.URL(stage.url).port
    with socket.create_connection((host, port), 30) as line:
        line.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
            b"Content-Type: multipart/form-data; boundary=cut\r\n\r\n--cut\r\n"
            b'Content-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n'
            + b"0"
            * 99_999
        )
        wait_for(lambda: set(root.glob("tmp*")) - before)
    wait_for(lambda: not set(root.glob("tmp*")) - before)

    async def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gradio.route_utils.GradioUploadFile.write", full)
    refused = posted(stage.url, "a.mp4")
    assert refused.status_code == 507
    assert refused.text == "There is no room for this file at the moment; try again later."
    assert not set(root.glob("tmp*")) - before
    assert "an upload cannot be stored: No space left on device" in caplog.text
    monkeypatch.undo()
    assert posted(stage.url, "a.mp4").status_code == 200
