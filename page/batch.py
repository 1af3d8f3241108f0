"""The third tab: many files, a table that grows, and files to take away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

import gradio as gr

from awarenet.errors import Canceled
from awarenet.panels.rows import batch_table
from awarenet.report import Report
from awarenet.settings import Settings
from page import controls
from page.language import label, spoken_by
from page.line import Refusal
from page.pieces import Html, stage, told, upload
from page.runner import Runner


class BatchTab:
    """Many files, one after the other. What was answered before is not judged again."""

    def __init__(self, runner: Runner, settings: Settings):
        """Lay the tab out in the current block."""
        self._runner, self._frames = runner, settings.sampling.frames
        clips = upload(
            label=label("Clips and pictures"), file_count="multiple", height=160,
            elem_id="batch-clips",
        )  # fmt: skip
        with gr.Row():
            go = gr.Button(label("Analyze all"), variant="primary", min_width=140)
            stop = gr.Button(label("Stop"), min_width=80)
        line = Html()
        result = Html(batch_table([], []), elem_id="batch")
        files = gr.File(
            label=label("Table (CSV) and reports (JSON Lines)"), visible=False, interactive=False,
            elem_id="batch-files",
        )  # fmt: skip
        go.click(
            self.run, [clips], [line, result, files], api_visibility="private",
            show_progress="hidden",
        )  # fmt: skip
        # the run itself ends at the next frame, and then gives what it has
        quiet = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        stop.click(self.halt, None, None, **quiet)

    def run(
        self,
        clips: list[str] | None,
        request: gr.Request,
    ) -> Iterator[tuple]:
        """Judge file after file; a bad one is a row, and never ends the others."""
        say, reports = spoken_by(request), []
        if not clips:
            raise gr.Error(say("Choose clips or pictures first."), print_exception=False)
        wish = controls.chosen(self._frames, False, False, False, None)
        names, stopped, session = [Path(clip).name for clip in clips], False, request.session_hash
        self._runner.uploads.hold((session, "batch"), clips)
        for clip in clips:
            table = batch_table(reports, names[len(reports) :], say)
            yield gr.skip(), table, gr.File(visible=False)
            try:
                for event in self._runner.judge(clip, wish, session, bool(reports)):
                    if isinstance(event, Report):
                        reports.append(event)
                    elif not hasattr(event, "analysis"):
                        yield stage(event, say, names[len(reports)]), gr.skip(), gr.skip()
            except Canceled:
                stopped = True
                break
            except Refusal as refusal:  # before the first one, or the server is about to stop
                gr.Warning(escape(told(refusal, say)))
                stopped = True
                break
        waiting = names[len(reports) :] if stopped else []
        if not reports:
            yield "", batch_table([], waiting, say), gr.File(visible=False)
            return
        with tempfile.TemporaryDirectory(prefix="awarenet-report-") as folder:
            files = _write(Path(folder), clips, reports)
            table = batch_table(reports, waiting, say)
            yield "", table, gr.File(value=files, visible=True)

    def halt(self, request: gr.Request) -> None:
        """Stop this session's run."""
        self._runner.halt(request.session_hash, "batch")


def _write(folder: Path, clips: list[str], reports: list[Report]) -> list[str]:
    """Write the table and the reports."""
    from awarenet.batch import Row, to_csv

    rows = [
        Row.of(Path(Path(clip).name), report) for clip, report in zip(clips, reports, strict=False)
    ]
    table, lines = folder / "awarenet.csv", folder / "awarenet.jsonl"
    table.write_text(to_csv(rows), "utf-8-sig", newline="")
    lines.write_text("".join(each.to_json() + "\n" for each in reports), "utf-8")
    return [str(table), str(lines)]
