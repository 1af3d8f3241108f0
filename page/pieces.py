"""Small parts that several tabs of the page use."""

from __future__ import annotations

import logging
from functools import partial

import gradio as gr

from awarenet.errors import AwareNetError
from awarenet.view import OUR_FAULT
from awarenet.words import ENGLISH, Words

logger = logging.getLogger("awarenet.page")

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


def told(error: Exception, say: Words = ENGLISH) -> str:
    """Say what went wrong: a message written for the user, or that it is our fault, and log it."""
    if isinstance(error, AwareNetError):
        return say.error(error)
    logger.error("a request failed", exc_info=error)
    return say(OUR_FAULT)
