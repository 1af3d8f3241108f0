"""The tabs under the answer: what is drawn is what the report says."""

import base64
import io
import re
from html import unescape

import cv2
import numpy as np
import pytest
from fake_page import FakeDetector, draw_frame
from fake_report import CENTERS, FAMILIES, make_refusal, make_report
from PIL import Image

from awarenet import view
from awarenet.bundle.config import Thresholds
from awarenet.combine import COMBINERS
from awarenet.explain import Preview
from awarenet.panels import (
    charts,
    checks,
    course,
    families,
    heat,
    people,
    rows,
    threshold,
)
from awarenet.panels.answer import verdict_card
from awarenet.pipeline import Analysis, Overlay
from awarenet.report import (
    Competence,
    Credentials,
    DamagedScore,
    Deletion,
    ExplainedFrame,
    OtherVote,
    Provenance,
    Quality,
    Segment,
    Stability,
)


@pytest.fixture
def report():
    return make_report()


def analysis_of(report) -> Analysis:
    *_, analysis = FakeDetector(report).run("interview.mp4")
    return analysis


def test_every_family_has_its_weight_probability_and_members_as_bars(report):
    table = families.vote(report, report.people[0])
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", table)]
    expected = [
        100 * value
        for name, family in report.families.items()
        for value in (family.weight, report.people[0].families[name])
    ]
    assert widths == pytest.approx(expected, abs=0.006)
    marks = [float(left) for left in re.findall(r'<b style="left:([\d.]+)%', table)]
    members = [100 * p for family in report.people[0].members for p in family]
    assert marks == pytest.approx(members, abs=0.006)
    assert len(marks) == 9


def test_disagreement_between_families_is_told_in_words(report):
    person = report.people[0]
    for shares, words in (
        ((0.9, 0.8, 0.7), "All 3 families lie on the same side"),
        ((0.9, 0.4, 0.7), "1 of 3 families disagree"),
        ((0.1, 0.4, 0.99), "2 of 3 families disagree"),
    ):
        changed = person.model_copy(
            update={"probability": 0.7, "families": dict(zip(FAMILIES, shares, strict=True))}
        )
        assert words in families.agreement(report, changed)


def test_other_ways_to_vote_are_named_with_their_verdicts(report):
    votes = [
        OtherVote(name="mean", probability=0.4, verdict="inconclusive", calibrated=True),
        OtherVote(name="hard_best", probability=0.1, verdict="real", calibrated=False),
    ]
    html = families.other_votes(report.model_copy(update={"other_votes": votes}))
    assert "plain mean of all networks" in html
    assert "majority of the networks, of the two best families" in html
    assert html.count("not calibrated") == 1
    assert "Inconclusive" in html and "No manipulation found" in html
    assert families.other_votes(report) == ""


def test_each_person_has_a_face_a_verdict_and_an_interval(report):
    html = people.cards(report, analysis_of(report).thumbnails, 1)
    assert "Likely manipulated" in html
    assert "No manipulation found" in html
    assert "interval 66% to 89%" in html
    assert html.index("decides the clip") < html.index("Person 2")
    faces = re.findall(r"data:image/jpeg;base64,([\w+/=]+)", html)
    sizes = [Image.open(io.BytesIO(base64.b64decode(face))).size for face in faces]
    assert sizes == [(people.THUMBNAIL_PX, people.THUMBNAIL_PX)] * 2
    assert re.findall(r'data-person="(\d)" aria-pressed="(\w+)"', html) == [
        ("1", "true"),
        ("2", "false"),
    ]


def test_a_person_without_a_picture_is_listed_all_the_same(report):
    html = people.cards(report, {}, None)
    assert "<img" not in html
    assert html.count("<li>") == 2


def test_what_a_persons_faces_are_worth_stands_beside_them(report):
    quality = Quality(face_px=88, sharpness=140, light=0.41, contrast=0.2, turned_deg=12)
    competence = Competence(distance=3.2, limit=2.5, outside=True)
    person = report.people[0].model_copy(update={"quality": quality, "competence": competence})
    html = people.worth(person)
    for words in ("88 px", "140", "41%", "20%", "12°", "outside the training data (3.2 / 2.5)"):
        assert words in html
    assert people.worth(report.people[0]) == ""


