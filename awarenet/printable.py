"""Text of strangers, names of files among it, made fit to stand in a sentence."""

from __future__ import annotations

MOST_CHARACTERS = 200


def shown(value: object, most: int = MOST_CHARACTERS) -> str:
    """Give a value as one line of so many characters; what is not printable becomes a space.

    Neither are marks that turn the direction of writing: by them "gpj.exe" reads "exe.jpg".
    """
    text = str(value)[: most * 4]  # cut first: a value may have megabytes
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"
