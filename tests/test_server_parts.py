"""Parts of the server by themselves: the line, rates, passwords, the log, and old folders."""

import fcntl
import json
import logging
import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awarenet import scratch
from awarenet.errors import Canceled, SettingsError
from awarenet.words import ENGLISH, words_in
from page import logs
from page.guard import Rate, client_of
from page.line import Busy, Closing, Line, TookTooLong, Waiting
from page.pieces import told, waiting
from page.server import passwords
from page.uploads import Uploads


def never():
    return False


def test_the_line_lets_clips_through_in_the_order_in_which_they_came():
    line, done, order = Line(20), threading.Event(), []

    def one(number):
        with line.place() as place:
            came.release()
            list(line.until_turn(place, never))
            done.wait(30)
            order.append((number, line.running))

    came = threading.Semaphore(0)
    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=one, args=(number,)))
        threads[-1].start()
        came.acquire()
    assert (line.running, line.waiting) == (1, 7)
    done.set()
    for thread in threads:
        thread.join(30)
    assert order == [(number, 1) for number in range(8)]
    assert (line.running, line.waiting) == (0, 0)


def test_a_place_is_told_with_an_estimate_of_what_clips_took():
    line = Line(5)
    with line.place(), line.place() as second, line.place() as third:
        assert next(line.until_turn(third, never)) == Waiting(2, None)
        line.took(30.0)
        line.took(50.0)
        assert next(line.until_turn(second, never)) == Waiting(1, 40.0)
        assert next(line.until_turn(third, never)) == Waiting(2, 80.0)


def test_a_full_line_refuses_all_but_the_rest_of_a_batch_that_was_taken():
    line = Line(1)
    with line.place(), line.place():
        with pytest.raises(Busy, match="1 clip is waiting"), line.place():
            pass
        with line.place(promised=True):
            assert line.waiting == 2
            with pytest.raises(Busy, match="2 clips are waiting"), line.place():
                pass
    with line.place():
        assert line.waiting == 0
        line.check_room()


def test_a_full_line_says_when_there_will_be_room_in_whole_seconds():
    line = Line(1)
    with line.place(), line.place():
        for took, told in ((None, 10), (0.2, 1), (6.6, 4)):  # the mean so far, and not below 1
            if took is not None:
                line.took(took)
            with pytest.raises(Busy) as refused:
                line.check_room()
            assert refused.value.next_s == told


def test_waiting_ends_when_it_is_stopped_and_when_the_server_is():
    line = Line(5)
    with line.place(), line.place() as second:
        with pytest.raises(Canceled):
            list(line.until_turn(second, lambda: True))
        steps = line.until_turn(second, never)
        next(steps)
        line.close()
        with pytest.raises(Closing):
            next(steps)
        with pytest.raises(Closing), line.place():
            pass


def test_refusals_and_places_are_said_in_the_reader_s_language():
    for error in (Busy(1, None), Busy(7, 2.0), Closing(), TookTooLong(900.0)):
        assert told(error) == str(error) == error.said(ENGLISH)
        for language in ("de", "zh"):
            assert told(error, words_in(language)) != str(error)
    assert "7 clips are waiting" in str(Busy(7, None))
    assert "Stopped after 900 s" in str(TookTooLong(900.0))
    assert "number 2 in line." in waiting(Waiting(2, None), ENGLISH)
    assert "number 2 in line, for about 2 min." in waiting(Waiting(2, 61.0), ENGLISH)
    assert "about 1 min" in waiting(Waiting(1, 0.0), ENGLISH)


@given(st.integers(1, 100), st.lists(st.floats(0, 5), min_size=1, max_size=300))
def test_no_client_gets_more_than_its_rate_and_whoever_waits_as_told_is_taken(per_minute, gaps):
    rate, now, taken = Rate(per_minute), 0.0, []
    for gap in gaps:
        now += gap
        wait_s = rate.wait_s(("a", "job"), now)
        if wait_s:
            now += wait_s + 1e-6
            assert rate.wait_s(("a", "job"), now) == 0
        taken.append(now)
    for start in taken:  # a burst of all, and then as many in every minute
        assert sum(start <= each < start + 60 for each in taken) <= 2 * per_minute


def test_only_so_many_clients_are_remembered():
    rate = Rate(1)
    for number in range(20_000):
        rate.wait_s((str(number), "job"), 0.0)
    assert len(rate._next) == 10_000
    assert rate.wait_s(("19999", "job"), 0.0) > 0


def test_a_client_without_an_address_is_one_too():
    assert client_of({"client": None}) == ""
    assert client_of({"client": ("203.0.113.9", 1)}) == "203.0.113.9"
    assert client_of({"client": ("2001:db8::5", 1)}) == "2001:db8::/64"


