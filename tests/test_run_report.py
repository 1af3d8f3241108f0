"""The page of a run: everything there and true, nothing from outside, nothing unescaped."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.report_page import Page
from tests.report_run import FAMILIES, GRID, NASTY, SETS, WEIGHTS, report_settings, write_run
from trainer.ensembles import TWO_TIERS
from trainer.ensembles.scorers import two_tiers
from trainer.evaluation.metrics import auc
from trainer.evaluation.predictions import Predictions
from trainer.evaluation.published import PUBLISHED
from trainer.experiments import experiments
from trainer.run_report import write_report
from trainer.run_report.clip_scores import clip_scores, gain, roc_band
from trainer.run_report.page import Link, Section, Table, Text, render
from trainer.run_report.run_section import changed_settings
from trainer.settings import TrainerSettings


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "run"
    return write_run(folder, **GRID)


@pytest.fixture(scope="module")
def page(run):
    path = write_report(run)
    assert path == Path(run.data.run) / "report.html"
    return Page(path.read_text("utf-8"))


def test_the_page_asks_for_nothing_from_outside_and_runs_nothing(page):
    resources = [
        value
        for tag, attributes in page.tags
        for key, value in attributes.items()
        if key in ("src", "srcset", "data", "poster") or (key == "href" and tag != "a")
    ]
    assert len(resources) > 10
    assert all(value.startswith("data:image/") for value in resources)
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    style = re.search(r"<style>(.*?)</style>", page.text, re.S)[1]
    assert "url(" not in style and "@import" not in style


def test_links_lead_to_papers_or_to_a_place_on_the_page(page):
    places = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [attributes["href"] for attributes in page.all("a")]
    assert {link for link in links if link.startswith("#")} <= {f"#{place}" for place in places}
    assert any(link.startswith("https://arxiv.org/") for link in links)
    assert all(link.startswith(("#", "https://")) for link in links)


def test_headings_come_in_order(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


def test_tables_have_captions_and_headings_with_a_scope(page):
    tags = [tag for tag, _ in page.tags]
    assert tags.count("table") == tags.count("caption") == len(page.tables) > 10
    assert all(table["caption"].strip() for table in page.tables)
    assert {attributes.get("scope") for attributes in page.all("th")} == {"row", "col"}
    widths = [{len(row) for row in table["rows"]} for table in page.tables]
    assert all(len(width) == 1 for width in widths)


def test_pictures_are_svg_without_scripts_and_say_their_main_figure(page):
    images = page.all("img")
    assert len(images) > 20
    for image in images:
        kind, _, content = image["src"].partition(";base64,")
        assert kind == "data:image/svg+xml"
        drawn = base64.b64decode(content)
        assert (
            b"<svg" in drawn and b"<script" not in drawn and b'<image xlink:href="http' not in drawn
        )
        assert len(image["alt"]) > 15
    assert sum(bool(re.search(r"\d\.\d{3}", image["alt"])) for image in images) > 10


def test_names_from_the_data_are_escaped_everywhere(page):
    assert NASTY not in page.text
    assert "&lt;script&gt;" in page.text
    assert NASTY in page.table("AUC of clips. By method")["rows"][1][0]
    assert "Person p1 <b>may</b> be p2." in page.prose
    assert not page.all("b")


def test_the_frame_and_clip_tables_hold_the_figures_of_metrics_json(run, page):
    metrics = json.loads((experiments(run)[0].folder / "metrics.json").read_text("utf-8"))
    for caption, key in (
        ("Clips: every scorer", "clips_level"),
        ("Frames: every scorer", "frames"),
    ):
        head, *rows = page.table(caption)["rows"]
        scorers = metrics["sets"]["faceforensics"][key]
        assert [row[0] for row in rows] == list(scorers)
        assert len(head) - 1 == len(scorers[TWO_TIERS])
        place = head.index("AUC")
        for row in rows:
            figure = scorers[row[0]]["auc"]
            assert row[place].split()[0] == f"{figure['value']:.3f}"
            assert row[place].split()[1] == f"{figure['low']:.3f}–{figure['high']:.3f}"


def test_two_tiers_stand_against_the_mean_and_every_member(page):
    _, *rows = page.table("What tier 2 brings")["rows"]
    members = [f"{family}-{index}" for family in FAMILIES for index in range(2)]
    assert {row[0] for row in rows} >= {"plain mean", "all, soft", *FAMILIES, *members}
    assert TWO_TIERS not in {row[0] for row in rows}
    for _, difference, verdict in rows:
        value, low, high = map(float, re.findall(r"[+-]\d\.\d+", difference))
        assert low <= value <= high
        assert ("better" in verdict) == (low > 0) and ("worse" in verdict) == (high < 0)


def test_the_threshold_is_put_into_words_that_are_counted_from_the_predictions(run, page):
    experiment = experiments(run)[0]
    fitted = json.loads((experiment.folder / "fit.json").read_text("utf-8"))
    found = Predictions.read(experiment.folder / "predictions-faceforensics.parquet")
    shares = 1 / (1 + np.exp(-found.logits.astype(np.float64)))
    mixed = shares.mean(axis=2) @ np.array(list(WEIGHTS.values()))
    odds = np.log(mixed / (1 - mixed))
    flagged = {0: 0, 1: 0}
    for clip in set(found.clip):
        at = found.clip == clip
        flagged[found.label[at][0]] += fitted["scale"] * odds[at].mean() + fitted["offset"] >= 0
    expected = f"{flagged[0]} of 20 genuine clips were flagged, and {flagged[1]} of 40 fake ones."
    assert expected in page.prose
    assert f"{flagged[0]} genuine clips flagged" in " ".join(i["alt"] for i in page.all("img"))


def test_the_matrix_marks_what_was_learned_from(page):
    head, *rows = page.table("The same numbers")["rows"]
    assert head[1:] == list(SETS)
    assert [row[0] for row in rows] == ["faceforensics-none", "faceforensics-aware_net"]
    assert all("*" in row[1] and "*" not in row[2] for row in rows)


def test_ensembles_with_and_without_augmentation_are_compared_on_the_same_clips(run, page):
    _, *rows = page.table("AUC of clips. The interval of the difference")["rows"]
    assert [row[:3] for row in rows] == [["faceforensics", name, "aware_net"] for name in SETS]
    weights = np.array(list(WEIGHTS.values()))
    values = []
    for experiment in experiments(run):
        found = Predictions.read(experiment.folder / "predictions-celebdf_v2.parquet")
        odds = found.by_clip(two_tiers(weights).crops(found.logits))
        values.append(auc(found.clips().label, odds))
    assert float(rows[1][5].split()[0]) == pytest.approx(values[1] - values[0], abs=1e-4)


def test_every_published_row_stands_with_its_level_and_its_split(page):
    for name, title in zip(SETS, ("FaceForensics++", "Celeb-DF v2"), strict=True):
        head, *rows = page.table(f"Tested on {title}")["rows"]
        expected = [row for row in PUBLISHED if row.tested_on == name]
        ours = [row for row in rows if row[0].startswith("this run")]
        assert len(ours) == 4 and len(rows) == len(ours) + len(expected)
        for row in rows:
            cells = dict(zip(head, row, strict=True))
            assert cells["level"] in ("frame", "clip") and cells["split"] and cells["trained on"]
            assert cells["learned from it"] in ("yes", "no")


def test_the_data_is_counted_by_part_and_the_run_is_named(page):
    _, *rows = page.table("Face crops")["rows"]
    cells = {(row[0], row[1]): row[3:] for row in rows}
    assert cells["faceforensics", "real"] == ["3 (3 clips)", "–", "60 (20 clips)"]
    assert cells["celebdf_v2", NASTY] == ["–", "–", "60 (20 clips)"]
    people = {row[0]: row[1:] for row in page.table("People in it")["rows"]}
    assert people["faceforensics"] == ["3", "–", "20"]
    assert ["commit", "abc123"] in page.table("Where and with what")["rows"]
    assert ["versions.torch", "2"] in page.table("Where and with what")["rows"]


def test_only_settings_that_differ_are_listed(page):
    rows = {row[0]: row[1:] for row in page.table("Settings that differ")["rows"]}
    assert rows["ensemble.members"] == ["2", "3"]
    assert "train.batch" not in rows
    assert changed_settings(TrainerSettings()) == []


def test_figures_on_portraits_and_own_clips_get_tables(tmp_path):
    folder = tmp_path / "run"
    settings = report_settings(folder, grid={"data": ("all",), "recipes": ("camera",)})
    (experiment,) = experiments(settings)
    experiment.folder.mkdir(parents=True)
    figure = {"value": 0.9, "low": 0.8, "high": 0.95, "people": 7, "count": 1400}
    one = {**figure, "value": 0.25, "people": 1}
    clips = {"clips": 4, "flagged": one, "fake": 1, "inconclusive": 2, "real": 1}
    metrics = {
        "crops": {"own sources, clean": {"pyramid_swap": figure, "all kinds": figure}},
        "members": {"clean": {"two tiers": 0.9}, "hard": {"two tiers": 0.8}},
        "clips": {"video": {"without an answer": 3, "genuine": clips}},
        "sets": {}, "calibration": None,
    }  # fmt: skip
    (experiment.folder / "metrics.json").write_text(json.dumps(metrics))
    page = Page(write_report(settings).read_text("utf-8"))
    row = page.table("AUC on single crops")["rows"][1]
    assert row == ["own sources, clean", "pyramid_swap (never trained on)", "0.900 0.800–0.950",
                   "7", "1,400"]  # fmt: skip
    assert page.table("AUC over all kinds")["rows"][1] == ["two tiers", "0.9000", "0.8000"]
    cells = page.table("Clips at the threshold")["rows"][1]
    assert cells == ["video", "genuine", "4", "25.0% one person", "1", "2", "1", "", "3"]
    assert "No data set of [data] sets was tested on" in page.prose


def test_an_address_that_is_not_https_stays_plain_text():
    table = Table("t", ["a"], [[Link("x", "javascript:alert(1)")], [Link("y", "https://e.org/")]])
    page = Page(render("t", "lead", [Section("s", [table, Text("<i>")])]))
    assert [link["href"] for link in page.all("a")] == ["#s1", "https://e.org/"]
    assert "<i>" in page.prose


def test_the_band_of_a_curve_holds_the_curve_and_needs_two_people(run):
    found = Predictions.read(experiments(run)[0].folder / "predictions-celebdf_v2.parquet")
    scores = clip_scores(found, {"weights": WEIGHTS})
    odds = scores.log_odds[TWO_TIERS]
    along, low, high = roc_band(scores.labels, odds, scores.people)
    genuine, fake = odds[scores.labels == 0], odds[scores.labels == 1]
    at = np.quantile(genuine, 1 - along[20:80], method="inverted_cdf")
    rates = (fake[None] >= at[:, None]).mean(axis=1)
    assert (low <= high).all() and (np.diff(low) >= 0).all()
    assert np.mean((low[20:80] - 0.05 <= rates) & (rates <= high[20:80] + 0.05)) > 0.95
    assert roc_band(scores.labels, odds, np.full(len(odds), "one")) is None
    assert roc_band(np.ones(4), np.arange(4.0), np.arange(4)) is None


def test_a_gain_is_measured_on_the_same_clips_or_not_at_all(run):
    folder = experiments(run)[0].folder
    one, other = (
        clip_scores(Predictions.read(folder / f"predictions-{name}.parquet"), {"weights": WEIGHTS})
        for name in SETS
    )
    assert gain(one, other, resamples=20) is None
    same = gain(one, one, resamples=20)
    assert (same["value"], same["low"], same["high"]) == (0, 0, 0)
