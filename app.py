"""The page: `python app.py` here, or as it is on a Hugging Face Space.

`build_app` lays the page out around a detector; nothing heavy happens at import. The page adds no
judgment of its own: it runs `Detector.run` and shows the report, which is also what the HTTP API
(`/analyze`) gives as its last output.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from html import escape
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

import awarenet
from awarenet import panels, scratch, view
from awarenet.errors import AwareNetError, Canceled
from awarenet.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from awarenet.report import Report
from awarenet.settings import ROOT, AppSettings, Settings, load_settings

try:
    import spaces  # on ZeroGPU it has to come before torch, which nothing above imports
except ImportError:
    spaces = None

scratch.own_folder()  # these three are read when gradio is imported
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_QUEUE_SESSION_RESUME_TTL", "60")  # s a lost connection keeps its job
import gradio as gr  # noqa: E402

if TYPE_CHECKING:
    from awarenet.pipeline import Detector

logger = logging.getLogger("awarenet.app")

SUFFIXES = [*VIDEO_SUFFIXES, *IMAGE_SUFFIXES]
EXAMPLES, OURS = ROOT / "assets" / "examples", "Clips of our own making"
KEPT_S, SWEEP_S = 3600, 600  # how long uploads and results stay on disk; how often that is checked
THEME = gr.themes.Default(
    primary_hue=gr.themes.colors.blue,
    neutral_hue=gr.themes.colors.slate,
    radius_size=gr.themes.sizes.radius_sm,
    font=(gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"),
).set(button_primary_background_fill="*primary_700")
TO_ANSWER = "() => {window.answer.scrollIntoView({block: 'nearest'}); return []}"
Html = partial(gr.HTML, apply_default_css=False)


def build_app(
    detector: Detector | Callable[[], Detector],
    settings: Settings | None = None,
    examples: Path = EXAMPLES,
) -> gr.Blocks:
    """Lay the page out.

    Args:
        detector: A loaded one, or a function that loads one, called once, on the first request.
        settings: Where the page's own controls start; None: the defaults.
        examples: Folder whose clips and pictures are offered; it may be missing or empty.
    """
    settings = settings or Settings()
    scratch.own_folder(settings.app.temp_dir)
    load, loading = cache(detector if callable(detector) else lambda: detector), Lock()
    stops: dict[str | None, Event] = {}  # of each browser session that has a run going

    def get_detector() -> Detector:
        with loading:
            return load()

    def events(path: str, session: str | None, **chosen: dict[str, object]) -> Iterator:
        tuned = get_detector().with_settings(**chosen)
        yield from tuned.run(path, stops[session].is_set)

    if spaces is not None:
        events = spaces.GPU(events, duration=120)  # s; the same function where there is no ZeroGPU

    def analyze(
        clip: str | None,
        frames: int,
        heat_maps: bool,
        blinks: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio's way to ask for one
    ) -> Iterator[tuple]:
        """Judge one clip or picture.

        Gives the answer as HTML, the heat maps, the people as HTML, the report as a file, and the
        report as JSON (docs/report.schema.json): a status, and only where it is "ok" a verdict.
        """
        if not clip:
            raise gr.Error("Choose a clip or a picture first.", print_exception=False)
        session, failure = request.session_hash, None
        chosen = {
            "sampling": {"frames": int(frames)},
            "explain": {"enabled": heat_maps},
            "blinks": {"enabled": blinks},
        }
        stopping = stops[session] = Event()
        try:
            yield view.working_card(Path(clip).name), None, "", None, None
            get_detector()  # here, and not in a process of ZeroGPU's that ends with the clip
            for event in events(clip, session, **chosen):
                if hasattr(event, "report"):
                    yield from panels.answers(event)
                else:
                    progress((event.done, event.total), desc=event.message, unit="")
                    yield (gr.skip(),) * 5
        except Canceled:
            yield view.stopped_card(), *(gr.skip(),) * 4
        except AwareNetError as error:  # its message is written for the user
            failure = str(error)
        except Exception:
            logger.exception("the analysis failed")
            failure = view.OUR_FAULT
        finally:
            stopping.set()
            if stops.get(session) is stopping:
                del stops[session]
            scratch.sweep_strays()
        if failure:
            yield view.failed_card(failure), *(gr.skip(),) * 4
            raise gr.Error(escape(failure), print_exception=False)  # Gradio renders it as HTML

    def halt(request: gr.Request) -> str | dict:
        """Stop this session's run within a frame, not only at its next sign of life."""
        if request.session_hash not in stops:
            return gr.skip()
        stops[request.session_hash].set()
        return view.stopped_card()

    def choose(path: str | None, request: gr.Request) -> tuple:
        """Show the new file, and take the answer on the old one away."""
        halt(request)
        return view.preview(path), view.welcome_card(), gr.Column(visible=False), view.note()

    with gr.Blocks(
        title="AWARE-NET", analytics_enabled=False, delete_cache=(SWEEP_S, KEPT_S)
    ) as page:
        Html(view.heading())
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                clip = gr.File(label="Clip or picture", file_types=SUFFIXES, height=130)
                preview = Html()
                with gr.Row():
                    go = gr.Button("Analyze", variant="primary", scale=2, min_width=140)
                    stop = gr.Button("Stop", variant="secondary", scale=1, min_width=80)
                with gr.Accordion("Settings", open=False):
                    most, start = max(128, settings.sampling.frames), settings.sampling.frames
                    frames = gr.Slider(1, most, start, step=1, label="Frames (more is steadier)")
                    heat_maps = gr.Checkbox(settings.explain.enabled, label="Heat maps (slower)")
                    blinks = gr.Checkbox(settings.blinks.enabled, label="Count blinks (slower)")
                _offer_examples(examples, clip)
                Html(view.privacy(KEPT_S + SWEEP_S))
            with gr.Column(scale=7, min_width=320):
                answer = Html(view.welcome_card(), elem_id="answer")
                with gr.Column(visible=False) as details:
                    tabs, filling, gallery, people, report, download = _lay_out_details()
        note = Html(view.note())

        quiet = {"api_visibility": "private", "show_progress": "hidden"}
        now = {**quiet, "queue": False}
        # first, and not beside the run: after a short one it could hide what that has filled
        run = go.click(lambda: gr.Column(visible=False), None, [details], js=TO_ANSWER, **now).then(
            analyze, [clip, frames, heat_maps, blinks],
            [answer, gallery, people, download, report], api_name="analyze", concurrency_limit=1,
            concurrency_id="model", show_progress_on=[answer],
        )  # fmt: skip
        filled = run.success(_fill_tabs, [report], [note, details, *filling], **quiet)
        filled.then(_show_tabs, [report], tabs, **quiet)  # a tab that is open could not be hidden
        filling[1].input(_plot, [report, filling[1]], [filling[2]], **quiet)
        stop.click(halt, None, [answer], **now).then(None, cancels=[run])
        clip.change(None, cancels=[run])  # before `choose`: after it, a new run could be hit
        clip.change(choose, [clip], [preview, answer, details, note], **now)
    return page


