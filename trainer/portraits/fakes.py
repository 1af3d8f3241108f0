"""From real crops to fakes: who is put onto whom, and the crops and rows that come of it.

People are dealt out before; both faces of a swap are from the same part, so nothing crosses.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from awarenet.atomic import written_whole
from awarenet.errors import AwareNetError, SettingsError
from trainer.extraction.crops import read_scene
from trainer.extraction.extract import encode
from trainer.extraction.pool import run_here, run_in_pool
from trainer.manifest import Row
from trainer.portraits.forge import MADE_OF_ITSELF, MAKERS, describe, make_fake
from trainer.settings import ForgeSettings

log = logging.getLogger(__name__)

Job = tuple[Row, list[Row], list[str], str, int]  # target, a donor a fake, kinds, root, seed
LOG_EVERY = 200  # faces


def make_fakes(
    rows: Sequence[Row], root: Path, settings: ForgeSettings, *, workers: int
) -> Iterator[Row]:
    """Make fakes of real crops, and give their rows.

    Args:
        rows: Real, one crop a person, each with its mesh.
        root: Folder of the manifest; fakes go to `fake/KIND/` in it.
        settings: How many, of which kinds.
        workers: Processes; 0 works in this one.

    Raises:
        SettingsError: There is no such kind.
        AwareNetError: A process died.
    """
    jobs = plan_fakes(rows, root, settings)
    results = run_in_pool(_forge, jobs, workers=workers) if workers else run_here(_forge, jobs)
    for done, (number, made) in enumerate(results, 1):
        if not isinstance(made, list):  # no process survived it
            raise AwareNetError(f"fakes of {jobs[number][0].clip}: {made.detail}")
        if done % LOG_EVERY == 0 or done == len(jobs):
            log.info("prepare: fakes of %d/%d faces", done, len(jobs))
        yield from made


def plan_fakes(rows: Sequence[Row], root: Path, settings: ForgeSettings) -> list[Job]:
    """One job a face: which kinds of fake, with which donors, the likest of several drawn.

    Raises:
        SettingsError: There is no such kind.
    """
    for kind in (*settings.kinds, settings.held_out):
        if kind not in MAKERS:
            raise SettingsError(
                f"[forge] has no kind of fake {kind!r}; there are {', '.join(MAKERS)}"
            )
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        # people of a data set that is only tested on are swapped among themselves
        groups.setdefault((row.split, row.dataset if row.split == "test" else ""), []).append(row)
    jobs = []
    for (part, _), members in sorted(groups.items()):
        looks = np.stack([describe(read_scene(row, root)) for row in members])
        for index, row in enumerate(members):
            rng = np.random.default_rng([settings.seed, 1, int(row.sha256[:12], 16)])
            kinds = _kinds(settings, part, rng)
            people = set(row.identities)
            others = [i for i, m in enumerate(members) if not set(m.identities) & people] or [index]
            donors = []
            for _ in kinds:
                drawn = rng.choice(others, settings.donors)
                distance = np.abs(looks[drawn] - looks[index]).mean(1)
                donors.append(members[drawn[int(distance.argmin())]])
            jobs.append((row, donors, kinds, str(root), settings.seed))
    return jobs


def _kinds(settings: ForgeSettings, part: str, rng: np.random.Generator) -> list[str]:
    """Kinds of the fakes of one person; the held-out kind is made for the other parts only."""
    names = list(settings.kinds)
    if part != "train":  # the same number of each kind, so that none weighs more in a result
        return [*names, settings.held_out] * settings.fakes_per_test_photo
    shares = np.array([settings.kinds[name] for name in names])
    return list(rng.choice(names, settings.fakes_per_person, p=shares / shares.sum()))


def _forge(job: Job) -> list[Row]:
    """Make all fakes of one face."""
    row, donors, kinds, folder, seed = job
    root, made = Path(folder), []
    target = read_scene(row, root)
    for index, (kind, donor) in enumerate(zip(kinds, donors, strict=True)):
        rng = np.random.default_rng([seed, 2, int(row.sha256[:12], 16), index])
        alone = kind in MADE_OF_ITSELF.values()
        fake = make_fake(kind, target, target if alone else read_scene(donor, root), rng)
        name = f"{row.clip}-{index:02d}"
        people = row.identities if alone else (*row.identities, *donor.identities)
        path = Path("fake", kind, f"{name}.png")
        (root / path.parent).mkdir(parents=True, exist_ok=True)
        with written_whole(root / path) as temporary:
            temporary.write_bytes(encode(fake, "png"))
        digest = hashlib.sha256(np.ascontiguousarray(fake)).hexdigest()
        made.append(
            replace(
                row, path=path.as_posix(), sha256=digest, clip=name, label=1, method=kind,
                identities=people,
            )
        )  # fmt: skip
    return made
