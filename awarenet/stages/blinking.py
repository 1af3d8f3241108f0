"""Read one person's blinks in a second, denser pass over the clip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from awarenet import report as parts
from awarenet.evidence import Evidence, Progress
from awarenet.eyes import EyeWatch


def watch_eyes(evidence: Evidence) -> Iterator[Progress]:
    """Watch the eyes of the person who decides; raises Canceled."""
    person = evidence.decides()[0].id
    watch = EyeWatch(
        evidence.file, evidence.info, evidence.tracks[person], evidence.finder, evidence.settings
    )
    with closing(watch.frames()) as frames:
        while True:
            with evidence.clock("blinks"):
                done = next(frames, None)
            if done is None:
                break
            yield Progress("blinks", done, max(watch.total, done), "Watching the eyes")
            evidence.check_stop()
    reading = watch.reading()
    if isinstance(reading, parts.Notice):
        evidence.notices.append(reading)
    else:
        evidence.update(person, blinks=reading)
