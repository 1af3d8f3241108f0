"""What programs call: `/analyze` and `/batch`, with reports as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import gradio as gr

from awarenet.errors import Canceled
from awarenet.report import Report
from page import controls
from page.line import Closing, Refusal
from page.pieces import told, upload
from page.runner import Answer, Runner


def offer(runner: Runner, frames: int, tools: bool = False) -> None:
    """Offer the calls, in the current block; nothing of it is seen on the page.

    Args:
        runner: Of the page.
        frames: Where nothing is said.
        tools: Whether assistants use the calls that are listed. Gradio 6.31 cannot hand a tool a
            list of files, so `/batch` is then not listed; it can be called all the same.
    """
    with gr.Column(visible=False):
        clip = upload(label="clip")
        clips = upload(label="clips", file_count="multiple")
        count = gr.Slider(1, 512, frames, step=1, label="frames")
        maps = gr.Checkbox(False, label="heat_maps")
        stability = gr.Checkbox(False, label="stability")
        report, reports = gr.JSON(label="report"), gr.JSON(label="reports")
        one, many = gr.Button(), gr.Button()

    def analyze(
        clip: str, frames: int, heat_maps: bool, stability: bool, request: gr.Request
    ) -> Iterator[dict]:
        """Judge the faces of one clip or picture.

        Args:
            clip: A video or an image.
            frames: Frames looked at in a video.
            heat_maps: Also test what the networks looked at; slower.
            stability: Also score damaged copies; slower.
            request: Filled in by Gradio.

        Yields:
            Last of all the report (docs/report.schema.json): a status, and only where it is "ok"
            a verdict, a calibrated probability and its interval, of every person.
        """
        if not clip:
            raise gr.Error("Choose a clip or a picture first.", print_exception=False)
        wish = controls.chosen(frames, heat_maps, stability, False, None)
        session = request.session_hash
        with runner.uploads.held(session, [clip]):
            try:
                for event in runner.analyze(clip, wish, session):
                    # a sign of life for each, or a call that is canceled would run to its end
                    done = isinstance(event, Answer)
                    yield event.analysis.report.to_dict() if done else gr.skip()
            except Exception as error:  # Gradio renders its message as HTML
                raise gr.Error(escape(told(error)), print_exception=False) from error

    def batch(clips: list[str], frames: int, request: gr.Request) -> Iterator[list]:
        """Judge many clips and pictures; a file that cannot be read does not end the others.

        Args:
            clips: Videos and images.
            frames: Frames looked at in a video.
            request: Filled in by Gradio.

        Yields:
            Last of all one report a file, in their order.
        """
        if not clips:
            raise gr.Error("Choose clips or pictures first.", print_exception=False)
        wish, reports = controls.chosen(frames, False, False, False, None), []
        session = request.session_hash
        with runner.uploads.held(session, clips):
            for clip in clips:
                try:
                    for event in runner.judge(clip, wish, session, bool(reports)):
                        if isinstance(event, Report):
                            reports.append(event.to_dict())
                        yield gr.skip()
                except (Canceled, Refusal) as error:
                    ending = runner.line.closed  # then a run is stopped by the server
                    if not reports or (isinstance(error, Canceled) and not ending):
                        raise gr.Error(escape(told(error)), print_exception=False) from error
                    # the server is about to stop: what is done is not lost
                    words = told(Closing() if ending else error)
                    report = runner.detector().failure(clip, "error", words)
                    reports.append(report.to_dict())
        yield reports

    hidden = {"show_progress": "hidden"}
    one.click(analyze, [clip, count, maps, stability], [report], api_name="analyze", **hidden)
    listed = "undocumented" if tools else "public"
    many.click(batch, [clips, count], [reports], api_name="batch", api_visibility=listed, **hidden)
