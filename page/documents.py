"""Files to take away: the report as JSON at once; HTML, PDF, annotated clip when asked for."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

import gradio as gr

from awarenet.errors import AwareNetError
from awarenet.report import Report
from page.language import spoken_by
from page.pieces import told
from page.runner import Runner

logger = logging.getLogger("awarenet.page")


@contextmanager
def report_file(report: Report) -> Iterator[str]:
    """Write a report's JSON to a file that lasts as long as the block."""
    with tempfile.TemporaryDirectory(prefix="awarenet-report-") as folder:
        path = Path(folder) / f"{Path(report.input.name).stem[:80]}.awarenet.json"
        path.write_text(report.to_json(indent=2), "utf-8")
        yield str(path)


def make_documents(runner: Runner) -> Callable:
    """Give the handler that writes all documents of an answer."""

    def make(
        key: str,
        clip: str | None,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio's way to ask for one
    ) -> Iterator[gr.File]:
        """Write the documents; the files live until Gradio has copied them."""
        from awarenet import documents

        say = spoken_by(request)
        analysis = runner.kept().get(key) if key else None
        if analysis is None or not clip:
            words = say("This answer is not kept any more; analyze the clip again.")
            raise gr.Error(words, print_exception=False)
        progress((0, 1), desc=say("Writing the documents"), unit="")
        with tempfile.TemporaryDirectory(prefix="awarenet-report-") as folder:
            try:
                limits = runner.detector().settings.limits
                written = documents.write(
                    analysis, Path(clip), Path(folder), limits=limits, say=say
                )
            except AwareNetError as error:  # Gradio renders its message as HTML
                raise gr.Error(escape(told(error, say)), print_exception=False) from error
            yield gr.File(value=[str(path) for path in written], visible=True)

    return make
