"""What a caller may want to catch; everything else is a bug.

Each message is one line for the person who gave the input: what came, what was expected, what to
do about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

MediaStatus = Literal["unreadable", "too_long", "too_large", "unsupported", "timeout", "error"]


class AwareNetError(Exception):
    """Base of the errors below."""


class SettingsError(AwareNetError, ValueError):
    """settings.toml, a `--set`, an environment variable or an argument has no meaning."""


class MediaError(AwareNetError):
    """A clip or picture cannot be analyzed.

    `status` is what the report says of it; `str()` is the message alone; `values` are what it
    names and its reason, for other languages: see `quality.refusals`.
    """

    def __init__(
        self, status: MediaStatus, message: str, values: Mapping[str, object] | None = None
    ):
        super().__init__(message)
        self.status = status
        self.values = dict(values or {})

    def __reduce__(self) -> tuple[type[MediaError], tuple[MediaStatus, str, dict[str, object]]]:
        """Keep all of it on the way back from the process that decodes."""
        return type(self), (self.status, str(self), self.values)


class BundleError(AwareNetError):
    """A bundle is incomplete, altered, or made for something else; the message names the file."""


class Canceled(AwareNetError):
    """The caller asked to stop."""
