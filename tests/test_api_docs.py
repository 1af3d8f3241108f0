"""What docs/api.md tells programs to do, done; and as a tool of assistants."""

import asyncio
import base64
import importlib.util
import json
import re
import shutil
import signal
import socket
import subprocess
import webbrowser
from ast import literal_eval
from pathlib import Path

import httpx
import pytest
from fake_page import FakeDetector, served
from fake_report import make_report
from gradio_client import Client, handle_file

import app
from awarenet.errors import SettingsError
from awarenet.settings import AppSettings, Settings

DOCS = Path(app.__file__).parent / "docs" / "api.md"
ADDRESS = "http://127.0.0.1:7860/"  # as it stands in the text
HAS_MCP = importlib.util.find_spec("mcp") is not None


def snippet(language: str, holds: str) -> str:
    """The one block of code in that language that holds a word."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", DOCS.read_text("utf-8"), re.M | re.S)
    (found,) = [block for block in blocks if holds in block]
    assert ADDRESS in found
    return found


@pytest.fixture(scope="module")
def url():
    with served(FakeDetector()) as address:
        yield address


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a clip and a picture that the detector does not open."""
    for name in ("clip.mp4", "photo.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_of_the_page_for_programs_does_what_it_says(url, here, capsys):
    exec(compile(snippet("python", "gradio_client").replace(ADDRESS, url), str(DOCS), "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        "fake: 0.79 (0.66 to 0.89)",
        "person 1: fake, 0.79",
        "person 2: real, 0.13",
        "clip.mp4 ok fake",
        "photo.jpg ok fake",
    ]


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_curl_of_the_page_for_programs_gives_the_report(url, here):
    code = snippet("bash", "curl").replace(ADDRESS, url)
    outcome = subprocess.run(["bash", "-c", code], capture_output=True, check=True, timeout=60)
    assert json.loads(outcome.stdout) == [make_report(name="clip.mp4").to_dict()]


def test_the_page_for_programs_names_every_call_and_every_input_of_it(url):
    calls = httpx.get(f"{url}gradio_api/info").json()["named_endpoints"]
    rows = dict(re.findall(r"^\| `(/\w+)` \| (.*?) \|", DOCS.read_text("utf-8"), re.M))
    assert set(rows) == set(calls) == {"/analyze", "/batch"}
    for name, call in calls.items():
        inputs = [each["parameter_name"] for each in call["parameters"]]
        assert re.findall(r"`(\w+)`", rows[name]) == inputs


def test_the_page_can_be_installed_as_an_app(url):
    answer = httpx.get(f"{url}manifest.json")
    manifest = answer.json()
    assert answer.headers["content-type"].startswith("application/manifest+json")
    assert (manifest["name"], manifest["display"]) == ("AWARE-NET", "standalone")
    (icon,) = manifest["icons"]
    image = httpx.get(httpx.URL(url).join(icon["src"]))
    assert image.headers["content-type"].startswith("image/svg+xml")
    assert image.text == (DOCS.parents[1] / "assets" / "icon.svg").read_text("utf-8")
    assert 'rel="manifest"' in httpx.get(url).text


def test_tools_without_their_package_are_refused_with_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'gradio\[mcp\]==6\.31\.0'"):
        app.serve(None, AppSettings(mcp=True))


@pytest.mark.skipif(not HAS_MCP, reason="needs gradio[mcp]")
def test_an_assistant_finds_the_tool_and_gets_the_report(here):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def talk(url: str, *clips: str) -> tuple[list, list]:
        async with (
            streamable_http_client(f"{url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            wish = {"frames": 8, "heat_maps": False, "stability": False}
            return tools, [await session.call_tool("analyze", {"clip": c, **wish}) for c in clips]

    settings = Settings(app=AppSettings(mcp=True))
    with served(FakeDetector(), settings=settings, options={"mcp_server": True}) as url:
        content = "data:video/mp4;base64," + base64.b64encode(b"a clip").decode()
        (tool,), (good, own) = asyncio.run(talk(url, content, str(here / "clip.mp4")))
        client = Client(url, verbose=False)
        many = client.predict([handle_file("clip.mp4")], 8, api_name="/batch")
        client.close()
    assert tool.name == "analyze" and "Judge the faces" in tool.description
    assert list(tool.inputSchema["properties"]) == ["clip", "frames", "heat_maps", "stability"]
    assert not good.isError
    assert literal_eval(good.content[0].text) == make_report(name="file.mp4").to_dict()
    assert own.isError and "provide a url" in own.content[0].text
    assert [report["verdict"] for report in many] == ["fake"]


@pytest.mark.parametrize("asked", [True, False])
def test_the_page_opens_in_the_browser_when_asked(monkeypatch, saved, asked):
    opened, before = [], signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(webbrowser, "open", opened.append)
    serve = app.serve

    def serve_for_a_moment(page, settings, **options):
        serve(page, settings, **options, quiet=True)
        page.close()

    monkeypatch.setattr(app, "serve", serve_for_a_moment)
    monkeypatch.setattr(app.gr.Blocks, "block_thread", lambda page: None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    try:
        assert app.main(["--model", str(saved), "--port", port, *["--open"] * asked]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert opened == [f"http://127.0.0.1:{port}/"] * asked
