"""What stands before Gradio's server: headers, health, rate limits, and who has hung up.

It wraps the whole server (ASGI), so that not even an answer of Gradio's own layers goes out without
the headers. Own work: `slowapi` (MIT) limits functions that one decorates, and these are Gradio's;
`limits` (MIT) below it would be four packages for the ten lines of `Rate`.
"""

from __future__ import annotations

import json
import logging
import math
import re
from asyncio import get_running_loop
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import IPv6Address, ip_address, ip_network
from time import monotonic

from awarenet.settings import AppSettings
from awarenet.words import Words, words_for
from page.health import health
from page.line import Busy
from page.runner import Runner

logger = logging.getLogger("awarenet.page")

Scope = MutableMapping[str, object]
Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Gradio 6.31 starts with scripts in the page itself, and makes functions of text (`js=`), so that
# both have to be allowed; but nothing is loaded from, sent to or shown in any other site.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors "
)
NOT_USED = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
API = "/gradio_api"
STARTS = re.compile(rf"{API}/(?:(upload)|queue/join|call/.+)")  # an upload, or a job
STREAMS = re.compile(rf"{API}/(?:queue/data|call/(?:v2/)?[^/]+/(?P<event>[^/]+))")  # of answers
ALIVE = re.compile(rf"{API}/heartbeat/(?P<session>[^/]+)")  # open for as long as a page is
GONE_S = 5.0  # a page that has not come back by then is closed
MOST_CLIENTS = 10_000  # whose last minute is remembered
MOST_BYTES = 10_000  # of a body that cancels a job


class Rate:
    """So many a minute from each client: the generic cell rate algorithm, one number a client.

    Source: ITU-T I.371, A.1, virtual scheduling.
    """

    def __init__(self, per_minute: int):
        """Take how many, evenly or at once."""
        self._gap = 60.0 / per_minute
        self._span = 60.0 - self._gap
        self._next: OrderedDict[tuple[str, str], float] = OrderedDict()

    def wait_s(self, client: tuple[str, str], now: float) -> float:
        """Count one, and give 0; or give the seconds after which one will be taken."""
        due = max(self._next.get(client, now), now)
        if due - now > self._span + 1e-9:
            return due - now - self._span
        self._next[client] = due + self._gap
        self._next.move_to_end(client)
        while len(self._next) > MOST_CLIENTS:
            self._next.popitem(last=False)
        return 0.0


