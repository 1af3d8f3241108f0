"""The tabs under the answer: what is drawn is what the report says."""

import base64
import io
import re
from html import unescape

import cv2
import numpy as np
import pytest
from fake_page import CENTERS, FAMILIES, FakeDetector, draw_frame, make_refusal, make_report
from PIL import Image

from awarenet import panels
from awarenet.combine import COMBINERS
from awarenet.pipeline import Analysis, Overlay


@pytest.fixture
def report():
    return make_report()


def analysis_of(report) -> Analysis:
    *_, analysis = FakeDetector(report).run("interview.mp4")
    return analysis


def test_the_lines_are_the_ensemble_each_family_and_the_threshold(report):
    frame = panels.timeline(report)
    assert set(frame["network"]) == {panels.TOGETHER, *FAMILIES, panels.THRESHOLD}
    first = report.people[0]
    line = frame[frame["network"] == panels.TOGETHER]
    assert line["time_s"].tolist() == [moment.time_s for moment in first.timeline]
    assert line["probability"].tolist() == [moment.probability for moment in first.timeline]
    threshold = frame[frame["network"] == panels.THRESHOLD]
    assert threshold[["time_s", "probability"]].values.tolist() == [[0, 0.5], [11.25, 0.5]]
    assert set(panels.line_colors(report)) == set(frame["network"])


def test_the_lines_are_of_the_person_chosen_and_else_of_the_one_who_decides(report):
    second = [moment.probability for moment in report.people[1].timeline]
    frame = panels.timeline(report, 2)
    assert frame[frame["network"] == panels.TOGETHER]["probability"].tolist() == second
    assert panels.timeline(report).equals(panels.timeline(report, report.decided_by))
    assert panels.timeline(report, 99).empty
    assert panels.timeline(make_refusal("no_face", "none")).empty


def test_every_family_has_its_weight_probability_and_members_as_bars(report):
    table = panels.families_table(report)
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", table)]
    expected = [
        100 * value
        for family in report.families.values()
        for value in (family.weight, family.probability)
    ]
    assert widths == pytest.approx(expected, abs=0.006)
    marks = [float(left) for left in re.findall(r'<b style="left:([\d.]+)%', table)]
    members = [100 * p for family in report.families.values() for p in family.members]
    assert marks == pytest.approx(members, abs=0.006)
    assert len(marks) == 9


def test_each_person_has_a_face_a_verdict_and_an_interval(report):
    table = panels.people_table(report, analysis_of(report).thumbnails)
    assert "Likely manipulated" in table
    assert "No manipulation found" in table
    assert "interval 66% to 89%" in table
    assert table.index("decides the clip") < table.index("Person 2")
    faces = re.findall(r"data:image/jpeg;base64,([\w+/=]+)", table)
    sizes = [Image.open(io.BytesIO(base64.b64decode(face))).size for face in faces]
    assert sizes == [(panels.THUMBNAIL_PX, panels.THUMBNAIL_PX)] * 2


def test_a_person_without_a_picture_is_listed_all_the_same(report):
    table = panels.people_table(report, {})
    assert "<img" not in table
    assert table.count("<tr>") == 3


def test_heat_maps_come_by_person_time_and_family_with_all_networks_first(report):
    overlays = analysis_of(report).overlays
    captions = [caption for _, caption in panels.heat_maps(report, overlays[::-1])]
    assert captions[:4] == [f"{name} · person 1 · 0:01.5" for name in (panels.TOGETHER, *FAMILIES)]
    assert [caption.split(" · ")[1] for caption in captions] == ["person 1"] * 8 + ["person 2"] * 8
    other_way = report.model_copy(update={"people": report.people[::-1]})
    assert "person 2" in panels.heat_maps(other_way, overlays)[0][1]


def test_a_heat_map_shows_the_persons_surroundings_at_any_scale(report):
    moment = report.people[1].timeline[0]
    for scale in (1, 2):
        image = draw_frame(2)[::scale, ::scale]
        overlay = Overlay(2, moment.frame, moment.time_s, "mobilenet_v2", image)
        ((shown, _),) = panels.heat_maps(report, [overlay])
        assert shown.width == shown.height < image.shape[1]
        x, y = (edge // scale for edge in CENTERS[2])
        face = image[y - 20 : y + 20, x - 20 : x + 20]
        distance = cv2.matchTemplate(np.asarray(shown), face, cv2.TM_SQDIFF)
        assert distance.min() < 1  # it is in there, pixel for pixel


def test_a_heat_map_without_a_known_box_is_the_whole_frame(report):
    overlay = Overlay(1, 99999, 0.0, "ensemble", draw_frame(1))
    ((shown, caption),) = panels.heat_maps(report, [overlay])
    assert shown.size == (640, 360)
    assert caption.startswith(panels.TOGETHER)


def test_a_picture_of_one_person_needs_neither_time_nor_number():
    report = make_report(kind="image", people=1)
    captions = [caption for _, caption in panels.heat_maps(report, analysis_of(report).overlays)]
    assert captions == [panels.TOGETHER, *FAMILIES]


def test_names_out_of_a_bundle_are_escaped(report):
    evil = "<script>alert(1)</script>"
    families = {evil: report.families["mobilenet_v2"]}
    report = report.model_copy(update={"families": families})
    for html in (panels.families_table(report), panels.legend(report), panels.caption(evil)):
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


def test_the_eyes_of_who_decides_are_drawn_with_gaps_where_they_were_hidden():
    report = make_report(blinks=[2.4, 6.2])
    frame = panels.eye_openness(report)
    known = report.people[0].blinks.timeline
    assert frame["time_s"].tolist() == [each.time_s for each in known]
    hidden = [each.openness is None for each in known]
    assert frame["openness"].isna().tolist() == hidden
    assert 0 < sum(hidden) < len(hidden)
    assert frame["openness"].min() < 0.1


def test_blinks_are_told_with_their_times_and_what_they_are_worth():
    note = panels.blinks_note(make_report(blinks=[2.4, 6.2]))
    assert "Person 1: 2 blinks in 11 s. It is an indication only" in note
    assert "Blinks at 0:02.4, 0:06.2." in note
    alone = panels.blinks_note(make_report(people=1, blinks=[]))
    assert "Blinks at" not in alone and "Person" not in alone


def test_without_blinks_there_is_nothing_to_draw_or_tell(report):
    for each in (report, make_refusal("no_face", "none")):
        assert panels.eye_openness(each).empty
        assert panels.blinks_note(each) == ""


def test_a_tab_is_offered_where_it_has_something_to_say():
    def telling(report):
        names = ("time", "families", "heat", "people", "blinks")
        offered = zip(names, panels.telling_tabs(report), strict=True)
        return {name for name, offers in offered if offers}

    assert telling(make_report()) == {"time", "families", "heat", "people"}
    assert telling(make_report(people=1, blinks=[])) == {"time", "families", "heat", "blinks"}
    assert telling(make_report(kind="image", people=1)) == {"families", "heat"}
    assert telling(make_refusal("no_face", "none")) == set()


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_the_vote_says_how_its_probability_came_about(report, name):
    model = report.model.model_copy(update={"combiner": name})
    text = unescape(panels.families_table(report.model_copy(update={"model": model})))
    assert panels.VOTES[name] in text
    assert not any(words in text for other, words in panels.VOTES.items() if other != name)
