"""What a journal says is what was written to it, wherever it was cut off."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awarenet.errors import AwareNetError
from trainer.extraction.extract import Crop, Extracted
from trainer.extraction.journal import (
    Failure,
    Journal,
    Journals,
    claim,
    describe_failures,
    failures,
)

MADE_OF = {"settings": {"side": 256, "margin": 0.25}, "split": "aa"}


def crop(frame: int, *, mesh: np.ndarray | None = None) -> Crop:
    box, landmarks = (0.1, 0.2, 100.5, 1 / 3), tuple(float(v) for v in range(10))
    path = f"crops/train/0f/a-{frame:05d}.jpg"
    return Crop(frame, 0, frame / 30, box, landmarks, mesh, f"{frame:064x}", 80.0, path=path)


DONE = [
    Extracted("a", (crop(0), crop(12))),
    Extracted("b", (), "no_face", "no face in any of 32 frames"),
    Extracted("c-é", (crop(7),)),
]


def write(path, done=DONE, made_of=MADE_OF):
    with Journal(path, made_of) as journal:
        journal.add(done)


def read(folder, names=("a", "b", "c-é", "d")):
    return list(Journals(folder, MADE_OF).read(names))


def test_what_was_done_comes_back_as_it_was_in_the_order_asked_for(tmp_path):
    write(tmp_path / "journal.jsonl")
    assert read(tmp_path) == DONE
    assert read(tmp_path, ["c-é", "nobody", "a"]) == [DONE[2], DONE[0]]
    journals = Journals(tmp_path)
    assert len(journals) == 3
    assert ["a" in journals, "d" in journals] == [True, False]
    assert [journals.failed(name) for name in "abd"] == [False, True, False]


def test_meshes_come_back_to_the_last_bit(tmp_path):
    mesh = np.random.default_rng(0).normal(0, 1e3, (468, 2)).astype(np.float32)
    write(tmp_path / "journal.jsonl", [Extracted("a", (crop(0, mesh=mesh), crop(1)))])
    (done,) = read(tmp_path)
    assert done.crops[0].mesh.dtype == np.float32
    assert done.crops[0].mesh.tobytes() == mesh.tobytes()
    assert done.crops[1].mesh is None


def test_cut_off_anywhere_it_is_gone_on_with_and_ends_as_if_nothing_had_been(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(path)
    whole = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    around = {end + step for end in ends for step in (-2, -1, 0, 1)}
    for length in sorted({*range(0, len(whole), 11), *around} - {len(whole) + 1}):
        path.write_bytes(whole[:length])
        complete = sum(end <= length for end in ends[1:])
        assert read(tmp_path) == DONE[:complete]
        write(path, DONE[complete:])
        assert path.read_bytes() == whole


def test_a_line_that_is_written_while_another_run_reads_is_not_seen_yet(tmp_path):
    path = tmp_path / "journal-1-of-2.jsonl"
    write(path)
    with path.open("ab") as file:
        file.write(b'{"clip": "d", "reas')
    before = path.read_bytes()
    assert read(tmp_path) == DONE
    assert path.read_bytes() == before  # it is the other run's to cut


def test_a_damaged_line_costs_its_own_clip_only(tmp_path, caplog):
    path = tmp_path / "journal.jsonl"
    write(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1], b"\0" * 40 + b"\n", lines[3]]))
    with caplog.at_level(logging.WARNING):
        assert read(tmp_path) == [DONE[0], DONE[2]]
    assert "a line is damaged" in caplog.text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({**MADE_OF, "split": "bb"}, r'split = "aa", now it is "bb"'),
        (
            {**MADE_OF, "settings": {"side": 128, "margin": 0.25}},
            r"settings\.side = 256, now it is 128",
        ),
        ({**MADE_OF, "store": {"kind": "shards"}}, r"store = null, now it is"),
    ],
)
def test_a_journal_of_other_settings_is_refused_and_the_difference_named(tmp_path, changed, words):
    path = tmp_path / "journal.jsonl"
    write(path)
    before = path.read_bytes()
    for attempt in (lambda: Journal(path, changed), lambda: Journals(tmp_path, changed)):
        with pytest.raises(AwareNetError, match=rf"journal\.jsonl was made with {words}") as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_a_file_that_is_no_journal_of_ours_is_refused(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text('{"format": "awarenet.journal/0", "made_of": {}}\n')
    with pytest.raises(AwareNetError, match="format 'awarenet.journal/0', now it is"):
        Journal(path, MADE_OF)
    path.write_text("Dear diary,\n")
    with pytest.raises(AwareNetError, match="does not begin as a journal"):
        Journals(tmp_path)


def test_two_runs_cannot_write_one_journal(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path, MADE_OF):
        with pytest.raises(AwareNetError, match="another run is at work"):
            Journal(path, MADE_OF)
    write(path)  # free again


def test_runs_over_shares_work_side_by_side_but_not_beside_a_run_over_all(tmp_path):
    with claim(tmp_path, alone=False), claim(tmp_path, alone=False):
        with pytest.raises(AwareNetError, match="another run is at work"):
            with claim(tmp_path, alone=True):
                pass
    with claim(tmp_path, alone=True):
        with pytest.raises(AwareNetError, match="another run is at work"):
            with claim(tmp_path, alone=False):
                pass


def test_several_journals_are_one_table_and_crops_count_before_a_failure(tmp_path):
    failed = Extracted("a", (), "killed", "its process died")
    again = Extracted("a", (crop(99),))
    write(tmp_path / "journal-1-of-2.jsonl", [failed, DONE[1]])
    write(tmp_path / "journal-2-of-2.jsonl", [DONE[0], failed])
    assert read(tmp_path) == DONE[:2]
    write(tmp_path / "journal.jsonl", [again])  # the last by name
    assert read(tmp_path) == [again, DONE[1]]


def test_failures_come_as_a_table_counted_by_reason(tmp_path):
    lost = [Extracted(f"clip-{n}", (), "no_face", "no face in any of 2 frames") for n in range(7)]
    broken = Extracted("x", (), "unreadable", "cannot open x.mp4: the file is empty")
    write(tmp_path / "journal.jsonl", [broken, *DONE[::2], *lost])
    found = failures(tmp_path)
    assert found[-1] == Failure("x", "unreadable", broken.detail)
    assert [failure.clip for failure in found[:-1]] == [f"clip-{n}" for n in range(7)]
    assert describe_failures(found, most=2).splitlines() == [
        "     7  no_face",
        "        clip-0: no face in any of 2 frames",
        "        clip-1: no face in any of 2 frames",
        "        and 5 more",
        "     1  unreadable",
        "        x: cannot open x.mp4: the file is empty",
    ]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(min_size=1, max_size=8),
            st.lists(
                st.tuples(
                    st.integers(0, 2**31 - 1),
                    st.floats(allow_nan=False, allow_infinity=False),
                ),
                max_size=3,
            ),
            st.text(max_size=30),
        ),
        unique_by=lambda entry: entry[0],
        max_size=6,
    )
)
def test_any_names_numbers_and_messages_survive(tmp_path_factory, entries):
    folder = tmp_path_factory.mktemp("journals")
    done = [
        Extracted(
            name,
            tuple(Crop(i, 0, at, (at,) * 4, (), None, "0", 80.0, path="p") for i, at in crops),
            "" if crops else "error",
            "" if crops else detail,
        )
        for name, crops, detail in entries
    ]
    write(folder / "journal.jsonl", done)
    assert list(Journals(folder).read([one.clip for one in done])) == done
    assert all(json.loads(line) for line in (folder / "journal.jsonl").open("rb"))