def test_a_face_unlike_the_training_data_is_said_first(report):
    outside = Competence(distance=3.2, limit=2.5, outside=True)
    first = report.people[0].model_copy(update={"competence": outside, "verdict": "inconclusive"})
    changed = report.model_copy(
        update={"people": [first, report.people[1]], "verdict": "inconclusive"}
    )
    assert "is unlike the faces these networks were trained on" in verdict_card(changed)


def test_the_worst_segment_is_named_and_a_picture_has_no_course(report):
    person = report.people[0]
    assert "No stretch stands out" in course.course(report, person)
    worst = Segment(start_s=12, end_s=19, probability=0.93)
    html = course.course(report, person.model_copy(update={"worst": worst}))
    assert "Most suspicious: 0:12-0:19, 93%." in html.replace("–", "-")
    image = make_report(kind="image")
    assert "A picture has no course over time" in course.course(image, image.people[0])


def test_a_frame_shows_the_box_of_everybody_in_it(report):
    frame = report.people[0].timeline[2].frame
    plain = draw_frame(1)
    drawn = np.asarray(course.framed(report, frame, Preview.of(plain))).astype(int)
    changed = np.abs(drawn - Preview.of(plain).image()).sum(axis=2) > 60
    for person in report.people:
        x0, y0, x1, y1 = (round(edge) for edge in person.timeline[2].box)
        assert changed[y0 + 1, x0 + 20 : x1 - 20].mean() > 0.8
    assert not changed[300:, 300:340].any()


def test_stability_names_what_flips_the_verdict(report):
    scores = [DamagedScore(damage="jpeg_50", probability=0.2, verdict="real")]
    found = Stability(
        person=1, frames=8, untouched=0.8, scores=scores, low=0.2, high=0.8,
        flips_under=["jpeg_50"],
    )  # fmt: skip
    html = checks.stability(report.model_copy(update={"stability": found}))
    assert "The verdict flips under: JPEG of quality 50." in html
    assert "20% to 80%" in html
    assert "Not tested" in checks.stability(report)


def test_credentials_are_told_apart_from_the_answer(report):
    signed = Credentials(
        state="valid", signed_by="A <b>camera</b>", signed_at=None, made_with=None,
        actions=["c2pa.created"], ai_generated=None, problems=[],
    )  # fmt: skip
    provenance = Provenance(
        credentials=signed, looked_for_credentials=True, container={"encoder": "Lavf<i>"},
        remarks=["It was re-encoded"],
    )  # fmt: skip
    html = checks.provenance(report.model_copy(update={"provenance": provenance}))
    assert "Signed by A &lt;b&gt;camera&lt;/b&gt;." in html and "Lavf&lt;i&gt;" in html
    assert "None of this is part of the probability" in html
    signed = verdict_card(report.model_copy(update={"provenance": provenance}))
    assert signed.index("Content Credentials that fit it") < signed.index("Likely manipulated")
    assert "Content Credentials" not in verdict_card(report)
    none = provenance.model_copy(update={"credentials": None, "looked_for_credentials": False})
    assert "Not looked for" in checks.provenance(report.model_copy(update={"provenance": none}))


def test_two_answers_stand_side_by_side_with_what_is_different(report):
    other = make_report("real", name="copy.mp4", people=1)
    html = rows.compared(report, other)
    assert html.count("<h2>") == 2
    assert "do see a difference" in html
    assert "may be chance" in rows.compared(report, report)


def test_a_batch_counts_what_was_found_and_names_what_waits(report):
    reports = [report, make_report("real"), make_refusal("no_face", "none", name="<b>.mp4")]
    html = rows.batch_table(reports, ["next.mp4"])
    assert "3 of 4 done: 1 likely manipulated, 0 inconclusive, 1 without a trace, 1 without" in html
    assert "No answer: no face was found" in html
    assert "waiting" in html and "&lt;b&gt;.mp4" in html


