"""Small parts that several tabs of the page use."""

from __future__ import annotations

import logging
import math
from functools import partial
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from awarenet.errors import AwareNetError
from awarenet.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from awarenet.panels.answer import progress
from awarenet.view import OUR_FAULT, caption, card
from awarenet.words import ENGLISH, Words
from page.line import Refusal, Waiting

if TYPE_CHECKING:
    from awarenet.pipeline import Progress

logger = logging.getLogger("awarenet.page")

SUFFIXES = [*VIDEO_SUFFIXES, *IMAGE_SUFFIXES]
Html = partial(gr.HTML, apply_default_css=False)

# a click, or Enter on it, on anything in `element` that carries the data asked for
CHOOSES = """
const chosen = event => {
  const found = event.target.closest('[data-%(name)s]');
  if (found) trigger('click', {...found.dataset});
};
element.addEventListener('click', chosen);
element.addEventListener('keydown', event => {
  if (event.target.tagName !== 'BUTTON' && (event.key === 'Enter' || event.key === ' ')
      && event.target.closest('[data-%(name)s]')) { event.preventDefault(); chosen(event); }
});
"""


def chooser(name: str, **options: object) -> gr.HTML:
    """Make HTML in which things that carry `data-NAME` can be chosen, by mouse or keyboard."""
    return Html(js_on_load=CHOOSES % {"name": name}, **options)


def upload(**options: object) -> gr.File:
    """Make a field for clips and pictures."""
    field = gr.File(file_types=SUFFIXES, **options)
    field._process_single_file = place_of  # Gradio 6.31's leaves an empty file beside each upload
    return field


def place_of(file: gr.FileData) -> str:
    """Give where an upload lies, if it is named as one that can be judged."""
    if not file.path.lower().endswith(tuple(SUFFIXES)):
        kinds = ", ".join(SUFFIXES)
        raise gr.Error(f"Invalid file type; there are {kinds}.", print_exception=False)
    return file.path


def stage(event: Waiting | Progress, say: Words, name: str = "") -> str:
    """Say where an analysis is: in line, or at work on a file that may be named."""
    if isinstance(event, Waiting):
        return f'<div aria-live="polite">{caption(waiting(event, say))}</div>'
    message = say(event.message)
    return progress(f"{name}: {message}" if name else message, event.done, event.total, say)


def waiting(event: Waiting, say: Words) -> str:
    """Say who waits how long; a clip under way counts in full, so that it is rather less."""
    if event.seconds is None:
        return say("Waiting: number {place} in line.", place=event.place)
    minutes = max(math.ceil(event.seconds / 60), 1)
    return say(
        "Waiting: number {place} in line, for about {minutes} min.",
        place=event.place, minutes=minutes,
    )  # fmt: skip


def waiting_card(event: Waiting, name: str, say: Words) -> str:
    """Build what stands in the place of the answer until the clip's turn comes."""
    return card("working", f"<h3>{escape(waiting(event, say))}</h3>{caption(name)}")


def told(error: Exception, say: Words = ENGLISH) -> str:
    """Say what went wrong: a message written for the user, or that it is our fault, and log it."""
    if isinstance(error, Refusal):
        return error.said(say)
    if isinstance(error, AwareNetError):
        return say.error(error)
    logger.error("a request failed", exc_info=error)
    return say(OUR_FAULT)
