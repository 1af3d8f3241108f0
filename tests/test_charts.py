"""Charts: what they show lies where its number says, and is told to those who do not see it."""

import re
from xml.etree import ElementTree

import documented
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awarenet.panels import charts
from awarenet.panels.drawing import STYLE, WIDTH, Dot, Line
from awarenet.report import Stability

SVG = "{http://www.w3.org/2000/svg}"


def parse(html):
    """Read a chart strictly, without its style."""
    block = ElementTree.fromstring(html.replace(STYLE, ""))
    assert block.get("class") == "aw-chart"
    return block[0]


def points(drawing):
    return [shape for shape in drawing.shapes if isinstance(shape, Dot)]


@pytest.fixture(scope="module")
def report():
    return documented.whole().report


@given(st.lists(st.floats(0, 1), min_size=2, max_size=documented.COUNT))
def test_a_higher_probability_lies_higher_and_a_later_moment_further_right(probabilities):
    timeline = documented.course(lambda i: probabilities[i % len(probabilities)])
    report = documented.report([documented.person(1, "fake", timeline)])
    dots = points(charts.timeline_drawing(report, 1))
    assert len(dots) == documented.COUNT
    for dot, moment in zip(dots, timeline, strict=True):
        share = (charts.BOTTOM - dot.center[1]) / (charts.BOTTOM - charts.TOP)
        assert share == pytest.approx(moment["probability"], abs=1e-6)
        reach = (dot.center[0] - charts.LEFT) / (charts.RIGHT - charts.LEFT)
        assert reach == pytest.approx(moment["time_s"] / (documented.EVERY_S * documented.COUNT))


def test_the_chart_says_in_words_what_it_shows(report):
    svg = parse(charts.timeline(report, 2))
    assert svg.get("role") == "img"
    words = svg.get("aria-label")
    assert "Person 2" in words and "24 frames" in words and "threshold of 55%" in words
    assert "0:03-0:07" in words and "Cuts before 0:08.2" in words
    shown = [text.text for text in svg.iter(f"{SVG}text")]
    assert {"0%", "100%", "0:00", "0:10", "threshold 55%"} <= set(shown)
    assert "most suspicious 0:03-0:07" in shown


def test_each_moment_is_a_button_where_that_is_asked_for(report):
    svg = parse(charts.timeline(report, 2, interactive=True))
    assert svg.get("role") == "group"  # a picture may hold no buttons
    buttons = [each for each in svg.iter(f"{SVG}g") if each.get("role") == "button"]
    timeline = report.people[0].timeline
    assert [int(each.get("data-frame")) for each in buttons] == [m.frame for m in timeline]
    assert {(each.get("data-person"), each.get("tabindex")) for each in buttons} == {("2", "0")}
    assert buttons[0].get("aria-label") == "0:00.2, 50%"
    spans = []
    for each in buttons:
        area = each.find(f"{SVG}rect")
        spans.append((float(area.get("x")), float(area.get("x")) + float(area.get("width"))))
    assert all(a[1] <= b[0] + 0.02 for a, b in zip(spans, spans[1:], strict=False))
    assert not [each for each in parse(charts.timeline(report, 2)).iter() if each.get("data-frame")]


def test_lines_break_at_a_cut_and_where_somebody_is_away(report):
    runs = charts.stretches(report, report.people[0])
    assert [len(run) for run in runs] == [16, 8]  # the cut is before the moment at 8.25 s
    timeline = documented.course()
    without = [each for each in timeline if not 3 < each["time_s"] < 5]
    away = documented.report([documented.person(1, "fake", without)])
    assert [len(run) for run in charts.stretches(away, away.people[0])] == [6, 14]
    one_missing = timeline[:5] + timeline[6:]
    there = documented.report([documented.person(1, "fake", one_missing)])
    assert len(charts.stretches(there, there.people[0])) == 1


def test_each_family_has_a_line_of_its_own_and_is_named(report):
    drawing = charts.timeline_drawing(report, 2)
    roles = {shape.role for shape in drawing.shapes if isinstance(shape, Line)}
    assert {"together", "family-0", "family-1", "threshold", "cut"} <= roles
    legend = charts.legend(report)
    assert all(name in legend for name in (*documented.FAMILIES, "All networks", "Threshold"))


def test_a_picture_has_nothing_over_time_and_a_stranger_no_chart(report):
    photo = documented.report(
        [documented.person(1, "fake", documented.course()[:1])],
        input=documented.video(kind="image", duration_s=0.0, frames_analyzed=1),
    )
    assert charts.timeline(photo, 1) == ""
    assert charts.timeline(report, 7) == ""


def test_what_comes_from_a_bundle_is_escaped():
    name = '<script>"&'
    report = documented.report(
        [documented.person(1, "fake", documented.course())], families={name: {"weight": 1.0}}
    )
    assert "<script" not in charts.legend(report)
    stability = Stability(
        person=1, frames=1, untouched=0.5, low=0.5, high=0.5, flips_under=[],
        scores=[{"damage": name, "probability": 0.5, "verdict": "real"}],
    )  # fmt: skip
    svg = parse(charts.range_bars(stability, 0.5))
    assert name in [text.text for text in svg.iter(f"{SVG}text")]


def test_damage_is_drawn_at_its_probability_and_said_with_its_verdict(report):
    drawing = charts.range_drawing(report.stability, 0.55, {"jpeg_50": "JPEG of quality 50"})
    places = [dot.center[0] for dot in points(drawing)]
    assert places[0] > places[1] > places[2]  # 80 %, 60 %, 20 %
    span = (places[0] - places[2]) / (WIDTH - 2 * 14)
    assert span == pytest.approx(0.6)
    svg = parse(charts.range_bars(report.stability, 0.55, {"jpeg_50": "JPEG of quality 50"}))
    shown = [text.text for text in svg.iter(f"{SVG}text")]
    assert {"untouched", "80%", "JPEG of quality 50", "60% Inconclusive"} <= set(shown)
    assert "20% No manipulation found" in shown
    assert "20% to 80%" in svg.get("aria-label")


def test_a_small_bar_is_as_long_as_its_value():
    html = charts.bar(0.25, marks=(0.2, 0.3), threshold=0.5)
    widths = [float(width) for width in re.findall(r'width="([\d.]+)"', html)]
    assert widths[:2] == [100, 25]
    assert len(widths) == 5


def test_the_same_report_gives_the_same_text(report):
    again = documented.whole().report
    assert charts.timeline(report, 2) == charts.timeline(again, 2)
    assert charts.range_bars(report.stability, 0.5) == charts.range_bars(again.stability, 0.5)


@pytest.mark.parametrize(
    ("span", "words"),
    [((12.3, 18.9), "0:12-0:19"), ((59.0, 61.5), "0:59-1:02"), ((0.4, 1.1), "0:00.4-0:01.1")],
)
def test_a_stretch_is_named_by_the_seconds_it_lies_in(span, words):
    assert charts.span_words(*span) == words


def test_words_on_a_phone_are_large_enough_to_read():
    rule = re.search(r"max-width:400px\)\{\.aw-chart text\{font-size:(\d+)px", STYLE)
    assert int(rule[1]) * 340 / WIDTH >= 11  # px on the screen
