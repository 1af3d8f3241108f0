"""Whether an ensemble beats its best member: the words say what the interval says, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.run_report.answers import answer, answers, tally

FIGURES = {"clips": {"real": 20, "fake": 40}, "people": 20}
numbers = st.floats(-0.5, 0.5)


def difference(value, low, high, people=20):
    return {"value": value, "low": low, "high": high, "people": people, "count": 60}


def row(scorer, value, low, high, kind="ensemble", auc=0.9):
    ahead = difference(value, low, high)
    return {"scorer": scorer, "kind": kind, "auc": {"value": auc}, "auc difference": ahead}


def ranks(*rows):
    best = row("best-0", 0.0, 0.0, 0.0, "member")
    return {"best_member": "best-0", "best_family": "best", "rows": [*rows, best]}


@given(st.tuples(numbers, numbers, numbers).map(sorted))
def test_yes_and_no_need_the_whole_interval_on_one_side(ends):
    low, value, high = ends
    said = answer(difference(value, low, high))
    assert (said == "yes") == (low > 0)
    assert (said == "no") == (high < 0)
    assert (said == "cannot be told") == (low <= 0 <= high)


def test_without_an_interval_or_a_value_there_is_no_yes():
    assert answer(difference(0.3, 0.3, 0.3, people=1)) == "cannot be told"
    assert answer({"value": 0.3, "low": None, "high": None, "people": 9}) == "cannot be told"
    assert answer(None) == answer(float("nan")) == "not measured"


def test_ensembles_are_sorted_by_answer_and_members_left_out():
    found = tally([
        row("a", 0.1, 0.05, 0.2), row("b", -0.1, -0.2, -0.05), row("c", 0.1, -0.1, 0.2),
        row("d-0", 0.1, 0.05, 0.2, "member"),
        {"scorer": "e", "kind": "ensemble", "auc difference": None},
    ])  # fmt: skip
    assert found == {"yes": ["a"], "no": ["b"], "cannot be told": ["c"]}


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        ((0.03, 0.002, 0.056), "Yes: “all, soft”, which ships, is 0.030 AUC above best-0 (95 % "
         "interval +0.002 to +0.056; 20 genuine and 40 fake clips of 20 people)."),
        ((-0.03, -0.056, -0.002), "No: “all, soft”, which ships, is 0.030 AUC below best-0 (95 % "
         "interval -0.056 to -0.002; 20 genuine and 40 fake clips of 20 people)."),
        ((0.03, -0.01, 0.056), "It cannot be told: “all, soft”, which ships, is 0.030 AUC above "
         "best-0, and the interval holds 0 (95 % interval -0.010 to +0.056; 20 genuine and 40 "
         "fake clips of 20 people)."),
        ((0.0001, -0.01, 0.01), "It cannot be told: “all, soft”, which ships, has the AUC of "
         "best-0 to three digits, and the interval holds 0 (95 % interval -0.010 to +0.010; 20 "
         "genuine and 40 fake clips of 20 people)."),
    ],
)  # fmt: skip
def test_the_answer_names_by_how_much_with_what_interval_and_on_whom(ahead, said):
    assert answers(ranks(row("all, soft", *ahead)), "all, soft", FIGURES) == [said]


def test_accuracy_is_answered_beside_the_auc():
    one = row("all, soft", 0.03, 0.01, 0.05)
    one["accuracy difference"] = difference(-0.15, -0.275, -0.067)
    first = answers(ranks(one), "all, soft", FIGURES)[0]
    assert first.endswith("In accuracy at a probability of 0.5: no, -0.150 (-0.275 to -0.067).")


def test_one_person_or_no_comparison_give_no_answer():
    one = row("all, soft", 0.03, 0.01, 0.05)
    one["auc difference"]["people"] = 1
    alone = answers(ranks(one), "all, soft", {**FIGURES, "people": 1})[0]
    assert alone.startswith("It cannot be told: “all, soft”, which ships, is 0.030 AUC above")
    assert "of 1 person allow no interval" in alone
    other = answers(ranks(one), "two tiers", FIGURES)[0]
    assert other == "“two tiers”, which ships, was not compared with best-0."


def test_many_ensembles_are_counted_with_what_chance_alone_would_show():
    several = [row(f"e{i}", 0.1, 0.05 if i < 2 else -0.1, 0.2) for i in range(8)]
    several.append(row("worse, hard", -0.1, -0.2, -0.05))
    said = answers(ranks(*several), "e0", FIGURES)[1]
    assert "Of all 9 ensembles held against best-0" in said
    assert "2 are above it (“e0” and “e1”), 1 is below it (“worse, hard”), and 6 cannot" in said
    assert "up to 45 %" in said  # nine intervals that miss one time in twenty each
    none = answers(ranks(*several[2:4]), "e2", FIGURES)[1]
    assert "none is above it, none is below it, and 2 cannot" in none


def test_a_member_that_turns_out_better_in_the_test_is_named_and_not_taken():
    top = row("other-1", 0.02, -0.01, 0.05, "member", auc=0.93)
    said = answers(ranks(row("all, soft", 0.03, 0.01, 0.05), top), "all, soft", FIGURES)
    assert said[-1].startswith("On this test part other-1 came out 0.030 above best-0.")
    assert said[0].startswith("Yes: “all, soft”, which ships, is 0.030 AUC above best-0")