def serve(page: gr.Blocks, app: AppSettings, **options: object) -> None:
    """Start the server; what `options` says goes to `launch` and wins."""
    page.queue(max_size=app.max_queue, default_concurrency_limit=1)
    launch = {
        "server_name": app.host, "server_port": app.port, "max_file_size": app.max_upload,
        "theme": THEME, "css_paths": ROOT / "assets" / "page.css", "footer_links": ["api"],
        "show_error": False, "enable_monitoring": False, "run_history": False, "share": False,
        "ssr_mode": False, "mcp_server": False,
    }  # fmt: skip
    page.launch(**{**launch, **options})


def main(argv: Sequence[str] | None = None) -> int:
    """Load the model, then serve the page until it is stopped; 2 when the settings are wrong."""
    parser = argparse.ArgumentParser("app.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--model", metavar="SOURCE", help="bundle: a folder or hf-hub:owner/name")
    parser.add_argument("--settings", metavar="FILE", help="TOML (default: settings.toml)")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", help="port to listen on")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    args = parser.parse_args(argv)
    # a Space says where to listen by Gradio's own variables; what is typed here wins over them
    typed = {
        "model.source": args.model,
        "app.host": args.host or os.environ.get("GRADIO_SERVER_NAME"),
        "app.port": args.port or os.environ.get("GRADIO_SERVER_PORT"),
    }
    overrides = [f"{key}={value}" for key, value in typed.items() if value]
    try:
        settings = load_settings(args.settings, [*args.set, *overrides])
        page = build_app(awarenet.load_detector(settings=settings), settings)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that temporary files go
        serve(page, settings.app, inbrowser=args.open)
    except (AwareNetError, OSError) as error:  # OSError: the port is taken, the address not ours
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _lay_out_details() -> tuple:
    """Lay out what stands under the answer; first the tabs that come and go, then their filling."""
    with gr.Tabs(overflow_behavior="wrap") as all_tabs:
        with gr.Tab("Over time", id="time", render_children=True) as time_tab:
            person = gr.Radio(label="Person", visible=False)
            plot = gr.LinePlot(
                x="time_s", y="probability", color="network", height=300, tooltip="all",
                x_title="Time (s)", y_title="Probability", colors_in_legend=[],
                y_lim=[0, 1], y_axis_format=".0%",
            )  # fmt: skip
            legend = Html()
            Html(panels.caption(panels.TIMELINE_NOTE))
        with gr.Tab("Families", id="families", render_children=True) as families_tab:
            families = Html()
        with gr.Tab("Heat maps", id="heat", render_children=True) as heat_tab:
            gallery = gr.Gallery(
                show_label=False, format="jpeg", height="auto", columns=4, interactive=False,
                buttons=["download", "fullscreen"], elem_id="heat-maps",
            )  # fmt: skip
            Html(panels.caption(panels.HEAT_NOTE))
        with gr.Tab("People", id="people", render_children=True) as people_tab:
            people = Html()
        with gr.Tab("Blinks", id="blinks", render_children=True) as blinks_tab:
            axes = {"x_title": "Time (s)", "y_title": "Eyes open", "y_lim": [0, 0.45]}
            eyes = gr.LinePlot(x="time_s", y="openness", height=220, **axes)
            blinks = Html()
        with gr.Tab("Raw", id="raw", render_children=True):
            report = gr.JSON(show_label=False, max_height=480)
    download = gr.DownloadButton("Download the report (JSON)", size="sm")
    tabs = [time_tab, families_tab, heat_tab, people_tab, blinks_tab]
    filling = [all_tabs, person, plot, legend, families, eyes, blinks]
    return tabs, filling, gallery, people, report, download