def test_a_threshold_is_told_in_people():
    table = Thresholds(
        default=0.5,
        table=[
            {"threshold": 0.4, "false_alarm_rate": 0.1, "detection_rate": 0.9},
            {"threshold": 0.6, "false_alarm_rate": 0.02, "detection_rate": 0.7},
        ],
        fitted_on="54 clips",
    )
    words = "From 55%: of 100 genuine clips 10 are flagged, of 100 manipulated ones 90 are caught."
    assert words in threshold.meaning(table, 0.55)
    assert "Measured on 54 clips." in threshold.meaning(table, 0.6)
    assert "was not measured" in threshold.meaning(table, 0.1)


def test_heat_maps_come_by_time_and_family_with_all_networks_first(report):
    overlays = analysis_of(report).overlays
    captions = [words for _, words in heat.pictures(report, overlays[::-1], 2)]
    assert captions == [
        f"{name} · {time}" for time in ("0:01.5", "0:05.2") for name in (heat.TOGETHER, *FAMILIES)
    ]


def test_a_heat_map_shows_the_persons_surroundings_at_any_scale(report):
    moment = report.people[1].timeline[0]
    for scale in (1, 2):
        image = draw_frame(2)[::scale, ::scale]
        overlay = Overlay(2, moment.frame, moment.time_s, "mobilenet_v2", image)
        ((shown, _),) = heat.pictures(report, [overlay], 2)
        assert shown.width == shown.height < image.shape[1]
        x, y = (edge // scale for edge in CENTERS[2])
        face = image[y - 20 : y + 20, x - 20 : x + 20]
        distance = cv2.matchTemplate(np.asarray(shown), face, cv2.TM_SQDIFF)
        assert distance.min() < 1  # it is in there, pixel for pixel


def test_a_heat_map_without_a_known_box_is_the_whole_frame(report):
    overlay = Overlay(1, 99999, 0.0, "ensemble", draw_frame(1))
    ((shown, words),) = heat.pictures(report, [overlay], 1)
    assert shown.size == (640, 360)
    assert words.startswith(heat.TOGETHER)


def test_a_heat_map_of_a_genuine_face_is_called_no_evidence(report):
    assert heat.NO_EVIDENCE not in unescape(heat.meaning(report, 1))
    overlay = {"person": 2, "frame": 36, "time_s": 1.5, "strength": {}}
    frames = [*report.explanation.frames, ExplainedFrame(**overlay)]
    explanation = report.explanation.model_copy(update={"frames": frames})
    told = report.model_copy(update={"explanation": explanation})
    assert heat.NO_EVIDENCE in unescape(heat.meaning(told, 2))


def test_the_deletion_test_and_the_regions_are_told_in_figures(report):
    shares = {name: {"eyes": 0.25, "mouth": 0.75} for name in ("ensemble", *FAMILIES)}
    frame = report.explanation.frames[0].model_copy(
        update={
            "deletion": Deletion(share=0.1, hottest=-0.31, random=-0.04, draws=8),
            "agreement": 0.62,
            "regions": shares,
            "areas": {"eyes": 0.2, "mouth": 0.1},
        }
    )
    explanation = report.explanation.model_copy(update={"frames": [frame]})
    html = unescape(heat.meaning(report.model_copy(update={"explanation": explanation}), 1))
    assert "Blanking the hottest 10% changes the probability by -31; a random 10% by -4." in html
    assert "correlate by 0.62" in html
    assert html.count('<span class="aw-number">75%</span>') == 4


def test_names_out_of_a_bundle_are_escaped(report):
    evil = "<script>alert(1)</script>"
    person = report.people[0]
    person = person.model_copy(update={"families": {evil: person.families["mobilenet_v2"]}})
    report = report.model_copy(update={"families": {evil: report.families["mobilenet_v2"]}})
    for html in (families.vote(report, person), charts.legend(report), view.caption(evil)):
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_the_vote_says_how_its_probability_came_about(report, name):
    model = report.model.model_copy(update={"combiner": name})
    changed = report.model_copy(update={"model": model})
    text = unescape(families.vote(changed, report.people[0]))
    assert families.VOTES[name] in text
    assert not any(words in text for other, words in families.VOTES.items() if other != name)
