"""Blinks on the page: when, how many, and what that is worth."""

from fake_report import make_report

from awarenet.panels import course, people


def test_the_eyes_of_who_decides_are_drawn_with_gaps_where_they_were_hidden():
    report = make_report(blinks=[2.4, 6.2])
    frame = course.eye_openness(report.people[0])
    known = report.people[0].blinks.timeline
    assert frame["time_s"].tolist() == [each.time_s for each in known]
    hidden = [each.openness is None for each in known]
    assert frame["openness"].isna().tolist() == hidden
    assert 0 < sum(hidden) < len(hidden)
    assert frame["openness"].min() < 0.1


def test_blinks_are_told_with_their_times_and_what_they_are_worth():
    report = make_report()
    counted, still = make_report(blinks=[2.4, 6.2]), make_report(people=1, blinks=[])
    note = people.blinks(counted, counted.people[0])
    assert "2 blinks in 11 s. It is an indication only" in note
    assert "Blinks at 0:02.4, 0:06.2." in note
    assert "Blinks at" not in people.blinks(still, still.people[0])
    assert people.blinks(report, report.people[0]) == ""
    assert course.eye_openness(report.people[0]).empty
