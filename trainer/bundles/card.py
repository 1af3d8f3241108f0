"""The model card of a bundle: what was measured, and what [card] says of data and people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import jinja2

from trainer.atomic import read_json
from trainer.bundles.card_metadata import card_metadata
from trainer.evaluation.metrics import Figure
from trainer.experiments import Experiment, experiments
from trainer.manifest import Row, read_manifest, read_notes
from trainer.prepare import manifest_hash
from trainer.provenance import RECORD_FILE, hardware_in_words
from trainer.splits import PARTS
from trainer.starting_weights import describe_starting_weights

TEMPLATE = Path(__file__).with_name("card.md.j2")
UNTOLD = "Nobody has said in [card] sources what this is and what rights there are in it."
CALIBRATIONS = {"platt": "Platt scaling", "temperature": "A temperature"}


def model_card(experiment: Experiment, fitted: dict, metrics: dict) -> str:
    """Fill the card in with what was measured."""
    settings = experiment.settings
    notes = read_notes(experiment.manifest)
    rows = [row for row in read_manifest(experiment.manifest) if row.label == 0]
    own = Counter(row.split for row in rows if experiment.learns_from(row))
    origins = _origins(experiment)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(
        metadata=card_metadata(settings, metrics, experiment.datasets).strip(),
        name=settings.ensemble.name,
        members=settings.ensemble.members,
        families=[
            {
                "name": family,
                "origin": origins[family],
                "side": experiment.spec(family).side,
                "seeds": seeds,
                "weight": fitted["weights"][family],
            }
            for family, seeds in experiment.seeds.items()
        ],
        about=settings.card.about.strip(),
        effort=_effort(experiment),
        missing=settings.card.missing.strip(),
        sources=_sources(experiment, rows),
        protocol=notes.get("protocol", "identity"),
        warnings=notes.get("split_warnings", "").splitlines(),
        split=manifest_hash(experiment.manifest)[:16],
        split_counts=", ".join(f"{own[part]} {part}" for part in PARTS),
        fakes=", ".join(settings.forge.kinds) if settings.data.photos else "",
        held_out=settings.forge.held_out,
        recipe=experiment.recipe,
        calibration=CALIBRATIONS[fitted["calibration"]],
        threshold=fitted["threshold"],
        fitted_on=fitted["fitted_on"],
        sets=_sets(metrics["sets"]),
        crops=[
            {"people": people, "kind": kind, "auc": _figure(figure), "figure": figure}
            for people, kinds in metrics["crops"].items()
            for kind, figure in kinds.items()
        ],
        parts=[
            {"name": name, **{r: _figure(found[name]) for r, found in metrics["members"].items()}}
            for name in metrics["members"].get("clean", {})
        ],
        clips=_clips(metrics["clips"]),
        license=settings.card.license,
        licenses=" and ".join(sorted({text.rpartition(", ")[2] for text in origins.values()})),
    )


def _effort(experiment: Experiment) -> str:
    """How long the training took, and on what; nothing where no run.json tells."""
    path = experiment.run / RECORD_FILE
    record = read_json(path) if path.is_file() else {}
    if not (seconds := record.get("stages", {}).get("train")):
        return ""
    spent = f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{seconds / 60:.0f} minutes"
    also = "" if len(experiments(experiment.settings)) == 1 else ", with the others of its grid,"
    return f"Training took {spent}{also} on {hardware_in_words(record['hardware'])}."


def _origins(experiment: Experiment) -> dict[str, str]:
    """Where each family's starting weights come from, in words that end in their license."""
    if experiment.settings.train.start == "random":
        return dict.fromkeys(experiment.families, "random start, none")
    return {family: describe_starting_weights(family) for family in experiment.families}


def _sources(experiment: Experiment, rows: Sequence[Row]) -> list[dict]:
    """Every data set and folder, what it holds and what [card] tells of it."""
    settings = experiment.settings
    crops = Counter(row.dataset for row in rows)
    listed = [
        {
            "name": name,
            "holds": f"{crops[name]} "
            + ("photographs with a face" if name not in settings.data.sets else "real face crops")
            + ("" if name in experiment.datasets else ", tested on only"),
            "told": settings.card.sources.get(name, UNTOLD),
        }
        for name in sorted(crops)
    ]
    for entry in settings.data.videos:
        name = Path(entry).name
        told = settings.card.sources.get(name, UNTOLD)
        holds = "clips, calibrated and tested on only"
        listed.append({"name": name, "holds": holds, "told": told})
    return listed


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return "not measured"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _sets(sets: dict) -> list[dict]:
    names = ("auc", "ap", "eer", "balanced_accuracy", "f1", "all_fake_f1", "ece", "log_loss")
    return [
        {
            "name": name,
            "learned_from": found["learned_from"],
            "clips": found["clips"],
            **{key: _figure(found["clips_level"]["two tiers"].get(key)) for key in names},
        }
        for name, found in sets.items()
    ]


def _clips(clips: dict) -> list[dict]:
    return [
        {
            "name": name,
            "label": label,
            **{key: result[label][key] for key in ("clips", "fake", "inconclusive", "real")},
            "flagged": _figure(result[label]["flagged"]),
            "auc": _figure(result["auc"]) if "auc" in result and label == "fake" else "",
        }
        for name, result in clips.items()
        for label in ("genuine", "fake")
        if label in result
    ]
