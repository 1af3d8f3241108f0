"""The Hugging Face Hub in miniature, over HTTP on this machine, for its real client to talk to.

It keeps repositories as the Hub does (commits that are written whole, tags, large files apart from
small ones), checks what it is sent, records every request, and fails on demand: see `HubStandIn`.
The endpoints are those that huggingface_hub 1.31 to 2.4 calls; `client_environment` points it here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path

from hub_endpoints import Endpoints, Request, git_oid


@dataclass
class Commit:
    """One state of a repository."""

    oid: str
    files: dict[str, bytes]
    title: str = ""
    parent: str | None = None


@dataclass
class Repository:
    """Commits, oldest first, and what points at them."""

    private: bool
    commits: list[Commit]
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    gated: bool = False

    @property
    def head(self) -> Commit:
        """What the main branch points at."""
        return self.at("main")

    def at(self, revision: str) -> Commit | None:
        """Find the commit of a branch, a tag or a hash."""
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        return next((commit for commit in self.commits if commit.oid == oid), None)

    def add(self, files: Mapping[str, bytes], title: str) -> Commit:
        """Put a commit on the main branch."""
        parent = self.commits[-1].oid if self.commits else None
        listing = [(path, git_oid(content)) for path, content in sorted(files.items())]
        oid = hashlib.sha1(repr((parent, title, listing, len(self.commits))).encode()).hexdigest()
        self.commits.append(Commit(oid, dict(files), title, parent))
        self.branches["main"] = oid
        return self.commits[-1]


class HubStandIn:
    """A Hub that listens from `__enter__` to `__exit__`.

    Attributes:
        tokens: Those that are let in; None lets everybody in.
        readers: Of those, the ones that may not write.
        fail: By step, the HTTP status to answer with instead of doing it: info, create, preupload,
            batch, put, commit, tag, refs, tree, resolve. With `fail_after` a step fails only once
            it was done that often, with `fail_times` only so often.
        delay_s: Seconds before every answer.
        echo: Text that a refusal quotes; "{authorization}" stands for the header that came.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}  # by SHA-256
        self.requests: list[Request] = []
        self.tokens: set[str] | None = None
        self.readers: set[str] = set()
        self.fail: dict[str, int] = {}
        self.fail_after: dict[str, int] = {}
        self.fail_times: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.delay_s = 0.0
        self.echo = ""
        self.lock = threading.RLock()
        self.connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    def __enter__(self) -> HubStandIn:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Its address, also while it is stopped."""
        return f"http://127.0.0.1:{self._port}"

    def reset(self) -> None:
        """Forget what was asked, and stop failing; the repositories stay."""
        self.requests.clear()
        for switches in (self.fail, self.fail_after, self.fail_times, self.done):
            switches.clear()
        self.tokens, self.readers, self.delay_s, self.echo = None, set(), 0.0, ""
        if self._server is None:
            self.start()

    def start(self) -> None:
        """Listen, at the same address as before."""
        handler = type("Handler", (Endpoints,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            for connection in list(self.connections):  # the client keeps them for later
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._server = None

    def create(self, name: str, *, private: bool = False, **files: bytes) -> Repository:
        """Make a repository as the Hub does, with a first commit of its own."""
        repository = Repository(private, [])
        repository.add({".gitattributes": b"*.safetensors filter=lfs\n", **files}, "initial commit")
        self.repositories[name] = repository
        return repository

    def fails(self, step: str) -> int | None:
        """Count a step; give the status to fail with, if it is to fail now."""
        with self.lock:
            count = self.done[step] = self.done.get(step, 0) + 1
            status = self.fail.get(step)
            after = self.fail_after.get(step, 0)
            if status and after < count <= after + self.fail_times.get(step, 1 << 30):
                return status
        return None

    def asked(self, method: str, pattern: str) -> list[Request]:
        """Requests of a method whose path matches a pattern."""
        return [r for r in self.requests if r.method == method and re.search(pattern, r.path)]


def client_environment(hub: HubStandIn, home: Path, token: str | None = None) -> dict[str, str]:
    """Environment of a process whose Hub client is to talk to the stand-in and to nothing else."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HUGGING", "AWARENET_", "TRACKIO_"))
        and not name.lower().endswith("_proxy")
    }
    own = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    return kept | own | ({"HF_TOKEN": token} if token else {})
