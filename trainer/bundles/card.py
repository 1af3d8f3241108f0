"""The model card of a bundle: what was measured, and what [card] says of data and people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import jinja2

from trainer.bundles.card_metadata import card_metadata
from trainer.ensembles import TWO_TIERS
from trainer.evaluation.metrics import Figure
from trainer.experiments import Experiment, experiments
from trainer.json_files import read_json
from trainer.manifest import Row, read_manifest, read_notes
from trainer.prepare import manifest_hash
from trainer.provenance import RECORD_FILE, hardware_in_words
from trainer.run_report.answers import answer
from trainer.splits import PARTS
from trainer.starting_weights import RANDOM_START, origin_of

TEMPLATE = Path(__file__).with_name("card.md.j2")
UNTOLD = "Nobody has said in [card] sources what this is and what rights there are in it."
GARDNER = "https://github.com/angelicagardner/ensemble-cnn-deepfakes-detection"
COMBINERS = {  # name in awarenet.combine.COMBINERS -> how it makes one probability of many
    "two_tier": "the members of a family are averaged (tier 1), the families are weighed by "
    "learned shares (tier 2), after AWARE-NET (https://arxiv.org/abs/2505.00312)",
    "mean": "every network's probability counts the same",
    "soft": "the members of a family are averaged, then the families, by shares that were searched "
    f"for (soft voting, after Stronger Together, {GARDNER})",
    "hard": 'every network says "real" or "fake", and the share that says "fake" is the outcome '
    f"(hard voting, after Stronger Together, {GARDNER})",
    "stack": "the members of a family are averaged, and a forest of decision trees that was grown "
    f"on the families' probabilities decides (stacking, after the code of Stronger Together, "
    f"{GARDNER})",
}
FITTED = {  # what of it was learned, and on whom
    "two_tier": "Its shares were learned on faces of validation people",
    "mean": "Nothing in it was fitted",
    "soft": "Its shares were searched for on faces of validation people",
    "hard": "Nothing in it was fitted",
    "stack": "Its forest was grown on faces of validation people",
}
TOGETHER = "Its shares were learned together with the networks, on faces of training people"
SHARES = {"stack": "heeded by the forest"}  # what a combiner's weights are; else:
SHARE = "share of the vote"
CALIBRATIONS = {"platt": "Platt scaling", "temperature": "A temperature"}


def model_card(experiment: Experiment, fitted: dict, metrics: dict) -> str:
    """Fill the card in with what was measured."""
    settings = experiment.settings
    notes = read_notes(experiment.manifest)
    rows = [row for row in read_manifest(experiment.manifest) if row.label == 0]
    own = Counter(row.split for row in rows if experiment.learns_from(row))
    ships = fitted.get("ships", TWO_TIERS)
    ensemble = {"combiner": "two_tier", "weights": fitted["weights"]}  # of older runs
    ensemble = fitted.get("ensembles", {}).get(ships, ensemble)
    shares = ensemble["weights"]
    seeds = {name: own for name, own in experiment.seeds.items() if name in shares}
    origins = {family: origin_of(experiment, family) for family in seeds}
    random = [family for family, origin in origins.items() if origin == RANDOM_START]
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(
        metadata=card_metadata(settings, metrics, experiment.datasets, ships, random).strip(),
        name=settings.ensemble.name,
        members=settings.ensemble.members,
        families=[
            {
                "name": family,
                "origin": origins[family],
                "side": experiment.spec(family).side,
                "seeds": own_seeds,
                "weight": shares[family],
            }
            for family, own_seeds in seeds.items()
        ],
        combined=COMBINERS[ensemble["combiner"]],
        share=SHARES.get(ensemble["combiner"], SHARE),
        ships=ships,
        chosen_by=ensemble.get("chosen_by", ""),
        learned=_learned(experiment, ensemble["combiner"]),
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
        known=fitted.get("competence"),
        sets=_sets(metrics["sets"], ships),
        duels=_duels(metrics["sets"], ships),
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


def _learned(experiment: Experiment, combiner: str) -> str:
    """What of a combiner was learned, and on whom."""
    together = experiment.settings.ensemble.tier_2 == "end_to_end"
    return TOGETHER if together and combiner == "two_tier" else FITTED[combiner]


def _effort(experiment: Experiment) -> str:
    """How long the training took, and on what; nothing where no run.json tells."""
    path = experiment.run / RECORD_FILE
    record = read_json(path) if path.is_file() else {}
    if not (seconds := record.get("stages", {}).get("train")):
        return ""
    minutes = round(seconds / 60)
    spent = f"{minutes} minutes" if minutes > 1 else "1 minute" if minutes else "under a minute"
    if minutes >= 90:
        spent = f"{seconds / 3600:.1f} hours"
    also = "" if len(experiments(experiment.settings)) == 1 else ", with the others of its grid,"
    return f"Training took {spent}{also} on {hardware_in_words(record['hardware'])}."


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


def _figure(figure: Figure | None, form: str = ".3f") -> str:
    if figure is None:
        return "not measured"
    value, low, high = (format(figure[key], form) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _sets(sets: dict, ships: str) -> list[dict]:
    names = ("auc", "ap", "eer", "balanced_accuracy", "sensitivity", "specificity", "f1",
             "all_fake_f1", "ece", "log_loss")  # fmt: skip
    return [
        {
            "name": name,
            "learned_from": found["learned_from"],
            "clips": found["clips"],
            **{key: _figure(found["clips_level"][ships].get(key)) for key in names},
        }
        for name, found in sets.items()
    ]


def _duels(sets: dict, ships: str) -> list[dict]:
    """The ensemble against its best member, on each data set where both were measured."""
    found = []
    for name, figures in sets.items():
        ranks = figures.get("ranks") or {"rows": []}
        rows = {row["scorer"]: row for row in ranks["rows"]}
        if ships in rows and (best := ranks["best_member"]) in rows:
            ahead = rows[ships]["auc difference"]
            own, other = (_figure(rows[scorer]["auc"]) for scorer in (ships, best))
            found.append(
                {"name": name, "own": own, "best": best, "other": other,
                 "ahead": _figure(ahead, "+.3f"), "answer": answer(ahead)}
            )  # fmt: skip
    return found


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
