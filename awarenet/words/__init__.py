"""What people read, in their language: English sentences are the keys, as gettext has it.

`say = words_for(language)` gives a function from an English template to the sentence in that
language, with its values put in: `say("interval {low} to {high}", low="3%", high="17%")`. What a
catalog lacks stays English, so nothing is ever missing; a test holds the catalogs complete.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Formatter

from awarenet.blinks import NOT_COUNTED
from awarenet.errors import AwareNetError
from awarenet.provenance.words import REMARKS
from awarenet.quality import MESSAGES
from awarenet.quality.refusals import REFUSALS
from awarenet.report import Notice
from awarenet.stability import DAMAGES

# a language, its regions left out, and how much it is wanted; no two neighbors can match the same
# text, so a hostile header takes no longer than a plain one
_WISH = re.compile(r"([a-z]{1,8})(?:-[a-z0-9]{1,8})*(?:\s*;\s*q=([01](?:\.[0-9]{0,3})?))?", re.I)
LANGUAGES = {"en": "English", "zh": "中文", "de": "Deutsch"}
# of a notice's code, or the reason among its values: what it says in English
NOTICES = {**MESSAGES, **REFUSALS, **NOT_COUNTED, **REMARKS}
Sentence = tuple[str, Mapping[str, object]]  # an English template and its values


class _Grouped(Formatter):
    """Put values in, with thousands apart as a language has them."""

    def __init__(self, separator: str):
        self._separator = separator

    def format_field(self, value: object, spec: str) -> str:
        text = super().format_field(value, spec)
        return text.replace(",", self._separator) if spec.endswith(",") else text


class Words:
    """One language."""

    def __init__(self, language: str, catalog: dict[str, str]):
        self.language = language  # in LANGUAGES, as the `lang` of a page
        self._catalog = catalog
        # German reads "50,000" as fifty; ISO 80000-1 has a small space, which all can read
        self._put_in = _Grouped("\N{NARROW NO-BREAK SPACE}" if language == "de" else ",").format

    def __call__(self, text: str, **values: object) -> str:
        """Say an English template in this language, with its values."""
        template = self._catalog.get(text, text)
        return self._put_in(template, **values) if values else template

    def joined(self, sentences: Iterable[Sentence]) -> str:
        """Say sentences one after the other; Chinese has no space between them."""
        said = [self(template, **values) for template, values in sentences]
        return ("" if self.language == "zh" else " ").join(said)

    def listed(self, parts: Iterable[str]) -> str:
        """Put words in this language one after the other, with commas between them."""
        return ("，" if self.language == "zh" else ", ").join(parts)

    def notice(self, notice: Notice) -> str:
        """Say a report's notice; one that cannot be said in this language stays as it is."""
        values = dict(notice.values)
        try:
            template = NOTICES.get(values.get("reason", notice.code))
            if template not in self._catalog:
                return notice.message
            if notice.code == "flips":  # its values name the damages in English
                named = [self(DAMAGES[code].words) for code in values["codes"]]
                values["damages"] = self.listed(named)
            return self._put_in(self._catalog[template], **values)
        except (LookupError, TypeError, ValueError):  # of a report that another version wrote
            return notice.message

    def error(self, error: AwareNetError) -> str:
        """Say an error of ours; one without the `values` of a reason stays English."""
        values = getattr(error, "values", {})
        return self.notice(Notice(code="error", message=str(error), values=values))


ENGLISH = Words("en", {})


@functools.cache
def words_in(language: str) -> Words:
    """Give the words of a language in `LANGUAGES`."""
    if language == "en":
        return ENGLISH
    path = Path(__file__).with_name(f"{language}.json")
    return Words(language, json.loads(path.read_text("utf-8")))


def words_for(accepted: str | None) -> Words:
    """Give the words that a browser asks for.

    Args:
        accepted: An Accept-Language header, as `de-AT,de;q=0.9,en;q=0.5`; its first language that
            we have wins, else English. Source: RFC 9110, section 12.5.4.
    """
    wishes = []
    for order, wish in enumerate((accepted or "").split(",")):
        match = _WISH.fullmatch(wish.strip())
        if match and float(match[2] or 1) > 0:
            wishes.append((-float(match[2] or 1), order, match[1].lower()))
    known = [language for _, _, language in sorted(wishes) if language in LANGUAGES]
    return words_in(known[0] if known else "en")