class Guard:
    """A server around a server."""

    def __init__(
        self, inner: App, runner: Runner, app: AppSettings, forget: Callable[[str], object]
    ):
        """Take the server to guard, what its health depends on, and who forgets a session."""
        self._inner, self._runner, self._forget = inner, runner, forget
        self._alive: Counter[str] = Counter()  # heartbeats of each session
        self._rate = Rate(app.rate_per_minute) if app.rate_per_minute else None
        self._root = app.root_path if app.root_path.startswith("/") else ""
        self.streams = 0  # answers that are being sent
        self._uploading = 0
        headers = {
            "content-security-policy": POLICY + (" ".join(app.frame_ancestors) or "'none'"),
            "permissions-policy": ", ".join(f"{name}=()" for name in NOT_USED),
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
        self._headers = [
            (name.encode(), value.encode("latin-1")) for name, value in headers.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in self._headers}
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in ours]
                message = {**message, "headers": [*kept, *self._headers]}
            await send(message)

        path, method = scope["path"].removeprefix(self._root), scope["method"]
        if path in ("/healthz", "/readyz") and method in ("GET", "HEAD"):
            state = health(self._runner)
            fine = path == "/healthz" or state["status"] == "ready"
            await reply(with_headers, 200 if fine else 503, state)
        elif method == "POST" and (wait_s := self._too_fast(scope, path)):
            say, retry = wanted_by(scope), (b"retry-after", str(wait_s).encode())
            words = say("Too many requests; try again in {seconds} s.", seconds=wait_s)
            await refuse(with_headers, 429, words, path, retry)
        elif method == "POST" and path.rstrip("/") == f"{API}/upload":
            if busy := self._crowded(scope):
                say, retry = wanted_by(scope), (b"retry-after", str(busy.next_s).encode())
                await refuse(with_headers, 429, busy.said(say), path, retry)
                return
            await self._upload(scope, receive, with_headers)
        elif method == "POST" and path.rstrip("/") == f"{API}/cancel":
            await self._cancel(scope, receive, with_headers)
        elif method == "GET" and (stream := STREAMS.fullmatch(path)):
            await self._stream(scope, receive, with_headers, stream["event"])
        elif method == "GET" and (alive := ALIVE.fullmatch(path)):
            await self._live(scope, receive, with_headers, alive["session"])
        else:
            await self._inner(scope, receive, with_headers)

    def _too_fast(self, scope: Scope, path: str) -> int:
        """Give the seconds for which a client has to wait, rounded up; 0: none."""
        found = STARTS.fullmatch(path.rstrip("/"))
        if self._rate is None or not found:
            return 0
        kind = "upload" if found[1] else "job"
        return math.ceil(self._rate.wait_s((client_of(scope), kind), monotonic()))

    def _crowded(self, scope: Scope) -> Busy | None:
        """Give why a program's file is not wanted now; to take it would slow those that wait.

        Whoever looks at the page may upload at any time: clips are chosen long before they are
        analyzed. Browsers say where a POST comes from, programs do not.
        """
        if b"origin" in dict(scope["headers"]):
            return None
        try:
            self._runner.line.check_room()
        except Busy as busy:
            return busy
        return None

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand an upload on; of one that is cut off, or finds no room, nothing stays behind.

        Gradio 6.31 leaves what it has got of it on the disk.
        """
        status, gone, full = 0, False, None

        async def listen() -> Message:
            nonlocal gone
            message = await receive()
            gone = gone or message["type"] == "http.disconnect"
            return message

        async def tell(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            if status != 500:
                await send(message)

        self._uploading += 1
        try:
            await self._inner(scope, listen, tell)
        except Exception as error:
            if not (gone or isinstance(error, OSError)):
                raise
            if not gone:
                full = error  # the disk is, or it is gone
        finally:
            self._uploading -= 1
            if status != 200:
                self._runner.uploads.sweep(alone=not self._uploading)
        if full:
            logger.error("an upload cannot be stored: %s", full.strerror)
            say = wanted_by(scope)
            words = say("There is no room for this file at the moment; try again later.")
            await refuse(send, 507, words, scope["path"])

    async def _cancel(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stop the job that a client cancels within a frame; Gradio waits for its next sign.

        Gradio 6.31 would cancel all that the session has of that kind.
        """
        messages, body = [], b""
        while len(body) < MOST_BYTES:
            messages.append(await receive())
            body += messages[-1].get("body", b"")
            if not messages[-1].get("more_body"):
                break
        try:
            asked = json.loads(body)
        except ValueError:
            asked = None  # Gradio says what is wrong with it
        event = asked.get("event_id") if isinstance(asked, dict) else None
        if isinstance(event, str) and self._runner.jobs.cancel(event):
            await reply(send, 200, {"success": True})
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._inner(scope, again, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, event: str | None) -> None:
        """Hand an answer's stream on; whoever hangs up before its end wants it no more."""
        ended = False

        async def listen() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect" and not ended:
                session = re.search(rb"(?:^|&)session_hash=([^&]*)", scope["query_string"])
                if event:
                    self._runner.jobs.halt(event=event)
                elif session:
                    self._runner.halt(session[1].decode("latin-1"))
            return message

        async def tell(message: Message) -> None:
            nonlocal ended
            ended = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        self.streams += 1
        try:
            await self._inner(scope, listen, tell)
        finally:
            self.streams -= 1
            if event:  # such a call is a session of its own
                get_running_loop().call_later(GONE_S, self._forget, event)

    async def _live(self, scope: Scope, receive: Receive, send: Send, session: str) -> None:
        """Hand a heartbeat on; when it ends, and none follows, the page has been closed."""

        def check() -> None:
            if session not in self._alive:
                self._runner.leave(session)
                self._forget(session)

        self._alive[session] += 1
        try:
            await self._inner(scope, receive, send)
        finally:
            self._alive[session] -= 1
            if not self._alive[session]:
                del self._alive[session]
            get_running_loop().call_later(GONE_S, check)


async def reply(send: Send, status: int, content: object, *headers: tuple[bytes, bytes]) -> None:
    """Send text, or anything else as JSON."""
    plain = isinstance(content, str)
    body = content.encode() if plain else json.dumps(content).encode()
    kind = b"text/plain; charset=utf-8" if plain else b"application/json"
    about = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    about.append((b"cache-control", b"no-store"))
    await send({"type": "http.response.start", "status": status, "headers": [*about, *headers]})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, status: int, words: str, path: str, *headers: tuple) -> None:
    """Send words as Gradio's page shows them: of an upload all of the body, else the detail."""
    upload = path.rstrip("/").endswith("/upload")
    await reply(send, status, words if upload else {"detail": words, "error": words}, *headers)


def wanted_by(scope: Scope) -> Words:
    """Give the words of whoever sent a request."""
    accepted = dict(scope["headers"]).get(b"accept-language", b"")
    return words_for(accepted.decode("latin-1"))


def client_of(scope: Scope) -> str:
    """Name who sent a request; of IPv6 the network, of which one household has a whole /64."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((host, 64), strict=False)) if isinstance(address, IPv6Address) else host
