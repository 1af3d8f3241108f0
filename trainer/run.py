"""Retrain the whole pipeline, from photographs on disk to a bundle that the page runs.

python -m trainer.run --settings trainer/presets/demo.toml      every stage
python -m trainer.run prepare train --settings …                these stages only
python -m trainer.run train --settings … --set train.steps=100  one setting changed
python -m trainer.run --dry-run                                 show the settings and stop

A stage reads what the one before it left in [data] run, and skips what is there already.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from awarenet.errors import AwareNetError
from awarenet.settings import load_settings
from trainer.settings import TrainerSettings

log = logging.getLogger("trainer")


def run_prepare(settings: TrainerSettings) -> None:
    """Photographs to scenes and fakes."""
    from trainer.prepare import prepare

    prepare(settings.data, settings.prepare, settings.faces)


def run_train(settings: TrainerSettings) -> None:
    """Every member, several at a time; one of each family before the second of any."""
    from trainer.engine import train_member

    jobs = [
        (family, index)
        for index in range(settings.ensemble.members)
        for family in settings.ensemble.families
    ]
    if settings.train.workers == 1:
        for family, index in jobs:
            train_member(settings, family, index)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        settings.train.workers, mp_context=context, initializer=_log_to_stderr
    ) as pool:
        for future in [pool.submit(partial(train_member, settings), *job) for job in jobs]:
            future.result()


def run_ensemble(settings: TrainerSettings) -> None:
    """Tier-2 weights, calibration and threshold."""
    from trainer.fit import fit

    fit(settings)


def run_evaluate(settings: TrainerSettings) -> None:
    """Figures on people that nothing was fitted on."""
    from trainer.evaluate import evaluate

    evaluate(settings)


def run_bundle(settings: TrainerSettings) -> None:
    """The folder that the page runs, with its model card."""
    from trainer.assemble import write_bundle

    write_bundle(settings)


STAGES: dict[str, Callable[[TrainerSettings], None]] = {  # in the order they run
    "prepare": run_prepare,
    "train": run_train,
    "ensemble": run_ensemble,
    "evaluate": run_evaluate,
    "bundle": run_bundle,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages asked for; 0 when all ended well, 2 when the user has to change something."""
    parser = argparse.ArgumentParser(
        "trainer.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}")
    parser.add_argument("--settings", type=Path, help="TOML file (default: settings.toml)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--dry-run", action="store_true", help="print the settings and stop")
    args = parser.parse_args(argv)
    if unknown := set(args.stages) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    _log_to_stderr()
    try:
        settings = load_settings(args.settings, args.overrides, TrainerSettings)
        if args.dry_run:
            print(json.dumps(settings.model_dump(mode="json"), indent=2))
            return 0
        for stage, work in STAGES.items():
            if not args.stages or stage in args.stages:
                log.info("== %s", stage)
                work(settings)
    except AwareNetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
