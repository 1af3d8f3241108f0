"""The section that asks whether an ensemble beats its best member holds what was measured."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report_page import Page
from tests.report_run import FAMILIES, SETS, report_settings, write_run
from trainer.experiments import experiments
from trainer.run_report import write_report
from trainer.run_report.answers import answer
from trainer.run_report.page import Table
from trainer.run_report.ranks_section import TITLE, flag_counts, ranks_section

ONE = {"grid": {"data": ("faceforensics",), "recipes": ("none",)}, "ensemble": {"combiner": "soft"}}
SHIPS = "all, soft"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("ranks") / "run", **ONE)


@pytest.fixture(scope="module")
def metrics(run):
    return json.loads((experiments(run)[0].folder / "metrics.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def page(run):
    return Page(write_report(run).read_text("utf-8"))


def test_each_data_set_is_answered_by_the_interval_of_what_ships(page, metrics):
    _, *rows = page.table("AUC of clips; the difference is")["rows"]
    assert [row[1] for row in rows] == list(SETS)
    for name, row in zip(SETS, rows, strict=True):
        ranks = metrics["sets"][name]["ranks"]
        own = {one["scorer"]: one for one in ranks["rows"]}
        figure = own[SHIPS]["auc difference"]
        assert row[3] == SHIPS and row[5] == ranks["best_member"]
        assert row[7].split() == [f"{figure['value']:+.3f}", f"{figure['low']:+.3f}", "to",
                                  f"{figure['high']:+.3f}"]  # fmt: skip
        assert row[8] == answer(figure)
        counts = list(map(int, re.findall(r"\d+", row[9])))
        assert sum(counts) == sum(one["kind"] == "ensemble" for one in ranks["rows"]) == 9


@pytest.mark.parametrize("place", range(len(SETS)))
def test_the_ranks_on_clips_are_those_that_were_measured_the_best_auc_first(page, metrics, place):
    figures = metrics["sets"][SETS[place]]
    head, *rows = page.table("Ranks on clips", place)["rows"]
    best = figures["ranks"]["best_member"]
    assert len(rows) == len(figures["ranks"]["rows"]) == 9 + 2 + 4
    aucs = [float(row[head.index("AUC")].split()[0]) for row in rows]
    assert aucs == sorted(aucs, reverse=True)
    for row, one in zip(rows, figures["ranks"]["rows"], strict=True):
        assert row[0].startswith(one["scorer"]) and row[2] == one["kind"]
        level = figures["clips_level"][one["scorer"]]
        for name in ("sensitivity", "specificity"):
            assert row[head.index(name)].split()[0] == f"{level[name]['value']:.3f}"
        if one["scorer"] != best:
            said = row[head.index(f"AUC less {best}")].split()[0]
            assert said == f"{one['auc difference']['value']:+.3f}"
    assert [row[0] for row in rows if "best member" in row[0]] == [f"{best} (best member)"]
    assert [row[0] for row in rows if "ships" in row[0]] == [f"{SHIPS} (ships)"]


def test_the_ranks_on_frames_are_in_the_order_of_their_own_auc(page, metrics):
    head, *rows = page.table("Ranks on frames")["rows"]
    frames = metrics["sets"][SETS[0]]["frames"]
    aucs = [frames[row[0]]["auc"]["value"] for row in rows]
    assert aucs == sorted(aucs, reverse=True) and len(rows) == len(frames)
    for row in rows:
        written = [cell.split()[0] for cell in row[3:]]
        names = ("auc", "accuracy", "sensitivity", "specificity")
        assert written == [f"{frames[row[0]][name]['value']:.3f}" for name in names]


def test_plots_say_what_they_show(page, metrics):
    words = [image["alt"] for image in page.all("img")]
    figure = {one["scorer"]: one for one in metrics["sets"][SETS[0]]["ranks"]["rows"]}[SHIPS]
    (forest,) = [
        one for one in words if one.startswith("Difference in AUC") and SETS[0] in one
    ]  # fmt: skip
    assert f"{SHIPS} {figure['auc difference']['value']:+.3f}" in forest
    assert sum(one.startswith(f"Confusion matrix of {SHIPS}") for one in words) == 2


def test_what_ships_stands_for_the_ensemble_on_the_rest_of_the_page(page, metrics):
    _, row = page.table("The same numbers")["rows"]
    figure = metrics["sets"][SETS[0]]["clips_level"][SHIPS]["auc"]
    assert row[1].split()[0] == f"{figure['value']:.3f}"
    curves = [one["alt"] for one in page.all("img") if one["alt"].startswith("ROC curves")]
    assert all(f"AUC of {SHIPS}" in alt for alt in curves) and len(curves) == 2
    assert page.table(f"What “{SHIPS}” brings")["rows"][0][0] == f"{SHIPS} against"


def test_every_ensemble_is_listed_with_its_shares_and_why(page, run):
    fitted = json.loads((experiments(run)[0].folder / "fit.json").read_text("utf-8"))
    _, *rows = page.table("Ensembles that were fitted")["rows"]
    assert [row[0].removesuffix(" (ships)") for row in rows] == list(fitted["ensembles"])
    assert [row[0] for row in rows if "ships" in row[0]] == [f"{SHIPS} (ships)"]
    for row, one in zip(rows, fitted["ensembles"].values(), strict=True):
        assert row[1] == one["combiner"] and row[3] == one["chosen_by"]
        assert all(f"{family} {share:.3f}" in row[2] for family, share in one["weights"].items())


def test_a_run_from_before_there_were_ranks_still_has_its_page(run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run.data.run, folder)
    settings = report_settings(folder, grid=ONE["grid"])
    own = experiments(settings)[0].folder
    metrics = json.loads((own / "metrics.json").read_text("utf-8"))
    for figures in metrics["sets"].values():
        del figures["ranks"]
        for level in ("frames", "clips_level"):
            for scorer in list(figures[level].values()):
                del scorer["sensitivity"], scorer["specificity"]
    (own / "metrics.json").write_text(json.dumps(metrics))
    fitted = json.loads((own / "fit.json").read_text("utf-8"))
    for key in ("ensembles", "ships", "calibrations", "best_member"):
        del fitted[key]
    (own / "fit.json").write_text(json.dumps(fitted))
    page = Page(write_report(settings).read_text("utf-8"))
    assert TITLE in page.prose
    assert "before ensembles were compared with their best members" in page.prose
    assert any(image["alt"].startswith("ROC curves") for image in page.all("img"))


def made_up(members_each: int) -> SimpleNamespace:
    """A data set's ranks, of families of so many members each."""
    figure = {"value": 0.9, "low": 0.8, "high": 0.95, "people": 9, "count": 60}
    kinds = {SHIPS: "ensemble", **dict.fromkeys(FAMILIES, "family")}
    members = [(family, index) for family in FAMILIES for index in range(members_each)]
    kinds |= {f"{family}-{index}": "member" for family, index in members}
    rows = [
        {"scorer": name, "kind": kind, "auc": figure, "accuracy": figure,
         "auc difference": figure, "accuracy difference": None}
        for name, kind in kinds.items()
    ]  # fmt: skip
    level = {name: {"auc": figure, "sensitivity": figure, "specificity": figure} for name in kinds}
    ranks = {"best_member": f"{FAMILIES[0]}-0", "best_family": FAMILIES[0], "rows": rows}
    figures = {"ranks": ranks, "clips": {"real": 20, "fake": 40}, "people": 9,
               "learned_from": True, "frames": level, "clips_level": level}  # fmt: skip
    own = SimpleNamespace(name="all-none", families=FAMILIES, members=members)
    return SimpleNamespace(
        experiment=own, metrics=figures, sets={"faceforensics": figures}, ships=SHIPS
    )


