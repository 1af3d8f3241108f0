"""What the server says on stderr: lines for people or JSON for machines, no names of files.

Clips that people doubt are private: the log counts, but tells neither what a file is called nor
what was found in it nor who sent it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from awarenet import scratch

FACTS = "facts"  # of a record: what stands in its line beside the message
_names: deque[str] = deque(maxlen=1000)  # of the files that were worked on last


def hide(name: str) -> None:
    """Keep a file's name out of the log."""
    if name not in _names:
        _names.append(name)


@contextmanager
def to_stderr(form: str) -> Iterator[None]:
    """Write what awarenet logs to stderr, as "plain" or "json"."""
    handler, logger = logging.StreamHandler(sys.stderr), logging.getLogger("awarenet")
    handler.setFormatter(AsJson() if form == "json" else AsLines())
    before, propagate = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        logger.propagate = propagate


class AsLines(logging.Formatter):
    """A line a record, for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, message and facts."""
        facts = "".join(f" {key}={value}" for key, value in getattr(record, FACTS, {}).items())
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        text = super().format(record)
        return f"{when} {record.levelname} {record.name}: {clean(text)}{facts}"


class AsJson(logging.Formatter):
    """A JSON object a record, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, logger, message, facts, and the trace of an error."""
        said = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
            **getattr(record, FACTS, {}),
        }
        if record.exc_info:
            said["trace"] = clean(self.formatException(record.exc_info))
        return json.dumps(said, default=str)


def clean(text: str) -> str:
    """Leave out the names of the files that were worked on, and where they lie."""
    for name in sorted(_names, key=len, reverse=True):
        for spelled in (name, ascii(name)[1:-1]):
            text = text.replace(spelled, "<file>")
    if folder := os.environ.get(scratch.FOLDER):
        text = re.sub(re.escape(folder) + r"[^\s'\"]*", "<upload>", text)
    return text
