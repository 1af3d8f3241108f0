"""Text out of a file that nobody vouches for, made fit to be shown."""

from __future__ import annotations

MOST_CHARACTERS = 200


def shown(value: object, most: int = MOST_CHARACTERS) -> str:
    """Give a value as one line of so many characters; what is not printable becomes a space."""
    text = str(value)[: most * 4]  # cut first: a value may have megabytes
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"