def test_passwords_come_from_a_file_and_the_environment(tmp_path):
    file = tmp_path / "who"
    file.write_text("ann:a:b\n\n# nobody\nbob:b\n")
    assert passwords("", {}) is None
    assert passwords(str(file), {}) == [("ann", "a:b"), ("bob", "b")]
    both = passwords(str(file), {"AWARENET_AUTH": "eve:e\nann:z"})
    assert dict(both) == {"eve": "e", "ann": "a:b", "bob": "b"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ann:a\nsecret", "line 2 of .*: expected USER:PASSWORD"),
        (":secret", "line 1"),
        ("secret:", "line 1"),
        ("", "holds no USER:PASSWORD line"),
        (None, "cannot read .*: No such file"),
    ],
)
def test_a_wrong_file_of_passwords_is_told_without_its_passwords(tmp_path, text, words):
    file = tmp_path / "who"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SettingsError, match=words) as caught:
        passwords(str(file), {})
    assert "secret" not in str(caught.value)


def record(message, **facts):
    made = logging.makeLogRecord({"name": "awarenet.page", "msg": message, "levelno": 20})
    made.levelname = "INFO"
    setattr(made, logs.FACTS, facts)
    return made


def test_a_line_of_the_log_is_json_or_plain_and_hides_files(monkeypatch, tmp_path):
    monkeypatch.setenv(scratch.FOLDER, str(tmp_path))
    logs.hide("a b.mp4")
    line = json.loads(logs.AsJson().format(record('no "a b.mp4"\nhere', id="f0", seconds=1.5)))
    assert (line["message"], line["id"], line["seconds"]) == ('no "<file>"\nhere', "f0", 1.5)
    assert line["level"] == "info" and line["time"].endswith("Z")
    text = logs.AsLines().format(record("job", id="f0"))
    assert text.endswith("INFO awarenet.page: job id=f0")
    place = scratch.folder("0a/secret.mp4")
    assert logs.clean(f"cannot open '{place}': gone") == "cannot open '<upload>': gone"


def test_what_killed_programs_left_is_removed_and_what_others_use_is_not(tmp_path):
    names = ["awarenet-page-dead", "awarenet-page-used", "awarenet-report-old",
             "awarenet-report-new", "awarenet-clip", "page-of-mine"]  # fmt: skip
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "face.npy").write_bytes(b"0")
    (tmp_path / "awarenet-page-link").symlink_to(tmp_path / "page-of-mine")
    os.utime(tmp_path / "awarenet-report-old", (0, 0))
    held = os.open(tmp_path / "awarenet-page-used", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    scratch.sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*names, "awarenet-page-link"} - {"awarenet-page-dead", "awarenet-report-old"}
    os.close(held)
    scratch.sweep(tmp_path)
    assert not (tmp_path / "awarenet-page-used").exists()


def test_the_folder_is_made_where_the_settings_say_and_outlives_a_sweep(tmp_path, monkeypatch):
    monkeypatch.setenv(scratch.FOLDER, "")  # put back at the end
    scratch.own_folder(str(tmp_path / "temp"))
    made = scratch.folder("")
    assert made.parent == tmp_path / "temp"
    assert made.stat().st_mode & 0o777 == 0o700
    scratch.own_folder(str(tmp_path / "temp"))
    assert scratch.folder("") == made
    scratch.sweep(tmp_path / "temp")
    assert made.is_dir()


def test_an_upload_goes_with_its_last_holder_and_nothing_else_goes_ever(tmp_path, monkeypatch):
    monkeypatch.setenv(scratch.FOLDER, str(tmp_path))
    upload = tmp_path / ("0a" * 32) / "a.mp4"
    example = tmp_path / "examples" / "b.mp4"
    outside = tmp_path.parent / f"{tmp_path.name}-c.mp4"
    for path in (upload, example, outside):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"0")
    uploads, gone = Uploads(fresh_s=0.0), []
    uploads.forget = gone.append
    everything = [str(upload), str(example), str(outside)]
    uploads.hold(("one", "clip"), everything)
    with uploads.held("two", everything):
        uploads.hold(("one", "clip"), [])
        assert upload.is_file()
    assert not upload.parent.exists()
    assert example.is_file() and outside.is_file()
    assert gone == [str(upload)]


def test_an_upload_that_is_fresh_waits_for_the_calls_of_others(tmp_path, monkeypatch):
    monkeypatch.setenv(scratch.FOLDER, str(tmp_path))
    upload = tmp_path / ("0a" * 32) / "a.mp4"
    upload.parent.mkdir()
    upload.write_bytes(b"0")
    uploads = Uploads(fresh_s=0.5)
    uploads.hold(("one", "clip"), [str(upload)])
    uploads.leave("one")
    assert upload.is_file()
    end = time.monotonic() + 30
    while upload.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
