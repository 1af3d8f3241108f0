"""From clips to crops and their manifest, on one machine or many, whenever it is interrupted.

A run plans all batches (a clip, or a tar shard of clips), leaves out what the journals say is done,
has the rest done by an engine, and notes each batch in its journal once its images are in place.
A run over a share of the batches ends there; a run over all of them writes the manifest, in the
order of clips, so that the file is the same to the byte however it came about.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from awarenet.errors import AwareNetError, SettingsError
from trainer.datasets import Clip
from trainer.extraction.cluster import run_on_ray
from trainer.extraction.extract import Extracted, ExtractSettings
from trainer.extraction.journal import Journal, Journals, claim
from trainer.extraction.pool import Died, run_here, run_in_pool
from trainer.extraction.store import Batch, Cut, FolderStore, ShardStore, clear_scratch, scratch_of
from trainer.extraction.writing import explained
from trainer.manifest import Row, write_rows
from trainer.splits import split_hash

log = logging.getLogger(__name__)

ENGINES = ("pool", "ray")
LOG_EVERY_S = 10.0


@dataclass(frozen=True)
class Summary:
    """What a run did."""

    clips: int  # of its share
    done: int  # of these, by this run; the others were done before
    crops: int  # cut by this run
    failures: dict[str, int]  # reason -> clips of this run without a crop
    manifest: Path | None  # None after a share
    rows: int  # of the manifest


def run(
    clips: Iterable[Clip],
    parts: Mapping[str, str],
    root: Path,
    settings: ExtractSettings,
    *,
    store: FolderStore | ShardStore | None = None,
    engine: str = "pool",
    workers: int = 2,
    shard: tuple[int, int] | None = None,
    retry: bool = False,
    part_of_frame: Callable[[str, int], str] | None = None,
    notes: Mapping[str, str] | None = None,
    manifest: str = "manifest.parquet",
    method: str = "spawn",
) -> Summary:
    """Cut all clips up; goes on where an earlier run stopped.

    Args:
        clips: Those that are not in `parts` are left out.
        parts: Clip name -> part.
        root: Folder of journals, crops and manifest.
        settings: How crops are cut.
        store: Where they are kept; a `FolderStore` unless said otherwise.
        engine: `pool` (processes of this machine) or `ray` (a cluster).
        workers: Processes; 0 works in this one.
        shard: (i, n): do the i-th of n shares, 1 <= i <= n, and write no manifest.
        retry: Do clips that failed again.
        part_of_frame: (clip name, frame) -> part, where it is not the clip that has one.
        notes: Kept in the manifest's metadata.
        manifest: Name of its file.
        method: How processes are started.

    Returns:
        What was done.

    Raises:
        AwareNetError: Two clips of one name, journals of other settings, another run at work, a
            disk that is full, a detector that is not there.
        SettingsError: No such engine or share.
    """
    store = store or FolderStore()
    known = [clip for clip in clips if clip.name in parts]
    if twice := [name for name, n in Counter(clip.name for clip in known).items() if n > 1]:
        raise AwareNetError(f"two clips are called {twice[0]}; clips need names of their own")
    if engine not in ENGINES:
        raise SettingsError(f"engine = {engine!r}; expected {' or '.join(ENGINES)}")
    name = _journal_name(shard)
    made_of = {
        "settings": settings.made_of(),
        "store": store.made_of(),
        "split": split_hash(dict(parts)),
        "clips": clips_hash(known),
    }
    root.mkdir(parents=True, exist_ok=True)
    scratch, mine = scratch_of(root, store, name), name if shard else "*"
    with claim(root, alone=shard is None), Journal(root / f"{name}.jsonl", made_of) as journal:
        clear_scratch(root, mine)
        journals = Journals(root, made_of)
        share = _share(store.plan(known, parts), shard)
        total = sum(len(batch.clips) for batch in share)
        batches = []
        for batch in share:
            if _is_missing(batch, journals, retry):
                batches.append(batch)
            elif not store.is_whole(batch, root):
                log.warning("shard %s is cut off or gone; it is written again", batch.name)
                batches.append(batch)
        del journals
        jobs = [(clip, parts[clip.name]) for batch in batches for clip in batch.clips]
        log.info("%d of %d clips to do", len(jobs), total)
        progress = _Progress(len(jobs))
        results = progress.watch(
            _work_through(
                Cut(settings, store, root, scratch), jobs, engine, workers, method,
                patience_s=3 * settings.limits.deadline_s,
            )
        )  # fmt: skip
        try:
            for done in _committed(store, batches, results, root, scratch):
                journal.add(done)
        finally:
            clear_scratch(root, mine)
        written, rows = None, 0
        if shard is None:
            written = root / manifest
            with explained(root):
                rows = write_rows(iterate_rows(root, known, parts, part_of_frame), written, notes)
    return Summary(total, len(jobs), progress.crops, dict(progress.failures), written, rows)


def iterate_rows(
    root: Path,
    clips: Iterable[Clip],
    parts: Mapping[str, str],
    part_of_frame: Callable[[str, int], str] | None = None,
) -> Iterator[Row]:
    """Give the rows of all clips that the journals of a folder know, ordered by clip and frame."""
    by_name = {clip.name: clip for clip in clips if clip.name in parts}
    for done in Journals(root).read(sorted(by_name)):
        clip = by_name[done.clip]
        for crop in done.crops:
            yield Row(
                path=crop.path,
                clip=clip.name,
                frame=crop.frame,
                time_s=crop.time_s,
                box=crop.box,
                landmarks=crop.landmarks,
                mesh=crop.mesh,
                label=clip.label,
                method=clip.method,
                dataset=clip.dataset,
                identities=tuple(clip.identities),
                source_clip=clip.source_clip,
                split=part_of_frame(clip.name, crop.frame) if part_of_frame else parts[clip.name],
                sha256=crop.sha256,
                compression=clip.compression,
                face_px=crop.face_px,
            )


def clips_hash(clips: Iterable[Clip]) -> str:
    """SHA-256 of what a data set's index says of clips; where they lie on disk does not matter."""
    records = sorted(
        (c.name, c.label, c.method, c.dataset, list(c.identities), c.source_clip, bool(c.mask),
         len(c.pictures), c.compression)
        for c in clips
    )  # fmt: skip
    return hashlib.sha256(json.dumps(records).encode()).hexdigest()


