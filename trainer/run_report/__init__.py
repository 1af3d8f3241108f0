"""One page a run, with every figure and plot: self-contained, to be opened from disk."""

from __future__ import annotations

import logging
from pathlib import Path

from awarenet.atomic import written_whole
from trainer.experiments import experiments
from trainer.run_report.across_section import across_section, published_section
from trainer.run_report.experiment_section import experiment_section
from trainer.run_report.found import Found
from trainer.run_report.page import Bullets, Section, Text, render
from trainer.run_report.ranks_section import ranks_section
from trainer.run_report.run_section import data_section, run_section
from trainer.settings import TrainerSettings

log = logging.getLogger(__name__)

FILE = "report.html"
LIMITS = (
    "Intervals are 95 % bootstrap intervals over the people in the tests. They say how much a "
    "figure hangs on who was in the test, and nothing about cameras, codecs, languages and kinds "
    "of fakes that are not in these data sets.",
    "A figure on a data set that was learned from holds for other people in front of the same "
    "cameras, with fakes of the same methods. On fakes of a new method expect less: how much less, "
    "the figures on data sets that were not learned from suggest.",
    "No false alarm among a hundred genuine clips is still compatible with a rate of three in a "
    "hundred.",
    "Most data sets hold few people of many ages and skin tones, and say little about who they "
    "are. Where somebody is rare in the data, errors are likely to be more frequent.",
    "The probability is right on average where as many clips are fake as are genuine. Where fakes "
    "are rare, most of what is flagged is genuine, whatever the AUC.",
    "A probability is the opinion of these networks about a face in a clip. It is never a proof.",
)
LEAKY = {
    "frame": "This run dealt single frames out at random: test frames show clips and people that "
    "were trained on. Its figures on data sets it learned from are far too high.",
    "video": "This run dealt clips out: people may be in training and in test. Its figures on data "
    "sets it learned from are too high.",
}


def write_report(settings: TrainerSettings, path: Path | None = None) -> Path:
    """Write the page of a run from what its stages have left so far.

    Args:
        settings: Of the run; [data] run is its folder.
        path: Of the page; None: report.html in that folder.

    Returns:
        The path of the page; where a stage has not run, the page says so in one line.

    Raises:
        AwareNetError: A file that a stage has left is damaged.
    """
    grid = [Found(experiment) for experiment in experiments(settings)]
    own = [found.experiment for found in grid]
    run = Path(settings.data.run)
    path = run / FILE if path is None else path
    path.parent.mkdir(parents=True, exist_ok=True)
    across = [across_section(grid), *ranks_section(grid), published_section(grid)]
    alone = [*map(experiment_section, grid)]
    results = [*across, *alone] if any(found.sets for found in grid) else [*alone, *across]
    sections = [
        *_warnings(settings),
        *results,
        data_section(own[0]),
        run_section(settings, own),
        Section("Limits", [Bullets(LIMITS), Text(settings.card.missing)]),
    ]
    lead = f"Everything that was measured of the run “{run.name}”, and how it was measured."
    page = render(f"{settings.ensemble.name}: report of a run", lead, sections)
    with written_whole(path) as temporary:
        temporary.write_text(page, "utf-8")
    log.info("report: %s, %.1f MB", path, path.stat().st_size / 1e6)
    return path


def _warnings(settings: TrainerSettings) -> list[Section]:
    """What a reader has to know before any figure."""
    said = LEAKY.get(settings.split.protocol)
    return [Section("Read this first", [Text(said, "warning")])] if said else []
