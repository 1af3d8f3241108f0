"""The reader's language: of the components, by the browser, and of what a handler answers."""

from __future__ import annotations

import re

import gradio as gr

from awarenet.words import LANGUAGES, Words, words_for, words_in

_used: dict[str, str] = {}  # key -> English text, of every label on the page


def label(text: str) -> gr.i18n.I18nData:
    """Give a text of a component in the language of whoever looks at it."""
    key = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")  # no dots: they would mean nesting
    _used[key] = text
    return _translate(key)


def translations() -> gr.I18n:
    """Give every label that was asked for, in every language."""
    return gr.I18n(
        **{
            language: {key: words_in(language)(text) for key, text in _used.items()}
            for language in LANGUAGES
        }
    )


def spoken_by(request: gr.Request | None) -> Words:
    """Give the words of whoever sent a request."""
    return words_for(request.headers.get("accept-language") if request else None)


_translate = gr.I18n()
