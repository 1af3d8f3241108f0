"""The model card says which combiner a bundle has, what that was fitted on, and whether it won."""

import json

import pytest

from tests.report_run import FAMILIES, SETS, report_settings, write_run
from trainer.bundles.card import model_card
from trainer.ensembles.voting import shipped
from trainer.experiments import experiments
from trainer.json_files import read_json, write_json
from trainer.run_report.answers import answer
from trainer.starting_weights import (
    RANDOM_START,
    START_FILE,
    describe_starting_weights,
    origin_of,
)

GRID = {"data": ("faceforensics",), "recipes": ("none",)}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a run, and what its only ensemble has in fit.json and metrics.json."""
    folder = tmp_path_factory.mktemp("card") / "run"
    (experiment,) = experiments(write_run(folder, grid=GRID))
    names = ("fit.json", "metrics.json")
    return folder, *(json.loads((experiment.folder / name).read_text("utf-8")) for name in names)


@pytest.fixture(autouse=True)
def split(monkeypatch):
    """The run was made without the stage that splits, so it has no hash of a split."""
    monkeypatch.setattr("trainer.bundles.card.manifest_hash", lambda manifest: "0" * 64)


def card_of(run, **sections) -> str:
    """The card of the same run, had [ensemble] asked for something else."""
    folder, fitted, metrics = run
    settings = report_settings(folder, grid=GRID, **sections)
    own = settings.ensemble
    fitted = {**fitted, "ships": shipped(own.combiner, own.choose)}
    return model_card(experiments(settings)[0], fitted, metrics)


def rows_of(card: str, head: str) -> list[list[str]]:
    """Cells of the table whose heading begins so."""
    lines = card.split(f"| {head} |", 1)[1].splitlines()[2:]
    table = lines[: next(place for place, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


@pytest.mark.parametrize(
    ("ensemble", "said"),
    [
        ({"combiner": "two_tier"}, ("the families are weighed by learned shares (tier 2)",
         '"two tiers" (all families). Its shares were learned on faces of validation people.')),
        ({"combiner": "two_tier", "tier_2": "end_to_end"},
         ("Its shares were learned together with the networks, on faces of training people.",)),
        ({"combiner": "mean"}, ("counts the same", "Nothing in it was fitted.")),
        ({"combiner": "hard"}, ('share that says "fake" is the outcome', '"all, hard" (all')),
        ({"combiner": "soft", "choose": "best"}, ("soft voting", '"best two, soft" (best accuracy '
         "on validation clips", "best validation AUC of 10,000 drawn")),
        ({"combiner": "stack"}, ("a forest of decision trees", "Its forest was grown on faces of "
         "validation people.", "heeded by the forest")),
    ],
)  # fmt: skip
def test_the_combiner_and_what_it_was_fitted_on_are_told(run, ensemble, said):
    card = card_of(run, ensemble=ensemble)
    for words in said:
        assert words in card
    assert "4 networks in 2 families vote" in card
    assert "{{" not in card and "{%" not in card


def test_how_far_the_ensemble_may_be_asked_is_told_where_it_was_fitted(run):
    folder, fitted, metrics = run
    (experiment,) = experiments(report_settings(folder, grid=GRID))
    assert "the networks would guess" not in model_card(experiment, fitted, metrics)
    known = {"sha256": "0" * 64, "limit": 1.25, "fitted_on": "distance to 7 training faces"}
    card = model_card(experiment, {**fitted, "competence": known}, metrics)
    assert "(distance to 7 training faces).\nBeyond 1.250, an answer is" in card


def test_figures_are_those_of_the_ensemble_that_ships(run):
    _, _, metrics = run
    card = card_of(run, ensemble={"combiner": "stack"})
    head = [cell.strip() for cell in card.split("| data set |")[1].splitlines()[0].split("|")]
    for row, name in zip(rows_of(card, "data set"), SETS, strict=True):
        figures = metrics["sets"][name]["clips_level"]["all, stack"]
        for key in ("sensitivity", "specificity"):
            one = figures[key]
            cell = f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
            assert row[1 + head.index(key)] == cell
        assert f"value: {figures['auc']['value']}" in card  # of the metadata


def test_the_best_member_is_named_and_whether_it_was_beaten(run):
    _, _, metrics = run
    card = card_of(run, ensemble={"combiner": "hard"})
    for row, name in zip(rows_of(card, "data set | `all, hard`"), SETS, strict=True):
        ranks = metrics["sets"][name]["ranks"]
        (own,) = [one for one in ranks["rows"] if one["scorer"] == "all, hard"]
        ahead = own["auc difference"]
        assert row[0] == name and row[2] == f"`{ranks['best_member']}`"
        assert row[4].split()[0] == f"{ahead['value']:+.3f}"
        assert row[5] == answer(ahead)


def test_families_that_do_not_vote_are_not_listed(run):
    folder, fitted, metrics = run
    alone = {"combiner": "soft", "families": [FAMILIES[1]], "weights": {FAMILIES[1]: 1.0},
             "chosen_by": "best"}  # fmt: skip
    fitted = {**fitted, "ensembles": {"all, soft": alone}, "ships": "all, soft"}
    experiment = experiments(report_settings(folder, grid=GRID))[0]
    card = model_card(experiment, fitted, metrics)
    assert [row[0] for row in rows_of(card, "family")] == [FAMILIES[1]]
    assert "2 networks in 1 family votes" in card


def test_a_run_from_before_there_were_other_combiners_still_has_its_card(run):
    folder, fitted, metrics = run
    sets = {
        name: {key: value for key, value in figures.items() if key != "ranks"}
        for name, figures in metrics["sets"].items()
    }
    old = {key: fitted[key] for key in ("weights", "threshold", "calibration", "fitted_on")}
    experiment = experiments(report_settings(folder, grid=GRID))[0]
    card = model_card(experiment, old, {**metrics, "sets": sets})
    assert 'holds the ensemble "two tiers". Its shares were learned' in card
    assert "beat its best member" not in card
    assert [row[0] for row in rows_of(card, "family")] == list(FAMILIES)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(20, "under a minute"), (61, "1 minute"), (89, "1 minute"), (95, "2 minutes"),
     (5340, "89 minutes"), (5400, "1.5 hours"), (36000, "10.0 hours")],
)  # fmt: skip
def test_the_time_of_the_training_is_told_in_english(run, tmp_path, seconds, said):
    machine = {"cpu": "Some CPU", "cores": 2, "memory_gib": 8.0, "gpus": []}
    folder, _, _ = run
    write_json(folder / "run.json", {"stages": {"train": float(seconds)}, "hardware": machine})
    assert f"Training took {said} on 2 cores of Some CPU" in card_of(run)


def test_a_family_that_found_no_weights_to_start_from_is_said_to_have_started_at_random(
    run, tmp_path
):
    settings = write_run(tmp_path / "run")
    [one, *_] = experiments(settings)
    first, other = FAMILIES
    assert origin_of(one, first) == describe_starting_weights(first)
    write_json(one.member_folder(first, 0) / START_FILE, {"start": RANDOM_START})
    card = model_card(
        one, read_json(one.folder / "fit.json"), read_json(one.folder / "metrics.json")
    )
    assert RANDOM_START in card
    assert describe_starting_weights(other) in card
    assert describe_starting_weights(first) not in card
