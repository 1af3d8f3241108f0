"""Content Credentials (C2PA): who signed a file, what was done to it, and whether that fits.

The specification: https://spec.c2pa.org/specifications/specifications/2.2/specs/C2PA_Specification.html
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from awarenet.errors import Canceled
from awarenet.printable import shown
from awarenet.provenance.words import remark
from awarenet.report import Credentials, Notice

DEADLINE_S = 30.0  # wall clock of the process that reads them
POLL_S = 0.1  # how soon it is noticed that the caller wants to stop
MOST = 40  # actions, problems and manifests that are listed
# what IPTC calls a picture that a trained model made, all of it or a part;
# https://cv.iptc.org/newscodes/digitalsourcetype/
AI_SOURCES = {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"}
NO_LIST = "signingCredential.untrusted"  # says nothing where no list of signers was given
READER = Path(__file__).with_name("reader_process.py")

Found = tuple["Credentials | None", list[Notice]]  # and remarks


def installed() -> bool:
    """Say whether c2pa-python is there."""
    return importlib.util.find_spec("c2pa") is not None


def read_credentials(
    path: Path, trust_anchors: str = "", should_stop: Callable[[], bool] = lambda: False
) -> Found:
    """Read a file's credentials; give them, or None, and what stands out.

    Args:
        path: Of a file, as nobody vouches for it.
        trust_anchors: Certificates in PEM of those whose signatures are trusted; empty: whether a
            signer is who they say cannot be told.
        should_stop: Asked ten times a second.

    Raises:
        Canceled: As asked. Nothing else, whatever is in the file.
    """
    answer = _ask(path, trust_anchors, should_stop)
    if "found" in answer:
        return _digest(answer["found"], bool(trust_anchors))
    if "remote" in answer:
        host = shown(urlsplit(str(answer["remote"])).hostname or "another machine")
        return None, [remark("remote_credentials", host=host)]
    if "error" in answer:
        return None, [remark("unread_credentials", error=shown(answer["error"]))]
    return None, []


def _ask(path: Path, trust_anchors: str, should_stop: Callable[[], bool]) -> dict:
    """Let a process of its own read the file; a crash or a hang of it is an error in words."""
    home = Path(importlib.util.find_spec("c2pa").origin).parents[1]
    command = [sys.executable, "-I", str(READER), str(home), str(path.resolve())]
    kept = {
        name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ
    }
    try:
        process = subprocess.Popen(
            command, env=kept, text=True, encoding="utf-8", errors="replace",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        return {"error": f"no process for it ({error.strerror})"}
    with process:
        end, text = time.monotonic() + DEADLINE_S, trust_anchors
        while True:
            try:
                output, _ = process.communicate(text, timeout=POLL_S)
                break
            except subprocess.TimeoutExpired:
                text = None  # it was handed over the first time
                late = time.monotonic() > end
                if late or should_stop():
                    process.kill()
                    process.communicate()
                    if not late:
                        raise Canceled(f"stopped reading {path.name}, as asked") from None
                    return {"error": f"it took over {DEADLINE_S:g} s"}
    try:
        answer = json.loads(output)
    except ValueError:
        return {"error": f"the library that reads them ended with code {process.returncode}"}
    return answer if isinstance(answer, dict) else {"error": "the library gave no answer"}


def _digest(report: object, with_list: bool) -> Found:
    """Sum up what c2pa reports; every part of it may be anything."""
    report = _dict(report)
    chain = list(_chain(report))
    active = chain[0] if chain else {}
    signature = _dict(active.get("signature_info"))
    state = str(report.get("validation_state", "")).lower()
    state = state if state in ("valid", "trusted") else "invalid"
    codes = [_dict(each).get("code") for each in _list(report.get("validation_status"))]
    problems = sorted({shown(code) for code in codes if code and (with_list or code != NO_LIST)})
    actions = [action for manifest in chain for action in _actions(manifest)]
    sources = {_last(action.get("digitalSourceType")) for action in actions} - {""}
    signer = [signature.get("common_name"), signature.get("issuer")]
    credentials = Credentials(
        state=state,
        signed_by=", ".join(dict.fromkeys(shown(part) for part in signer if part)) or None,
        signed_at=shown(signature["time"]) if signature.get("time") else None,
        made_with=_generator(active),
        actions=[_in_words(action) for action in actions[:MOST]],
        ai_generated=bool(sources & AI_SOURCES) if sources else None,
        problems=problems[:MOST],
    )
    return credentials, list(_remarks(credentials, with_list))


def _remarks(found: Credentials, with_list: bool) -> Iterator[Notice]:
    """Say what credentials mean, and what they do not."""
    code = "misfit" if found.state == "invalid" else "signed"
    yield remark(code, who=found.signed_by) if found.signed_by else remark(f"{code}_unnamed")
    if found.state == "invalid":
        return
    if not with_list:
        yield remark("unchecked_signer")
    elif found.state != "trusted":
        yield remark("untrusted_signer")
    if found.ai_generated:
        yield remark("signed_as_generated")


def _chain(report: dict) -> Iterator[dict]:
    """Give the active manifest, then those of what it was made from, step by step.

    Only a parent counts: an ingredient that was placed into the picture is a part of it.
    """
    manifests, seen = _dict(report.get("manifests")), set()
    label = report.get("active_manifest")
    while isinstance(label, str) and label in manifests and label not in seen and len(seen) < MOST:
        seen.add(label)
        manifest = _dict(manifests[label])
        yield manifest
        parents = [
            ingredient.get("active_manifest")
            for ingredient in map(_dict, _list(manifest.get("ingredients")))
            if ingredient.get("relationship") == "parentOf"
        ]
        label = parents[0] if parents else None


def _actions(manifest: dict) -> Iterator[dict]:
    for assertion in map(_dict, _list(manifest.get("assertions"))):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            yield from map(_dict, _list(_dict(assertion.get("data")).get("actions")))


def _in_words(action: dict) -> str:
    """Write an action as `created (trainedAlgorithmicMedia) by Painter 2`."""
    name = str(action.get("action") or "something").removeprefix("c2pa.")
    source, agent = _last(action.get("digitalSourceType")), action.get("softwareAgent")
    if isinstance(agent, dict):
        agent = " ".join(str(agent[key]) for key in ("name", "version") if agent.get(key))
    return shown(name + (f" ({source})" if source else "") + (f" by {agent}" if agent else ""))


def _generator(manifest: dict) -> str | None:
    """Name the program that wrote the claim."""
    infos = [_dict(each) for each in _list(manifest.get("claim_generator_info"))]
    names = [
        " ".join(str(info[key]) for key in ("name", "version") if info.get(key)) for info in infos
    ]
    text = ", ".join(filter(None, names)) or manifest.get("claim_generator")
    return shown(text) if text else None


def _last(uri: object) -> str:
    """Give the last part of a term's URI."""
    return str(uri or "").rstrip("/").rpartition("/")[2]


def _dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list:
    return value if isinstance(value, list) else []