@pytest.mark.parametrize(("members_each", "rows"), [(1, 3), (2, 7)])
def test_a_family_of_one_is_not_listed_beside_its_member(members_each, rows):
    (section,) = ranks_section([made_up(members_each)])
    (part,) = section.parts
    tables = [block for block in part.blocks if isinstance(block, Table)]
    assert [len(table.rows) for table in tables] == [rows, rows]
    names = [row[0] for row in tables[1].rows]
    assert (FAMILIES[0] in names) == (members_each > 1)


def test_where_no_data_set_was_tested_on_nothing_is_asked():
    assert ranks_section([SimpleNamespace(metrics={"crops": {}}, sets={})]) == []
    (section,) = ranks_section([SimpleNamespace(metrics=None, sets={})])
    assert "not run yet" in section.blocks[0].words


@given(st.integers(1, 9_999), st.integers(1, 9_999), st.floats(0, 1), st.floats(0, 1))
def test_counts_come_back_from_figures_of_four_digits(real, fake, kept, found):
    kept, found = round(kept * real), round(found * fake)
    figures = {
        "specificity": {"value": round(kept / real, 4)},
        "sensitivity": {"value": round(found / fake, 4)},
    }
    counts = flag_counts(figures, {"real": real, "fake": fake})
    np.testing.assert_array_equal(counts, [[kept, real - kept], [fake - found, found]])


def test_counts_that_four_digits_cannot_tell_are_not_made_up():
    figures = {"specificity": {"value": 0.5}, "sensitivity": {"value": 0.5}}
    assert flag_counts(figures, {"real": 10_000, "fake": 10}) is None
    assert flag_counts({"sensitivity": {"value": 0.5}}, {"real": 10, "fake": 10}) is None
