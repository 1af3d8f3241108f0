"""The second tab: two clips side by side, as a suspected original and its copy."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import gradio as gr

from awarenet.errors import Canceled
from awarenet.panels.answer import failed_card, stopped_card, stopping, working_card
from awarenet.panels.rows import compared
from awarenet.settings import Settings
from page import controls
from page.language import label, spoken_by
from page.pieces import Html, stage, told, upload
from page.runner import Answer, Runner


class CompareTab:
    """Two clips, judged in the same way."""

    def __init__(self, runner: Runner, settings: Settings):
        """Lay the tab out in the current block."""
        self._runner, self._frames = runner, settings.sampling.frames
        with gr.Row():
            left = upload(label=label("Suspected original"), height=130)
            right = upload(label=label("Suspected copy"), height=130)
        with gr.Row():
            go = gr.Button(label("Compare"), variant="primary", min_width=140)
            stop = gr.Button(label("Stop"), min_width=80)
        line = Html()
        result = Html(elem_id="compared")
        go.click(
            self.compare, [left, right], [line, result], api_visibility="private",
            show_progress="hidden",
        )  # fmt: skip
        quiet = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        stop.click(self.halt, None, [line], **quiet)  # the run itself ends at the next frame

    def compare(
        self,
        left: str | None,
        right: str | None,
        request: gr.Request,
    ) -> Iterator[tuple]:
        """Judge both, then put the answers side by side."""
        say, failure, reports = spoken_by(request), None, []
        if not left or not right:
            raise gr.Error(say("Choose two clips or pictures first."), print_exception=False)
        wish = controls.chosen(self._frames, False, False, False, None)
        session = request.session_hash
        self._runner.uploads.hold((session, "compare"), [left, right])
        try:
            for path in (left, right):
                yield "", working_card(Path(path).name, say)
                second = bool(reports)
                for event in self._runner.analyze(path, wish, session, "compare", second):
                    if isinstance(event, Answer):
                        reports.append(event.analysis.report)
                    elif not hasattr(event, "analysis"):
                        yield stage(event, say), gr.skip()
            yield "", compared(*reports, say)
        except Canceled:
            yield "", stopped_card(say)
        except Exception as error:
            failure = told(error, say)
        if failure:
            yield "", failed_card(failure, say)
            raise gr.Error(escape(failure), print_exception=False)

    def halt(self, request: gr.Request) -> str | dict:
        """Stop this session's run."""
        if not self._runner.halt(request.session_hash, "compare"):
            return gr.skip()
        return stopping(spoken_by(request))
