"""The page: `python app.py` here, or as it is on a Hugging Face Space.

`build_app` lays the page out around a detector; nothing heavy happens at import. The page adds no
judgment of its own: it runs `Detector.run` and shows the report, which is also what the HTTP calls
`/analyze` and `/batch` give.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import awarenet
from awarenet import scratch
from awarenet.allocator import share_heaps
from awarenet.errors import AwareNetError
from awarenet.settings import ROOT, Settings, load_settings

scratch.own_folder()  # these are read when gradio is imported, and when its queue is made
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# or it would keep a row on each of 10,000 calls, and sum them up after every one (6.31)
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")
from awarenet.zero_gpu import find_lender  # noqa: E402

find_lender()  # has to be there before torch, which gradio does not import
import gradio as gr  # noqa: E402

from awarenet.panels.surroundings import heading  # noqa: E402
from page import api, logs  # noqa: E402
from page.batch import BatchTab  # noqa: E402
from page.clip import ClipTab  # noqa: E402
from page.compare import CompareTab  # noqa: E402
from page.controls import find_examples, take_example  # noqa: E402
from page.language import label, spoken_by  # noqa: E402
from page.pieces import Html  # noqa: E402
from page.runner import Runner  # noqa: E402
from page.server import Page, serve, stop, until_told  # noqa: E402

if TYPE_CHECKING:
    from awarenet.pipeline import Detector

EXAMPLES = ROOT / "assets" / "examples"
KEPT_S, SWEEP_S = 3600, 600  # how long uploads and results stay on disk; how often that is checked


def build_app(
    detector: Detector | Callable[[], Detector],
    settings: Settings | None = None,
    examples: Path = EXAMPLES,
) -> Page:
    """Lay the page out.

    Args:
        detector: A loaded one, or a function that loads one, called once, on the first request.
        settings: Where the page's own controls start; None: the defaults.
        examples: Folder whose clips and pictures are offered; it may be missing or empty.
    """
    settings = settings or Settings()
    scratch.own_folder(settings.app.temp_dir)
    kept, ahead = scratch.folder("answers"), examples / "answers"
    runner = Runner(detector, kept, settings.app.kept_bytes, ahead, settings.app)
    with Page(title="AWARE-NET", analytics_enabled=False, delete_cache=(SWEEP_S, KEPT_S)) as page:
        page.runner, runner.uploads.forget = runner, page.upload_file_set.discard
        title = Html(heading())
        api.offer(runner, settings.sampling.frames, settings.app.mcp)  # first: public names
        with gr.Tabs():
            with gr.Tab(label("One clip"), id="clip"):
                clip = ClipTab(runner, settings, examples, KEPT_S + SWEEP_S)
            with gr.Tab(label("Compare two"), id="compare"):
                CompareTab(runner, settings)
            with gr.Tab(label("Many files"), id="batch"):
                BatchTab(runner, settings)

        def greet(request: gr.Request) -> list:
            """Say what stands here in the reader's language; take the example that a link names."""
            say, wanted = spoken_by(request), request.query_params.get("example")
            named = [path for path in find_examples(examples) if path.stem == wanted]
            chosen = gr.File(value=take_example(named[0])) if named else gr.skip()
            return [heading(say), chosen, *clip.static(say)]

        page.load(
            greet, None, [title, clip.clip, *clip.statics()], api_visibility="private",
            show_progress="hidden", queue=False,
        )  # fmt: skip
    return page


def main(argv: Sequence[str] | None = None) -> int:
    """Load the model, then serve the page until it is stopped; 2 when the settings are wrong."""
    parser = argparse.ArgumentParser("app.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--model", metavar="SOURCE", help="bundle: a folder or hf-hub:owner/name")
    parser.add_argument("--settings", metavar="FILE", help="TOML (default: settings.toml)")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", help="port to listen on")
    parser.add_argument("--auth-file", metavar="FILE", help="ask for these USER:PASSWORD lines")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    args = parser.parse_args(argv)
    share_heaps()
    # a Space says where to listen by Gradio's own variables; what is typed here wins over them
    typed = {
        "model.source": args.model,
        "app.auth_file": args.auth_file,
        "app.host": args.host or os.environ.get("GRADIO_SERVER_NAME"),
        "app.port": args.port or os.environ.get("GRADIO_SERVER_PORT"),
    }
    overrides = [f"{key}={value}" for key, value in typed.items() if value]
    try:
        settings = load_settings(args.settings, [*args.set, *overrides])
        with logs.to_stderr(settings.app.log), until_told() as told:
            # the page is there while the model is still loaded
            loading = ThreadPoolExecutor(1, "loading").submit(_ready, settings)
            page = build_app(loading.result, settings)
            if find_lender() is not None:
                loading.result()  # what needs a GPU has to be known when the page is launched
            serve(page, settings.app, inbrowser=args.open, prevent_thread_lock=True)
            loading.result()
            page.runner.detector()  # from now on it is ready
            while page.is_running and not told.wait(0.5):
                pass
            stop(page, settings.app.grace_s)
    except (AwareNetError, OSError) as error:  # OSError: the port is taken, the address not ours
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _ready(settings: Settings) -> Detector:
    """Load the model and make it fast before the first clip comes."""
    detector = awarenet.load_detector(settings=settings)
    detector.warm_up()
    return detector


demo = build_app(lambda: awarenet.load_detector())  # where Gradio's reloader and the Hub look

if __name__ == "__main__":
    sys.exit(main())
