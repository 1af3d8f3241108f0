"""A scan by several workers: processes of this machine, or actors of a Ray cluster.

`open_crew` gives what `awarenet.batch.run_crew` takes. Each worker has a detector of its own and
judges one file at a time; the process that asks keeps neither networks nor pictures.
"""

from __future__ import annotations

from functools import partial

from awarenet.errors import SettingsError
from awarenet.scan.cluster import Cluster
from awarenet.scan.crew import Crew
from awarenet.scan.processes import Processes
from awarenet.scan.worker import Load, load
from awarenet.settings import Settings

ENGINES = ("local", "ray")

__all__ = ["ENGINES", "Crew", "open_crew"]


def open_crew(
    settings: Settings, workers: int, engine: str = "local", loading: Load | None = None
) -> Crew:
    """Give workers, each with the bundle and the settings, to be used in a `with` block.

    Args:
        settings: Of every worker. Where runtime.threads is 0, the cores are shared out.
        workers: How many, at least 1.
        engine: local or ray; on a cluster every machine needs this package, and finds the files
            and the bundle at the same place.
        loading: Another way to a detector, given its threads; it is sent to every worker.

    Raises:
        SettingsError: No such engine, fewer workers than one, or Ray is not installed. The block
            raises as `Crew` says.
    """
    if workers < 1:
        raise SettingsError(f"--workers {workers}; expected at least 1")
    if engine not in ENGINES:
        raise SettingsError(f"--engine {engine}; expected {' or '.join(ENGINES)}")
    workplace = Cluster if engine == "ray" else Processes
    loading = loading or partial(load, settings)
    return Crew(workplace(loading, workers, settings.runtime), workers)
