"""Whether the server lives and can work, for whatever watches over it."""

from __future__ import annotations

import awarenet
from page.runner import Runner


def health(runner: Runner) -> dict[str, object]:
    """Tell the state of a server: no names of files, nothing of any visitor.

    `status` is "loading" until the model is there, then "ready", and "stopping" at the end.
    """
    detector, line = runner.loaded, runner.line
    state = "stopping" if line.closed else "ready" if detector else "loading"
    bundle = detector.bundle if detector else None
    return {
        "status": state,
        "version": awarenet.__version__,
        "model": bundle.config.name if bundle else None,
        "sha256": bundle.sha256 if bundle else None,
        "waiting": line.waiting,
        "running": line.running,
    }
