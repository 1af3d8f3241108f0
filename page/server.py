"""Starts the page's server, asks for passwords, and ends it without cutting anybody off."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic, sleep

import gradio as gr

from awarenet.errors import SettingsError
from awarenet.settings import ROOT, AppSettings
from page.guard import Guard
from page.language import translations
from page.runner import Runner

SESSIONS = 500  # whose answers Gradio remembers, those of closed pages not among them
THREADS = 40  # for all that is not waiting in line; Gradio's own default
FLOOD = 1000  # requests that Gradio itself lets wait for a thread
STOPPED_S = 2.0  # a job that is told to stop has stopped by then, and its answer is out
PASSWORDS = "AWARENET_AUTH"
THEME = gr.themes.Default(
    primary_hue=gr.themes.colors.blue,
    neutral_hue=gr.themes.colors.slate,
    radius_size=gr.themes.sizes.radius_sm,
    font=(gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"),
).set(button_primary_background_fill="*primary_700")


class Page(gr.Blocks):
    """The page, and what runs its analyses."""

    runner: Runner
    guard: Guard


def serve(page: Page, app: AppSettings, **options: object) -> None:
    """Start the server; what `options` says goes to `launch` and wins.

    Raises:
        SettingsError: A package that the settings need is missing, or passwords cannot be read.
    """
    if app.mcp and importlib.util.find_spec("mcp") is None:
        raise SettingsError(
            f"app.mcp = true needs a package that is not here; pip install "
            f"'gradio[mcp]=={gr.__version__}', or set app.mcp = false"
        )
    # clips wait in our line (page/line.py), a thread each, and nothing waits in Gradio's queue
    page.queue(max_size=FLOOD, default_concurrency_limit=None, api_open=False)
    # read by uvicorn when it starts; its own default would believe whoever is on this machine
    os.environ["FORWARDED_ALLOW_IPS"] = ",".join(app.trusted_proxies)
    launch = {
        "server_name": app.host, "server_port": app.port, "max_file_size": app.max_upload,
        "max_threads": THREADS + app.max_queue, "state_session_capacity": SESSIONS,
        "auth": passwords(app.auth_file), "root_path": app.root_path or None,
        "app_kwargs": {"lifespan": guarded(page, app)},
        "theme": THEME, "css_paths": ROOT / "assets" / "page.css", "footer_links": ["api"],
        "show_error": False, "enable_monitoring": False, "run_history": False, "share": False,
        "ssr_mode": False, "mcp_server": app.mcp, "pwa": True, "i18n": translations(),
        "favicon_path": ROOT / "assets" / "icon.svg",
    }  # fmt: skip
    page.launch(**{**launch, **options})


def guarded(page: Page, app: AppSettings) -> Callable:
    """Give what puts the guard before Gradio's server, when that starts."""

    @contextlib.asynccontextmanager
    async def lifespan(server) -> AsyncIterator[None]:
        # not as one of its middlewares: Gradio puts its own, which answer too, before those
        inner, forgets = server.middleware_stack, partial(forget, page)
        page.guard = server.middleware_stack = Guard(inner, page.runner, app, forgets)
        yield

    return lifespan


def forget(page: Page, session: str) -> None:
    """Drop what Gradio 6.31 keeps of a session that has ended: its answers, pictures and all.

    By itself it would do so only for the oldest of 10,000.
    """
    queue, states = page._queue, page.state_holder
    for kept in (
        queue.pending_messages_per_session, queue.pending_event_ids_session,
        states.session_data, states.time_last_used,
    ):  # fmt: skip
        kept.pop(session, None)


def passwords(
    file: str, environment: Mapping[str, str] = os.environ
) -> list[tuple[str, str]] | None:
    """Read who may use the page: USER:PASSWORD lines of a file and of AWARENET_AUTH; None: all.

    Neither is an argument of the program: everybody on a machine sees those.

    Raises:
        SettingsError: The file cannot be read, or a line is none; passwords are not in the words.
    """
    sources = [(PASSWORDS, environment.get(PASSWORDS, ""))]
    if file:
        try:
            sources.append((file, Path(file).expanduser().read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise SettingsError(f"app.auth_file: cannot read {file}: {why}") from error
    found = {}
    for name, text in sources:
        for number, line in enumerate(text.splitlines(), 1):
            user, colon, password = line.strip().partition(":")
            if not line.strip() or line.startswith("#"):
                continue
            if not (user and colon and password):
                raise SettingsError(f"line {number} of {name}: expected USER:PASSWORD")
            found[user] = password
    if file and not found:
        raise SettingsError(f"app.auth_file: {file} holds no USER:PASSWORD line")
    return list(found.items()) or None


@contextlib.contextmanager
def until_told() -> Iterator[Event]:
    """Give what is set once the program is told to stop: SIGTERM, Ctrl-C (twice: at once)."""
    told = Event()

    def tell(number: int, frame: object) -> None:
        if told.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        told.set()

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(page: Page, grace_s: float) -> None:
    """End a server: no new clips, those that wait are sent away, the one that runs may end.

    After `grace_s` it is stopped too. Then answers that are on their way get out.
    """
    runner = page.runner
    runner.line.close()
    _wait(lambda: not len(runner.jobs), grace_s)
    runner.jobs.halt()
    _wait(lambda: not len(runner.jobs) and not page.guard.streams, STOPPED_S)
    page.close(verbose=False)


def _wait(until: Callable[[], bool], seconds: float) -> None:
    end = monotonic() + seconds
    while not until() and monotonic() < end:
        sleep(0.05)
