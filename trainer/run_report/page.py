"""What a page is made of, and how it becomes HTML: everything that comes from data is escaped.

Sections hold blocks and further sections, so that headings follow one another without a gap.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import jinja2
from matplotlib.figure import Figure

HERE = Path(__file__).parent
WIDE_PX = 420  # wider pictures scroll on a phone, where narrower ones fit


class Link(NamedTuple):
    """A cell that leads somewhere."""

    words: str
    address: str  # https://…, or it stays plain text


class Value(NamedTuple):
    """A cell with a figure and, below it and smaller, its interval."""

    words: str
    interval: str = ""


Cell = str | Link | Value


@dataclass(frozen=True)
class Text:
    """A paragraph; `tone` is plain, missing (a stage has not run) or warning."""

    words: str
    tone: str = "plain"
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Bullets:
    """A list."""

    entries: Sequence[str]
    kind: str = field(default="bullets", init=False)


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Picture:
    """A picture as a data URI, with its main figure in words for whoever cannot see it."""

    source: str
    alt: str
    caption: str
    wide: bool = False


@dataclass(frozen=True)
class Pictures:
    """Pictures beside one another, as many as fit."""

    pictures: Sequence[Picture]
    kind: str = field(default="pictures", init=False)


Block = Text | Bullets | Table | Pictures


@dataclass(frozen=True)
class Section:
    """A heading, what stands below it, and the sections in it."""

    title: str
    blocks: Sequence[Block] = ()
    parts: Sequence[Section] = ()


def not_run(what: str, stage: str) -> Text:
    """Say in one line that a stage has not run."""
    return Text(f"{what}: not run yet; the stage `{stage}` makes it.", "missing")


def draw(figure: Figure, alt: str, caption: str) -> Picture:
    """Put a figure into the page as SVG, whose letters are drawn as shapes and need no font."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return Picture(
        _data_uri(buffer.getvalue(), "image/svg+xml"), alt, caption,
        wide=figure.get_figwidth() * 96 > WIDE_PX,
    )  # fmt: skip


def embed_png(path: Path, alt: str, caption: str) -> Picture:
    """Put a PNG file into the page."""
    return Picture(_data_uri(path.read_bytes(), "image/png"), alt, caption)


def render(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Write the page.

    Args:
        title: Of the page, its first heading.
        lead: One sentence below it.
        sections: In their order; the first two levels make up the table of contents.

    Returns:
        One HTML document that asks for no other file.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.j2").render(
        title=title, lead=lead, sections=sections, style=(HERE / "page.css").read_text("utf-8")
    )


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
