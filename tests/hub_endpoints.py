"""The endpoints of the stand-in Hub: what each takes, checks and answers, see hub_stand_in.py."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import yaml

if TYPE_CHECKING:
    from hub_stand_in import Commit, HubStandIn, Repository

OWNER = "me"
LARGE = 2_000  # bytes, from which on a file goes the way of large ones; so do all .safetensors


def git_oid(content: bytes) -> str:
    """Hash a small file as git does."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(path: str, size: int) -> bool:
    """Whether a file is kept apart from the repository (LFS)."""
    return size > 0 and (path.endswith(".safetensors") or size >= LARGE)


@dataclass(frozen=True)
class Request:
    """What the client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str = "", message: str = ""):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Endpoints(BaseHTTPRequestHandler):
    """Answers one connection."""

    hub: HubStandIn
    protocol_version = "HTTP/1.1"
    routes = (
        ("GET", r"/api/whoami-v2", "whoami"),
        ("POST", r"/api/validate-yaml", "validate"),
        ("POST", r"/api/repos/create", "create"),
        ("GET", r"/api/models/(\w+/[\w.-]+)/refs", "refs"),
        ("GET", r"/api/models/(\w+/[\w.-]+)/tree/([^/]+)", "tree"),
        ("GET", r"/api/models/(\w+/[\w.-]+)(?:/revision/([^/]+))?", "info"),
        ("POST", r"/api/models/(\w+/[\w.-]+)/preupload/([^/]+)", "preupload"),
        ("POST", r"/api/models/(\w+/[\w.-]+)/commit/([^/]+)", "commit"),
        ("POST", r"/api/models/(\w+/[\w.-]+)/tag/([^/]+)", "tag"),
        ("POST", r"/(\w+/[\w.-]+)\.git/info/lfs/objects/batch", "batch"),
        ("PUT", r"/large/([0-9a-f]{64})/(\d+)", "put"),
        ("GET", r"/(\w+/[\w.-]+)/resolve/([^/]+)/(.+)", "resolve"),
    )

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def setup(self) -> None:
        super().setup()
        self.hub.connections.add(self.connection)

    def finish(self) -> None:
        self.hub.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_HEAD = do_GET

    def _answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.body = self._read_chunks()
        path = unquote(urlsplit(self.path).path)
        request = Request(self.command, path, dict(self.headers.items()), self.body)
        self.hub.requests.append(request)
        time.sleep(self.hub.delay_s)
        method = "GET" if self.command == "HEAD" else self.command
        try:
            for wanted, pattern, step in self.routes:
                match = re.fullmatch(pattern, urlsplit(self.path).path)
                if match and wanted == method:
                    if status := self.hub.fails(step):
                        raise Refused(status, message=f"{step} fails on demand")
                    with self.hub.lock:
                        getattr(self, f"_{step}")(*[g and unquote(g) for g in match.groups()])
                    return
            raise Refused(404, message=f"the stand-in has no {self.command} {path}")
        except Refused as refused:
            said = self.hub.echo.format(authorization=self.headers.get("Authorization"))
            extra = {"X-Error-Code": refused.code, "X-Error-Message": said or refused.message}
            self._send({"error": said or refused.message}, refused.status, extra)

    def _read_chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(
        self, content: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def _let_in(self, *, write: bool = False) -> None:
        known = self.hub.tokens
        if known is not None and self._token() and self._token() not in known:
            raise Refused(401, message="Invalid credentials in Authorization header")
        if write and (known is not None and not self._token()):
            raise Refused(401, message="Invalid username or password.")
        if write and self._token() in self.hub.readers:
            raise Refused(403, message="you must use a write token")

    def _repository(self, name: str, *, write: bool = False) -> Repository:
        self._let_in(write=write)
        repository = self.hub.repositories.get(name)
        known = self.hub.tokens is None or self._token() in self.hub.tokens
        if repository is None or (repository.private and not known):
            # who is not logged in is not told whether there is one
            raise Refused(404 if self._token() else 401, "RepoNotFound", "Repository not found")
        return repository

    def _commit_of(self, name: str, revision: str | None) -> tuple[Repository, Commit]:
        repository = self._repository(name)
        commit = repository.at(revision or "main")
        if commit is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repository, commit

    def _json(self) -> dict:
        return json.loads(self.body)

    def _whoami(self) -> None:
        self._let_in(write=True)
        self._send({"type": "user", "name": OWNER, "orgs": []})

    def _validate(self) -> None:
        text = self._json()["content"]
        match = re.match(r"---\n(.*?)\n---\n", text, re.S)
        try:
            found = yaml.safe_load(match[1]) if match else {}
            errors = [] if isinstance(found, dict) else [{"message": "not a mapping"}]
        except yaml.YAMLError as error:
            errors = [{"message": str(error).splitlines()[0]}]
        self._send({"errors": errors, "warnings": []}, 400 if errors else 200)

    def _create(self) -> None:
        self._let_in(write=True)
        asked = self._json()
        name = f"{asked['organization'] or OWNER}/{asked['name']}"
        if name in self.hub.repositories:
            self._send({"error": "exists", "url": f"{self.hub.url}/{name}"}, 409)
            return
        private = asked.get("private") or asked.get("visibility") == "private"
        self.hub.create(name, private=bool(private))
        self._send({"url": f"{self.hub.url}/{name}", "name": name})

    def _info(self, name: str, revision: str | None) -> None:
        repository, commit = self._commit_of(name, revision)
        siblings = [{"rfilename": path} for path in commit.files]
        self._send({"_id": "0", "id": name, "modelId": name, "sha": commit.oid, "tags": [],
                    "private": repository.private, "gated": "manual" if repository.gated else False,
                    "downloads": 0, "siblings": siblings})  # fmt: skip

    def _refs(self, name: str) -> None:
        repository = self._repository(name)
        found = {
            kind: [
                {"name": key, "ref": f"refs/{kind}/{key}", "targetCommit": oid}
                for key, oid in refs.items()
            ]
            for kind, refs in (("branches", repository.branches), ("tags", repository.tags))
        }
        self._send({**found, "converts": []})

    def _tree(self, name: str, revision: str) -> None:
        _, commit = self._commit_of(name, revision)
        folders = {path.rpartition("/")[0] for path in commit.files if "/" in path}
        found = [{"type": "directory", "path": path, "oid": "0" * 40} for path in folders]
        for path, content in commit.files.items():
            row = {"type": "file", "path": path, "size": len(content), "oid": git_oid(content)}
            if is_large(path, len(content)):
                row["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content),
                              "pointerSize": 130}  # fmt: skip
            found.append(row)
        self._send(found)

    def _preupload(self, name: str, revision: str) -> None:
        commit = self._repository(name, write=True).at(revision)
        answers = []
        for file in self._json()["files"]:
            old = commit.files.get(file["path"])
            large = is_large(file["path"], file["size"])
            oid = None
            if old is not None:
                oid = hashlib.sha256(old).hexdigest() if large else git_oid(old)
            answers.append({"path": file["path"], "uploadMode": "lfs" if large else "regular",
                            "shouldIgnore": False, "oid": oid})  # fmt: skip
        self._send({"files": answers})

    def _batch(self, name: str) -> None:
        self._repository(name, write=True)
        answers = []
        for wanted in self._json()["objects"]:
            answer = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.hub.large:
                href = f"{self.hub.url}/large/{wanted['oid']}/{wanted['size']}"
                answer["actions"] = {"upload": {"href": href}}
            answers.append(answer)
        self._send({"transfer": "basic", "objects": answers})

    def _put(self, oid: str, size: str) -> None:
        if len(self.body) != int(size) or hashlib.sha256(self.body).hexdigest() != oid:
            raise Refused(400, message="size or SHA-256 is another")
        self.hub.large[oid] = self.body
        self._send(b"")

    def _commit(self, name: str, branch: str) -> None:
        repository = self._repository(name, write=True)
        lines = [json.loads(line) for line in self.body.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit", repository.head.oid) != repository.head.oid:
            raise Refused(412, message="A commit has happened since; refresh")
        files = dict(repository.head.files)
        for line in lines[1:]:
            kind, value = line["key"], line["value"]
            path = value["path"]
            if kind == "file":
                files[path] = base64.b64decode(value["content"])
            elif kind == "lfsFile" and value["oid"] in self.hub.large:
                files[path] = self.hub.large[value["oid"]]
            elif kind == "deletedFile" and path in files:
                del files[path]
            else:  # one bad line, and nothing of the commit is kept
                raise Refused(422, message=f"cannot do {kind} {path}")
        commit = repository.add(files, header["summary"])
        url = f"{self.hub.url}/{name}/commit/{commit.oid}"
        self._send({"success": True, "commitOid": commit.oid, "commitUrl": url, "hookOutput": ""})

    def _tag(self, name: str, revision: str) -> None:
        repository = self._repository(name, write=True)
        tag, commit = self._json()["tag"], repository.at(revision)
        if commit is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if tag in repository.tags:
            raise Refused(409, message="Tag reference exists already")
        repository.tags[tag] = commit.oid
        self._send(b"")

    def _resolve(self, name: str, revision: str, path: str) -> None:
        repository, commit = self._commit_of(name, revision)
        if repository.gated:
            raise Refused(403 if self._token() else 401, "GatedRepo", "Access is restricted")
        if path not in commit.files:
            raise Refused(404, "EntryNotFound", "Entry not found")
        content = commit.files[path]
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{git_oid(content)}"'}
        if is_large(path, len(content)):
            oid = hashlib.sha256(content).hexdigest()
            headers |= {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(content))}
        self._send(content, headers=headers)
