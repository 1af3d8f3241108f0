"""The answer in words: never a number without a verdict, never a tag from a file name."""

from html.parser import HTMLParser
from typing import get_args

import pytest
from fake_report import make_refusal, make_report

from awarenet import view
from awarenet.panels.answer import failed_card, verdict_card, working_card
from awarenet.panels.surroundings import note, preview
from awarenet.quality import LIMITS
from awarenet.report import Status, Verdict

EVIL = '"><img src=x onerror=alert(1)>.mp4'


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_a_verdict_is_words_an_icon_and_a_color_of_its_own(verdict):
    card = verdict_card(make_report(verdict))
    others = [words for name, words in view.VERDICTS.items() if name != verdict]
    assert f"<h2>{view.VERDICTS[verdict]}</h2>" in card
    assert not any(words in card for words in others)
    assert f"aw-{verdict}" in card
    assert view.icon(verdict) in card
    assert len({view.icon(name) for name in (*get_args(Verdict), "none")}) == 4


def test_probability_interval_and_threshold_are_told_and_drawn():
    card = verdict_card(make_report("fake"))
    for figure in ("79%", "66% to 89%", "90% interval", "threshold 50%"):
        assert figure in card
    assert 'style="left:66.00%;width:23.00%"' in card
    assert 'aria-label="Probability of manipulation 79%, interval 66% to 89%' in card


def test_an_uncalibrated_score_is_not_called_a_probability():
    report = make_report("fake").model_copy(update={"calibrated": False})
    assert "<dt>Score (not calibrated)</dt>" in verdict_card(report)
    assert "<dt>Probability</dt>" not in verdict_card(report)


@pytest.mark.parametrize("status", [name for name in get_args(Status) if name != "ok"])
def test_a_report_without_a_verdict_says_why_and_shows_no_figure(status):
    card = verdict_card(make_refusal(status, "because"))
    assert "No answer: " in card
    assert "Because." in card
    assert "%" not in card
    assert not any(words in card for words in view.VERDICTS.values())


def test_certainty_is_never_claimed():
    assert [view.percent(p) for p in (0, 0.004, 0.5, 0.996, 1)] == [
        "<1%",
        "<1%",
        "50%",
        ">99%",
        ">99%",
    ]


def test_a_time_counts_minutes_and_tenths():
    assert [view.clock(s) for s in (0, 59.96, 83.25)] == ["0:00.0", "0:59.9", "1:23.2"]


@pytest.mark.parametrize(
    "html",
    [
        verdict_card(make_report(name=EVIL)),
        verdict_card(make_refusal("unreadable", f"cannot open {EVIL}", name=EVIL)),
        working_card(EVIL),
        failed_card(EVIL),
        preview(f"/tmp/x/{EVIL}"),
        preview(f"/tmp/x/{EVIL}.avi"),
        preview(f"/tmp/x/{EVIL}.png"),
        note(make_report().model_copy(update={"limits": [EVIL]})),
    ],
)
def test_what_comes_from_outside_is_escaped(html):
    attributes = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, found: attributes.extend(found)
    parser.feed(html)
    assert not [pair for pair in attributes if pair[0] == "onerror" or pair == ("src", "x")]
    assert "onerror" in html


@pytest.mark.parametrize(
    ("name", "tag"), [("a.mp4", "<video"), ("a.PNG", "<img"), ("a.avi", "<p>")]
)
def test_a_preview_is_what_a_browser_can_play(name, tag):
    assert tag in preview(f"/tmp/x/{name}")


def test_no_file_has_no_preview():
    assert preview(None) == ""


def test_the_note_holds_the_reports_own_limits_or_those_of_every_verdict():
    assert all(text.split(".")[0] in note().replace("&quot;", '"') for text in LIMITS)
    assert "Blind to wholly generated video." in note(make_report())


def test_the_person_who_decides_is_named_where_there_are_several():
    assert "person 1, the most suspicious of 2 people" in verdict_card(make_report())
    assert "this face" in verdict_card(make_report(people=1))
