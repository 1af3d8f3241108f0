"""What was found out about this machine, for its next start: worth a second, never an error."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import platform
from importlib import metadata
from pathlib import Path

from awarenet.atomic import written_whole
from awarenet.runtime.asking import Known

logger = logging.getLogger(__name__)

KEPT = 100  # refusals: each is one line
PACKAGES = ("torch", "openvino")


def cache_folder(name: str) -> Path:
    """Where such things are kept; see https://specifications.freedesktop.org/basedir-spec/."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "awarenet" / name


def name_of_test(engine: str, dtype: object, known: Known) -> str:
    """Name a test of an engine: by what it says of which crops should be, and by what runs it."""
    what = hashlib.sha256(f"{engine} {dtype} {_processor()} {_versions()}".encode())
    for array in (known.crops, known.logits):
        what.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
    return what.hexdigest()


def recall_drift(test: str) -> float | None:
    """How far an engine moved probabilities when it was refused; None: it was not, or who knows."""
    try:
        drift = float((cache_folder("refused") / test).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return drift if math.isfinite(drift) else None


def remember_drift(test: str, drift: float) -> None:
    """Keep that an engine was refused, so that it need not be compiled to be refused again."""
    folder = cache_folder("refused")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(folder / test) as temporary:
            temporary.write_text(f"{drift!r}\n", "utf-8")
        for old in sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        logger.info("a refusal is not kept: %s", error)


def _processor() -> str:
    """Name the processor, as well as the system knows it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith(("flags", "Features")):  # what decides which instructions are used
                return line
    return f"{platform.machine()} {platform.processor()}"


def _versions() -> str:
    found = []
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return " ".join(found)
