"""Retrain the whole pipeline, from clips and photographs on disk to a bundle that the page runs.

python -m trainer.run --settings trainer/presets/demo.toml      every stage
python -m trainer.run prepare train --settings …                these stages only
python -m trainer.run index --data NAME=PATH                    count what is in a data set
python -m trainer.run prepare --shard 2/10 --settings …         the second of ten machines
python -m trainer.run train --settings … --set train.steps=100  one setting changed
python -m trainer.run push --settings … --dry-run               show what would go to the Hub
python -m trainer.run --dry-run                                 show the settings and stop

A stage reads what the one before it left in [data] run, and skips what is there already.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from awarenet.errors import AwareNetError
from awarenet.settings import load_settings
from trainer.experiments import experiments
from trainer.json_files import read_json
from trainer.launch import log_to_stderr, processes
from trainer.settings import TrainerSettings
from trainer.sources import parse_sets
from trainer.stamps import content_hash, needed, stamp_path

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
    """Every member of every experiment; with several processes, several at a time."""
    from trainer.grid import train_grid

    if processes() == 1:
        run_check(settings)  # before every training, also where only this stage was asked for
    else:  # one process does that, beforehand
        run = Path(settings.data.run)
        stamp, now = stamp_path(needed(run / "check.json", "check")), run / "manifest.parquet"
        checked = read_json(needed(stamp, "check")).get("manifest")
        if checked != content_hash(now, "prepare"):
            raise AwareNetError(
                f"{now} is not the one that was checked; run the stage `check` first"
            )
    train_grid(settings)


def run_ensemble(settings: TrainerSettings) -> None:
    """Tier-2 weights, calibration and threshold."""
    from trainer.fit import fit

    for experiment in experiments(settings):
        fit(experiment)


def run_evaluate(settings: TrainerSettings) -> None:
    """Figures on people that nothing was fitted on, on every data set."""
    from trainer.evaluate import evaluate

    for experiment in experiments(settings):
        evaluate(experiment)


def run_report(settings: TrainerSettings) -> None:
    """One page with every figure and plot of the run."""
    from trainer.run_report import write_report

    write_report(settings)


def run_bundle(settings: TrainerSettings) -> None:
    """The folder that the page runs, with its model card; one for each experiment."""
    from trainer.bundles.assemble import write_bundle

    for experiment in experiments(settings):
        write_bundle(experiment)


def run_push(settings: TrainerSettings, **options: bool) -> None:
    """The bundle to the Hugging Face Hub."""
    from trainer.bundles.push import push

    push(settings, **options)


ASKED_FOR = ("index", "push")  # stages that run only when they are named
STAGES: dict[str, Callable[..., None]] = {  # in the order they run
    "index": run_index,
    "prepare": run_prepare,
    "check": run_check,
    "train": run_train,
    "ensemble": run_ensemble,
    "evaluate": run_evaluate,
    "report": run_report,
    "bundle": run_bundle,
    "push": run_push,
}
OPTIONS = {"prepare": ("shard", "force"), "push": ("dry_run",)}  # of a stage, if it runs alone


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
    parser.add_argument("--dry-run", action="store_true",
                        help="show the settings; push: what would be sent")  # fmt: skip
    args = parser.parse_args(argv)
    if unknown := set(args.stages) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    if (args.shard or args.force) and args.stages != ["prepare"]:
        parser.error("--shard and --force go with the stage prepare alone")
    if processes() > 1 and args.stages != ["train"]:
        parser.error("torchrun goes with the stage train alone; run the others by plain python")
    only = args.stages[0] if len(args.stages) == 1 else ""
    options = {name: v for name in OPTIONS.get(only, ()) if (v := getattr(args, name))}
    log_to_stderr()
    try:
        settings = load_settings(args.settings, args.overrides, TrainerSettings)
        sets = {**settings.data.sets, **parse_sets(args.data)}
        data = settings.data.model_copy(update={"sets": sets})
        settings = settings.model_copy(update={"data": data})
        if args.dry_run and only != "push":
            print(json.dumps(settings.model_dump(mode="json"), indent=2))
            return 0
        asked = [s for s in STAGES if s in args.stages or not (args.stages or s in ASKED_FOR)]
        run_stages(settings, asked, options, sys.argv[1:] if argv is None else argv)
    except AwareNetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run_stages(
    settings: TrainerSettings, stages: Sequence[str], options: dict, command: Sequence[str]
) -> None:
    """Run stages in their order, and note in run.json what made what."""
    from trainer.provenance import Record

    with Record(settings, command, stages) as record:
        for stage in stages:
            log.info("== %s", stage)
            with record.timed(stage):
                STAGES[stage](settings, **options)


def _shard(text: str) -> tuple[int, int]:
    """Read I/N."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} came, I/N with 1 <= I <= N expected, as 2/10")
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    sys.exit(main())
