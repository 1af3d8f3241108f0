"""What a document is made of, before it is a page or paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from awarenet.panels.drawing import Drawing

Tone = Literal["", "quiet", "warning"]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    words: str
    tone: Tone = ""


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]
    tone: Tone = ""


@dataclass(frozen=True)
class Facts:
    """Names with values."""

    rows: tuple[tuple[str, str], ...]
    small: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under a head; the first cell of a row names it."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Chart:
    """A drawing, and the key to its lines: role and words of each."""

    drawing: Drawing
    caption: str = ""
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Picture:
    """A picture with what it shows; `words` are for those who do not see it."""

    jpeg: bytes
    width: int  # px
    height: int  # px
    caption: str
    words: str


@dataclass(frozen=True)
class Pictures:
    """Pictures beside each other."""

    pictures: tuple[Picture, ...]
    caption: str = ""


@dataclass(frozen=True)
class Detail:
    """What there is room for on a page and not on paper."""

    blocks: tuple[Text | Bullets | Facts | Table | Chart | Pictures, ...]
    instead: str  # what paper says


Block = Text | Bullets | Facts | Table | Chart | Pictures | Detail


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Contents:
    """A whole document."""

    language: str  # as the `lang` of a page
    title: str  # what kind of document it is
    name: str  # of the file that was judged
    tone: Literal["fake", "real", "inconclusive", "none"]
    heading: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    scale: Drawing | None
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    made: str  # who made it, and when