def _fill_tabs(data: dict | None) -> list:
    """Fill the tabs from the report's JSON, and open the first that has something to say."""
    if not data:  # stopped
        return [view.note(), gr.Column(visible=False), *(gr.skip(),) * 7]
    report = Report.model_validate(data)
    first = "raw" if not report.people else "time" if report.input.kind == "video" else "families"
    names = panels.person_names(report)
    return [
        view.note(report), gr.Column(visible=True), gr.Tabs(selected=first),
        gr.Radio(names, value=report.decided_by, visible=len(names) > 1),
        _plot(data, report.decided_by), panels.legend(report), panels.families_table(report),
        panels.eye_openness(report), panels.blinks_note(report),
    ]  # fmt: skip


def _show_tabs(data: dict | None) -> list[gr.Tab]:
    """Show only the tabs that have something to say; they stand in the order of the page."""
    if not data:  # stopped
        return [gr.skip()] * 5
    telling = panels.telling_tabs(Report.model_validate(data))
    return [gr.Tab(visible=each or "hidden") for each in telling]  # False does nothing here (6.31)


def _plot(data: dict, person_id: int | None) -> gr.LinePlot:
    """Draw one person's scores over time."""
    report = Report.model_validate(data)
    return gr.LinePlot(panels.timeline(report, person_id), color_map=panels.line_colors(report))


def _offer_examples(folder: Path, clip: gr.File) -> None:
    """Offer the clips and pictures of a folder, if there are any."""
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if paths:
        names = [path.stem.replace("_", " ") for path in paths]
        gr.Examples([[str(path)] for path in paths], [clip], label=OURS, example_labels=names)


demo = build_app(lambda: awarenet.load_detector())  # where Gradio's reloader and the Hub look

if __name__ == "__main__":
    sys.exit(main())
