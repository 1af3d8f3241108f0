"""Which fake goes with which real crop, and who comes when."""

import logging
import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_people import row

from trainer.batches.pairing import Order, pair_up
from trainer.manifest import Row


def frames(clip: str, times: list[float], **values: object) -> list[Row]:
    return [replace(row(clip, **values), path=f"{clip}/{time}.png", time_s=time) for time in times]


def times(rows: list[Row]) -> list[float]:
    return [found.time_s for found in rows]


def test_a_fake_goes_with_the_crop_of_its_source_that_is_nearest_in_time():
    rows = frames("a", [0.0, 1.0, 2.0]) + frames("a-x", [0.1, 0.9, 1.2, 2.6], label=1, source="a")
    reals, partners = pair_up(rows)
    assert times(reals) == [0.0, 1.0, 2.0]
    assert [times(found) for found in partners] == [[0.1], [0.9, 1.2], [2.6]]


def test_a_real_crop_that_no_fake_is_nearest_to_gets_the_nearest_of_each_fake_clip():
    rows = frames("a", [0.0, 0.4, 1.0])
    rows += frames("a-x", [0.0, 1.0], label=1, source="a")
    rows += frames("a-y", [0.1], label=1, source="a")
    reals, partners = pair_up(rows)
    assert times(reals) == [0.0, 0.4, 1.0]
    assert [(f.clip, f.time_s) for f in partners[1]] == [("a-x", 0.0), ("a-y", 0.1)]


def test_a_fake_is_never_shown_beside_somebody_else():
    rows = frames("a", [0.0, 1.0]) + frames("b", [0.0, 1.0])
    rows += frames("a-x", [0.0, 1.0], label=1, source="a")
    rows += frames("b-x", [0.0, 1.0], label=1, source="b")
    for real, found in zip(*pair_up(rows), strict=True):
        assert {fake.source_clip for fake in found} == {real.clip}


def test_fakes_without_their_source_are_left_out_and_counted_once(caplog):
    rows = frames("a", [0.0]) + frames("a-x", [0.0], label=1, source="a")
    rows += frames("gone-x", [0.0, 1.0, 2.0], label=1, source="gone")
    rows += frames("own-y", [0.0], label=1)  # its source is not known
    with caplog.at_level(logging.WARNING, "trainer.batches.pairing"):
        reals, partners = pair_up(rows)
    assert [r.clip for r in reals] == ["a"]
    assert [fake.clip for fake in partners[0]] == ["a-x"]
    assert [r.getMessage() for r in caplog.records] == [
        "4 of 5 fake crops left out: no crop of their source clip"
    ]


def test_real_crops_without_a_fake_are_passed_over_without_a_word(caplog):
    rows = frames("a", [0.0]) + frames("b", [0.0]) + frames("b-x", [0.0], label=1, source="b")
    reals, _ = pair_up(rows)
    assert [r.clip for r in reals] == ["b"]
    assert not caplog.records
    assert pair_up(frames("a", [0.0, 1.0])) == ([], [])


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=12),
    st.lists(st.floats(0, 100), min_size=1, max_size=12),
)
@settings(max_examples=150, deadline=None)
def test_nobody_is_lost_whatever_the_times(real, fake):
    rows = frames("a", real) + frames("a-x", fake, label=1, source="a")
    reals, partners = pair_up(rows)
    assert len(reals) == len(real)
    shown = {id(found) for group in partners for found in group}
    assert shown == {id(found) for found in rows if found.label}
    for one, found in zip(reals, partners, strict=True):
        nearest = min(abs(one.time_s - time) for time in fake)
        for partner in found:
            of_partner = min(abs(partner.time_s - time) for time in real)
            apart = abs(partner.time_s - one.time_s)
            assert apart == pytest.approx(of_partner) or apart == pytest.approx(nearest)


@given(st.integers(1, 40), st.integers(0, 2**31), st.lists(st.integers(0, 200), max_size=5))
@settings(max_examples=100, deadline=None)
def test_everybody_comes_once_a_round_in_another_order_wherever_one_starts(count, seed, starts):
    order = Order(count, [seed, 4])
    everything = order.between(0, 4 * count + 200 + count)
    for number in range(4):
        assert sorted(everything[number * count : (number + 1) * count]) == list(range(count))
    for start in starts:
        again = Order(count, [seed, 4])
        assert again.between(start, start + count) == everything[start : start + count]
        assert order.between(start, start + count) == everything[start : start + count]
    assert order.between(5, 5) == []


def test_rounds_and_keys_differ():
    order = Order(50, [0, 4])
    assert order.between(0, 50) != order.between(50, 100)
    assert order.between(0, 50) != Order(50, [1, 4]).between(0, 50)
    assert order.between(0, 50) != Order(50, [0, 6]).between(0, 50)


def test_a_longer_round_has_everybody_and_as_many_more_drawn_from_all():
    order = Order(100, [3, 4], longer=1.3)
    assert len(order) == 130
    first, second = (Counter(order.between(start, start + 130)) for start in (0, 130))
    assert first == second
    assert set(first) == set(range(100))
    assert 20 <= sum(count > 1 for count in first.values()) <= 30  # with replacement: some thrice
    other = Counter(Order(100, [4, 4], longer=1.3).between(0, 130))
    assert other != first


def test_an_order_survives_being_sent_to_a_process():
    order = Order(20, [0, 4], longer=1.3)
    order.between(26, 30)
    sent = pickle.loads(pickle.dumps(order))
    assert sent.between(0, 60) == order.between(0, 60)
    assert np.array_equal(sent.items, order.items)
