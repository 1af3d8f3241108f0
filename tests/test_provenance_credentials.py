"""Content Credentials are read with care, whatever is in the file."""

from __future__ import annotations

import io
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from clips import write_clip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from signing import NOISE, Signer, certificates, jpeg, read, remark

from awarenet.errors import Canceled
from awarenet.provenance import credentials
from awarenet.provenance.credentials import _digest


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", [NOISE] * 3)


@pytest.fixture(scope="module")
def photograph(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photographs") / "a.png"
    Image.fromarray(NOISE).save(path)
    return path


@pytest.fixture(scope="module")
def signed(signer, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("signed") / "signed.jpg"
    path.write_bytes(signer.sign(jpeg(), "image/jpeg"))
    return path


def test_a_signed_photograph_says_who_signed_it_and_what_was_done(signed):
    found = read(signed)
    assert found.looked_for_credentials
    assert found.credentials.model_dump() == {
        "state": "valid",
        "signed_by": "Ann Signer, Test Desk",
        "signed_at": None,
        "made_with": "Studio 3",
        "actions": ["created (trainedAlgorithmicMedia) by Painter 2"],
        "ai_generated": True,
        "problems": [],
    }
    remark(found, "made by a generative model")
    remark(found, "Whether the signer is who they say was not checked")


def test_a_signer_on_the_list_is_trusted_and_one_beside_it_is_not(signer, signed):
    found = read(signed, trust_anchors=signer.root.decode())
    assert (found.credentials.state, found.credentials.problems) == ("trusted", [])
    assert not [text for text in found.remarks if "list" in text]
    stranger = read(signed, trust_anchors=certificates()[2].decode())
    assert stranger.credentials.state == "valid"
    assert stranger.credentials.problems == ["signingCredential.untrusted"]
    remark(stranger, "not on the list of trusted signers")


def test_a_signed_clip_is_read_too(signer, clip, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(signer.sign(clip.read_bytes(), "video/mp4"))
    assert read(path).credentials.state == "valid"


def test_a_file_that_was_changed_after_signing_is_told(signed, tmp_path):
    data = bytearray(signed.read_bytes())
    data[-100] ^= 1  # in the picture, far behind the credentials
    path = tmp_path / "changed.jpg"
    path.write_bytes(data)
    found = read(path)
    assert found.credentials.state == "invalid"
    assert found.credentials.problems == ["assertion.dataHash.mismatch"]
    remark(found, "changed after it was signed")
    assert not [text for text in found.remarks if "not changed since" in text]


def test_credentials_of_another_file_do_not_fit(signed, tmp_path):
    other = np.roll(NOISE, 7, axis=0)
    buffer = io.BytesIO()
    Image.fromarray(other).save(buffer, "JPEG")
    plain, data = jpeg(), signed.read_bytes()
    assert data.startswith(plain[:2])
    taken = data[2 : len(data) - (len(plain) - 2)]  # the segment that signing put in
    path = tmp_path / "stolen.jpg"
    path.write_bytes(plain[:2] + taken + buffer.getvalue()[2:])
    assert read(path).credentials.state == "invalid"


def test_a_file_without_credentials_has_none_and_no_word_on_them(tmp_path):
    (tmp_path / "plain.jpg").write_bytes(jpeg())
    found = read(tmp_path / "plain.jpg")
    assert found.credentials is None
    assert found.container == {"format": "jpeg"}
    assert found.remarks == [remark(found, "It names no camera.")]


def test_nothing_is_fetched_from_an_address_in_the_file(signer, tmp_path):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/a.c2pa"
        data = signer.sign(jpeg(), "image/jpeg", address)
        (tmp_path / "remote.jpg").write_bytes(data)
        found = read(tmp_path / "remote.jpg")
        assert asked == []
        with pytest.raises(signer.c2pa.C2paError):  # else the test would see nothing at all
            signer.c2pa.Reader("image/jpeg", io.BytesIO(data), context=signer.c2pa.Context())
        server.shutdown()
    assert asked == ["/a.c2pa"]
    assert found.credentials is None
    remark(found, "It points to Content Credentials at 127.0.0.1; they were not fetched")


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.png", "a.mp4", "a.webm", "a.avi", "a.gif", "none.mp4"]
)
def test_a_file_that_is_something_else_is_no_error(tmp_path, name):
    (tmp_path / name).write_bytes(b"" if name == "none.mp4" else b"not media " * 99)
    found = read(tmp_path / name)
    assert found.credentials is None
    assert found.container == {}
    remark(found, "metadata could not be read")


def test_broken_credentials_are_no_error(signed, tmp_path):
    data, path = signed.read_bytes(), tmp_path / "broken.jpg"
    start = data.index(b"jumb")
    for seed in range(8):
        random, broken = np.random.default_rng(seed), bytearray(data)
        for place in random.integers(start, start + 4000, 1 + seed):
            broken[place] = random.integers(256)
        path.write_bytes(broken[: len(data) if seed % 3 else len(data) // 2])
        found = read(path)
        assert found.credentials is None or found.credentials.state in ("invalid", "valid")


@pytest.fixture
def as_reader(tmp_path, monkeypatch):
    """Let another program stand in for the one that reads credentials."""
    pytest.importorskip("c2pa", reason="needs the extra provenance")

    def stand_in(code: str) -> None:
        (tmp_path / "reader.py").write_text(code)
        monkeypatch.setattr(credentials, "READER", tmp_path / "reader.py")

    return stand_in


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.abort()", "ended with code -6"),
        ("print('[1]')", "gave no answer"),
        ("print('{')", "ended with code 0"),
        ("import json; print(json.dumps({'error': 'Io: x' * 999}))", "could not be read: Io: x"),
    ],
)
def test_a_reader_that_fails_is_a_remark(as_reader, photograph, code, words):
    as_reader(code)
    found = read(photograph)
    assert found.credentials is None
    assert words in remark(found, "Content Credentials")
    assert found.container["format"] == "png"


def test_a_reader_that_hangs_is_ended(as_reader, photograph, monkeypatch):
    as_reader("import time; time.sleep(600)")
    monkeypatch.setattr(credentials, "DEADLINE_S", 0.3)
    start = time.monotonic()
    remark(read(photograph), "it took over 0.3 s")
    assert time.monotonic() - start < 10


def test_stop_does_not_wait_for_the_reader(as_reader, photograph):
    as_reader("import time; time.sleep(600)")
    start = time.monotonic()
    with pytest.raises(Canceled):
        read(photograph, should_stop=lambda: True)
    assert time.monotonic() - start < 10


def test_without_the_library_it_says_that_it_did_not_look(photograph, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = read(photograph)
    assert (found.credentials, found.looked_for_credentials) == (None, False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["active_manifest", "manifests", "assertions", "data", "actions", "label", "action",
             "signature_info", "validation_status", "code", "ingredients", "relationship", "a",
             "claim_generator_info", "name", "digitalSourceType", "softwareAgent", "time"]
        ) | st.text(max_size=3),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(report=JSON)
def test_whatever_the_library_reports_is_summed_up(report):
    found, remarks = _digest(report, False)
    assert found.state in ("valid", "trusted", "invalid")
    assert remarks


def test_what_was_done_to_a_parent_counts_and_what_was_done_to_a_part_does_not():
    def manifest(source: str, **more: object) -> dict:
        action = {"action": "c2pa.created", "digitalSourceType": f"http://x/{source}"}
        actions = {"label": "c2pa.actions", "data": {"actions": [action]}}
        return {"assertions": [actions], **more}

    parts = [
        {"relationship": "componentOf", "active_manifest": "painted"},
        {"relationship": "parentOf", "active_manifest": "taken"},
    ]
    report = {
        "active_manifest": "edited",
        "validation_state": "Valid",
        "manifests": {
            "edited": {"assertions": [], "ingredients": parts},
            "taken": manifest(
                "digitalCapture",
                ingredients=[{"relationship": "parentOf", "active_manifest": "edited"}],  # a ring
            ),
            "painted": manifest("trainedAlgorithmicMedia"),
        },
    }
    found, _ = _digest(report, False)
    assert (found.actions, found.ai_generated) == (["created (digitalCapture)"], False)
    report["manifests"]["edited"]["ingredients"][0]["relationship"] = "parentOf"
    found, _ = _digest(report, False)
    assert (found.actions, found.ai_generated) == (["created (trainedAlgorithmicMedia)"], True)
