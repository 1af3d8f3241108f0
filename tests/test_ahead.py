"""Work that runs ahead: the same items, the same errors, and no thread left behind."""

import threading
import time

import pytest

from awarenet.ahead import ahead


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_items_come_in_their_order(size):
    assert list(ahead(iter(range(20)), size)) == list(range(20))
    assert "ahead" not in names()


def test_items_are_made_while_others_are_used_but_not_without_end():
    made = []

    def items():
        for number in range(10):
            made.append(number)
            yield number

    using = ahead(items(), 2)
    assert next(using) == 0
    deadline = time.monotonic() + 5
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert made == [0, 1, 2, 3]  # one in use, two that lie ready, one that waits for its place
    assert list(using) == list(range(1, 10))


def test_what_goes_wrong_is_raised_where_the_item_is_asked_for():
    def items():
        yield 1
        raise KeyError("lost")

    using = ahead(items(), 4)
    assert next(using) == 1
    with pytest.raises(KeyError, match="lost"):
        next(using)
    assert "ahead" not in names()


def test_leaving_midway_closes_what_makes_the_items():
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(threading.current_thread().name)

    using = ahead(items(), 2)
    assert next(using) == 0
    using.close()
    assert closed == ["ahead"]
    assert "ahead" not in names()
