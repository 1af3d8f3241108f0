"""An analysis as one HTML file that needs nothing else: no request, no script, ready to print."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from awarenet.documents.contents import contents
from awarenet.panels import drawing
from awarenet.view import icon
from awarenet.words import ENGLISH, Words

if TYPE_CHECKING:
    from awarenet.pipeline import Analysis

HERE = Path(__file__).resolve().parent


def html(analysis: Analysis, say: Words = ENGLISH) -> str:
    """Write an analysis as a page, in the reader's language.

    Its Content-Security-Policy lets nothing be loaded, whatever a file's name or metadata hold.
    The same analysis gives the same page to the byte; two runs on the same file differ in the
    time stamp and in the seconds that each stage took.
    """
    found = contents(analysis, say)
    return _template().render(
        contents=found,
        icon=Markup(icon(found.tone)),
        style=Markup((HERE / "page.css").read_text("utf-8")),
        svg=lambda shown: Markup(drawing.svg(shown)),
        swatch=lambda role: Markup(drawing.swatch(role)),
        data=lambda jpeg: "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii"),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
