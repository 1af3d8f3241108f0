"""Retrain the whole pipeline, from photographs on disk to a bundle that the page runs.

python -m trainer.run --settings trainer/presets/demo.toml      every stage
python -m trainer.run prepare train --settings …                these stages only
python -m trainer.run index --data NAME=PATH                    count what is in a data set
python -m trainer.run prepare --shard 2/10 --settings …         the second of ten machines
python -m trainer.run train --settings … --set train.steps=100  one setting changed
python -m trainer.run --dry-run                                 show the settings and stop

A stage reads what the one before it left in [data] run, and skips what is there already.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from awarenet.errors import AwareNetError
from awarenet.settings import load_settings
from trainer.settings import TrainerSettings
from trainer.sources import parse_sets

log = logging.getLogger("trainer")


def run_index(settings: TrainerSettings) -> None:
    """Print what lies in the folders of [data] sets, beside what was published."""
    from trainer.datasets import DATASETS, count_table
    from trainer.sources import index_sets

    if not settings.data.sets:
        raise AwareNetError(f"no data set; add --data NAME=PATH, NAME of {', '.join(DATASETS)}")
    print(count_table(index_sets(settings.data)))


def run_prepare(settings: TrainerSettings, **options: object) -> None:
    """Clips and photographs to crops, fakes and a manifest."""
    from trainer.prepare import prepare

    prepare(settings, **options)


def run_check(settings: TrainerSettings) -> None:
    """Refuse data in which anything is in two parts."""
    from trainer.prepare import check

    check(settings)


def run_train(settings: TrainerSettings) -> None:
    """Every member, several at a time; one of each family before the second of any."""
    from trainer.engine import train_member

    run_check(settings)  # before every training, also where only this stage was asked for

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


ASKED_FOR = ("index",)  # stages that run only when they are named
STAGES: dict[str, Callable[[TrainerSettings], None]] = {  # in the order they run
    "index": run_index,
    "prepare": run_prepare,
    "check": run_check,
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
    parser.add_argument("--data", action="append", default=[], metavar="NAME=PATH",
                        help="a data set to use beside those of [data] sets")  # fmt: skip
    parser.add_argument("--shard", metavar="I/N", type=_shard,
                        help="prepare the I-th of N shares of the clips only")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="prepare: make the split anew")
    parser.add_argument("--dry-run", action="store_true", help="print the settings and stop")
    args = parser.parse_args(argv)
    if unknown := set(args.stages) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    if (args.shard or args.force) and args.stages != ["prepare"]:
        parser.error("--shard and --force go with the stage prepare alone")
    options = {name: value for name in ("shard", "force") if (value := getattr(args, name))}
    _log_to_stderr()
    try:
        settings = load_settings(args.settings, args.overrides, TrainerSettings)
        sets = {**settings.data.sets, **parse_sets(args.data)}
        data = settings.data.model_copy(update={"sets": sets})
        settings = settings.model_copy(update={"data": data})
        if args.dry_run:
            print(json.dumps(settings.model_dump(mode="json"), indent=2))
            return 0
        for stage, work in STAGES.items():
            if stage in args.stages or not (args.stages or stage in ASKED_FOR):
                log.info("== %s", stage)
                work(settings, **(options if stage == "prepare" else {}))
    except AwareNetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _shard(text: str) -> tuple[int, int]:
    """Read I/N."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} came, I/N with 1 <= I <= N expected, as 2/10")
    return int(match[1]), int(match[2])


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