class _Progress:
    """Counts results on their way and logs how far they are."""

    def __init__(self, total: int):
        self.total, self.done, self.crops, self.failures = total, 0, 0, Counter()
        self._start = self._said = time.monotonic()

    def watch(self, results: Iterable[Extracted]) -> Iterator[Extracted]:
        """Hand results on."""
        for result in results:
            self.done += 1
            self.crops += len(result.crops)
            if not result.crops:
                self.failures[result.reason] += 1
                log.debug("%s: %s", result.clip, result.detail)
            now = time.monotonic()
            if now - self._said >= LOG_EVERY_S or self.done == self.total:
                self._said = now
                log.info("%s", self.sentence(max(now - self._start, 1e-3)))
            yield result

    def sentence(self, seconds: float) -> str:
        """How far, how fast, how long still."""
        rate = self.done / seconds
        failed = ", ".join(f"{n} {reason}" for reason, n in self.failures.most_common())
        return (
            f"{self.done}/{self.total} clips, {rate:.2g} clips/s, {self.crops / seconds:.3g} "
            f"faces/s, {_duration((self.total - self.done) / rate)} left, "
            f"without a crop: {failed or 'none'}"
        )


def _work_through(
    work: Cut,
    jobs: list[tuple[Clip, str]],
    engine: str,
    workers: int,
    method: str,
    patience_s: float,
) -> Iterator[Extracted]:
    """Have the jobs done; a clip that no process survived has failed."""
    ordered = work.store.ordered
    if engine == "ray":
        results = run_on_ray(work, jobs, workers=max(workers, 1), ordered=ordered)
    elif workers == 0:
        results = run_here(work, jobs)
    else:
        results = run_in_pool(
            work, jobs, workers=workers, ordered=ordered, patience_s=patience_s, method=method
        )
    for number, result in results:
        if isinstance(result, Died):
            result = Extracted(jobs[number][0].name, (), result.reason, result.detail)
        yield result


def _committed(
    store: FolderStore | ShardStore,
    batches: list[Batch],
    results: Iterator[Extracted],
    root: Path,
    scratch: Path,
) -> Iterator[list[Extracted]]:
    """Give results out in groups, each once its images are in place."""
    if not store.ordered:
        for result in results:
            yield [result]
        return
    for batch in batches:
        yield store.pack(batch, itertools.islice(results, len(batch.clips)), root, scratch)


def _journal_name(shard: tuple[int, int] | None) -> str:
    if shard is None:
        return "journal"
    if not 1 <= shard[0] <= shard[1]:
        raise SettingsError(f"shard {shard[0]}/{shard[1]}; expected i/n with 1 <= i <= n")
    return f"journal-{shard[0]}-of-{shard[1]}"


def _share(batches: list[Batch], shard: tuple[int, int] | None) -> list[Batch]:
    return batches if shard is None else batches[shard[0] - 1 :: shard[1]]


def _is_missing(batch: Batch, journals: Journals, retry: bool) -> bool:
    names = [clip.name for clip in batch.clips]
    return any(name not in journals or (retry and journals.failed(name)) for name in names)


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 2 else f"{seconds:.0f} s"
