"""JSON files that are whole or not there, whenever the run is killed."""

from __future__ import annotations

import json
from pathlib import Path

from awarenet.atomic import written_whole


def write_json(path: Path, content: object, indent: int | None = 1) -> None:
    """Write content as JSON, whole."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=indent), "utf-8")


def read_json(path: Path) -> object:
    """Read what `write_json` wrote."""
    return json.loads(path.read_text("utf-8"))
