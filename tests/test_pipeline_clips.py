"""Who, when and where in clips that are not plain, from the file to the clip with its boxes."""

import av
import cv2
import numpy as np
import pytest
from clips import LIMITS, set_display_matrix, write_clip
from report_page import Page
from seams import draw_face, frames_of_two, make_knowing_detector
from stepwise import decider, which
from tiny_detector import PAPER

from awarenet import documents
from awarenet.documents.marks import COLORS
from awarenet.view import clock

FPS = 25
SIDE = 60  # px, of most faces


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    """A detector whose networks know a seam, and that looks at every frame."""
    folder = tmp_path_factory.mktemp("knowing") / "bundle"
    return make_knowing_detector(folder, sampling={"frames": 64})


def scene(size: tuple[int, int], faces=(), wall: int = 0, paper=PAPER) -> np.ndarray:
    """Draw (x, y, person, swapped) faces in a room: (H, W, 3) uint8 RGB.

    Rooms of another `wall` differ at their right end, away from the faces.
    """
    width, height = size
    image = np.full((height, width, 3), paper, np.uint8)
    if wall:
        blocks = np.random.default_rng(wall).integers(0, 2, (3, 4)) * 220
        image[:, width * 3 // 5 :] = cv2.resize(
            blocks.astype(np.uint8), (width - width * 3 // 5, height), interpolation=0
        )[..., None]
    for x, y, person, swapped in faces:
        draw_face(image, (x, y), SIDE, person, swapped=swapped)
    return image


def place(x: float, y: float, side: int = SIDE) -> tuple[float, float, float, float]:
    """Where a face is that was drawn around a point; an ellipse of 2/5 and 1/2 of its side."""
    return x - side * 2 // 5, y - side // 2, x + side * 2 // 5 + 1, y + side // 2 + 1


def annotated(path, analysis, target) -> tuple[list[float], list[np.ndarray], float]:
    """Draw an analysis on its clip: times, (H, W, 3) frames, and how much larger they are."""
    documents.annotate(path, analysis, target, limits=LIMITS)
    with av.open(str(target)) as container:
        decoded = list(container.decode(video=0))
    frames = [frame.to_ndarray(format="rgb24") for frame in decoded]
    return [f.time for f in decoded], frames, frames[0].shape[1] / analysis.report.input.width


def boxed(frame: np.ndarray, box, scale: float, verdict: str) -> bool:
    """Whether both sides and the lower edge of a box are there, in a verdict's color."""
    x0, y0, x1, y1 = (round(edge * scale) for edge in box)
    middle_x, middle_y = (x0 + x1) // 2, (y0 + y1) // 2
    reach = 4  # px around the edge, where its line may lie
    strips = [
        frame[middle_y - 6 : middle_y + 6, x0 - reach : x0 + reach],
        frame[middle_y - 6 : middle_y + 6, x1 - reach : x1 + reach],
        frame[y1 - reach : y1 + reach, middle_x - 6 : middle_x + 6].swapaxes(0, 1),
    ]
    off = [np.abs(strip.astype(int) - COLORS[verdict]).sum(axis=2).min(axis=1) for strip in strips]
    return all(np.median(each) < 80 for each in off)


def close(box, other, px: float = 2.0) -> bool:
    return np.abs(np.subtract(box, other)).max() <= px


@pytest.mark.parametrize("swapped", [0, 1])
def test_of_two_people_the_swapped_one_is_named_everywhere(knowing, tmp_path, swapped):
    clip = write_clip(tmp_path / "two.mp4", frames_of_two((swapped == 0, swapped == 1)))
    analysis = knowing.examine(clip)
    report = analysis.report
    fake, real = report.people
    assert (fake.verdict, real.verdict) == ("fake", "real")
    assert (which(fake), which(real)) == (swapped, 1 - swapped)
    assert (report.decided_by, report.verdict) == (fake.id, "fake")
    assert report.probability == fake.probability > 0.9 > 0.1 > real.probability
    page = Page(documents.html(analysis))
    rows = page.table("Everyone who was judged")["rows"][1:]
    assert [row[:2] for row in rows] == [
        [f"{fake.id} (decides)", "Likely manipulated"],
        [f"{real.id}", "No manipulation found"],
    ]
    assert f"person {fake.id}, the most suspicious of 2 people" in page.prose
    _, frames, scale = annotated(clip, analysis, tmp_path / "out.mp4")
    assert len(frames) == 12
    for index, frame in enumerate(frames):
        for person, (x, side) in enumerate(((70, 60), (240, 64))):
            box = place(x + index % 3, 64, side)
            verdict, other = ("fake", "real")[:: 1 if person == swapped else -1]
            assert boxed(frame, box, scale, verdict)
            assert not boxed(frame, box, scale, other)


def test_the_stretch_in_which_a_face_is_swapped_is_named(knowing, tmp_path):
    frames = [scene((160, 120), [(60 + n, 64, 0, 12 <= n < 20)]) for n in range(32)]
    report = knowing.analyze(write_clip(tmp_path / "clip.mp4", frames))
    (person,) = report.people
    assert (person.worst.start_s, person.worst.end_s) == (12 / FPS, 19 / FPS)
    assert person.worst.probability > 0.9
    says_fake = [moment.frame for moment in person.timeline if moment.probability > 0.5]
    assert says_fake == list(range(12, 20))


def comes_and_goes(path):
    """A clip of 24 frames: who is in which frame, and where."""
    there = {0: [n for n in range(24) if 4 <= n < 20], 1: [n for n in range(24) if not 8 <= n < 16]}
    frames = []
    for n in range(24):
        seen = [(x + n, 64, who, who == 1) for who, x in ((0, 50), (1, 220)) if n in there[who]]
        frames.append(scene((320, 120), seen))
    return write_clip(path, frames), there


def test_somebody_who_comes_and_goes_is_seen_when_they_are_there(knowing, tmp_path):
    clip, there = comes_and_goes(tmp_path / "clip.mp4")
    analysis = knowing.examine(clip)
    people = {which(person): person for person in analysis.report.people}
    assert len(analysis.report.people) == 2
    for who, person in people.items():
        assert [moment.frame for moment in person.timeline] == there[who]
        assert person.first_s == pytest.approx(there[who][0] / FPS, abs=1e-6)
        assert person.last_s == pytest.approx(there[who][-1] / FPS, abs=1e-6)
        assert person.frames_seen == len(there[who]) == 16
    seen = {
        row[0].split()[0]: row[4]
        for row in Page(documents.html(analysis)).table("Everyone who was judged")["rows"][1:]
    }
    first = people[0]
    assert seen[f"{first.id}"] == f"16 frames, {clock(4 / FPS)} to {clock(19 / FPS)}"
    _, frames, scale = annotated(clip, analysis, tmp_path / "out.mp4")
    for n, frame in enumerate(frames):
        for who, x in ((0, 50), (1, 220)):
            drawn = boxed(frame, place(x + n, 64), scale, people[who].verdict)
            assert drawn is (n in there[who])


def test_of_few_frames_too_no_box_stands_where_nobody_is(knowing, tmp_path):
    clip, there = comes_and_goes(tmp_path / "clip.mp4")
    analysis = knowing.with_settings(sampling={"frames": 12}).examine(clip)
    _, frames, scale = annotated(clip, analysis, tmp_path / "out.mp4")
    (second,) = [person for person in analysis.report.people if which(person) == 1]
    assert {moment.frame for moment in second.timeline} <= set(there[1])
    seen = [moment.frame for moment in second.timeline]
    for n in seen:
        assert boxed(frames[n], place(220 + n, 64), scale, "fake")
    for n in range(10, 14):  # a box stands for half a step, one frame, around those
        right = frames[n][: round(120 * scale), round(200 * scale) :].astype(int)
        assert np.abs(right - PAPER).max() < 40


def with_cut(path, after: tuple[int, int, bool], at: int = 13):
    """A clip of 24 frames with a cut: the first person, then (x, person, swapped)."""
    x, person, swapped = after
    before = [scene((320, 120), [(60, 64, 0, False)], wall=1) for _ in range(at)]
    return write_clip(
        path, before + [scene((320, 120), [(x, 64, person, swapped)], wall=2)] * (24 - at)
    )


def test_a_cut_is_named_by_its_first_frame_and_the_same_person_goes_on(knowing, tmp_path):
    clip = with_cut(tmp_path / "clip.mp4", (110, 0, False))
    analysis = knowing.examine(clip)
    report = analysis.report
    assert report.input.cuts_s == [13 / FPS]
    (person,) = report.people
    assert [moment.frame for moment in person.timeline] == list(range(24))
    for moment in person.timeline:
        assert close(moment.box, place(60 if moment.frame < 13 else 110, 64))
    assert f"Cuts before {clock(13 / FPS)}" in Page(documents.html(analysis)).prose


def test_after_a_cut_another_person_is_another_one(knowing, tmp_path):
    report = knowing.analyze(with_cut(tmp_path / "clip.mp4", (60, 1, True)))
    assert report.input.cuts_s == [13 / FPS]
    second, first = report.people  # the most suspicious one first
    assert (first.verdict, second.verdict) == ("real", "fake")
    assert [m.frame for m in first.timeline] == list(range(13))
    assert [m.frame for m in second.timeline] == list(range(13, 24))
    assert (first.last_s, second.first_s) == (12 / FPS, 13 / FPS)
    assert decider(report) is second


def test_after_a_cut_the_same_person_in_another_light_counts_as_two(knowing, tmp_path):
    """Which costs less than two people as one; see `tracks`."""
    faces = [(60, 64, 0, False)]
    frames = [scene((320, 120), faces, wall=1)] * 10
    frames += [scene((320, 120), faces, wall=2, paper=(30, 60, 30))] * 10
    report = knowing.analyze(write_clip(tmp_path / "clip.mp4", frames))
    assert report.input.cuts_s == [10 / FPS]
    spans = sorted((person.first_s, person.last_s) for person in report.people)
    assert spans == [(0, 9 / FPS), (10 / FPS, 19 / FPS)]


def test_of_few_frames_a_cut_is_named_by_the_first_one_that_was_looked_at(knowing, tmp_path):
    clip = with_cut(tmp_path / "clip.mp4", (130, 0, False), at=12)
    analysis = knowing.with_settings(sampling={"frames": 6}).examine(clip)
    (person,) = analysis.report.people
    assert [moment.frame for moment in person.timeline] == [2, 6, 10, 13, 17, 21]
    assert analysis.report.input.cuts_s == [13 / FPS]
    _, frames, scale = annotated(clip, analysis, tmp_path / "out.mp4")
    for n in (2, 6, 10, 13, 17, 21):
        assert boxed(frames[n], place(60 if n < 12 else 130, 64), scale, "real")
    for frame in frames:  # no box on its way from one place to the other
        between = frame[
            round(40 * scale) : round(90 * scale), round(90 * scale) : round(98 * scale)
        ]
        assert np.abs(between.astype(int) - PAPER).max() < 40


def test_a_cut_away_and_back_between_two_frames_is_one_cut(knowing, tmp_path):
    rooms = [1] * 10 + [2] * 2 + [1] * 12
    frames = [scene((320, 120), [(60, 64, 0, False)], wall=wall) for wall in rooms]
    clip = write_clip(tmp_path / "clip.mp4", frames)
    assert knowing.analyze(clip).input.cuts_s == [10 / FPS, 12 / FPS]
    few = knowing.with_settings(sampling={"frames": 4}).analyze(clip)
    (person,) = few.people
    assert [moment.frame for moment in person.timeline] == [3, 9, 14, 20]
    assert few.input.cuts_s == [14 / FPS]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_of_a_turned_clip_all_stands_upright(knowing, tmp_path, degrees):
    upright = [scene((160, 240), [(50 + n, 70, 1, True)]) for n in range(8)]
    stored = [np.ascontiguousarray(np.rot90(image, degrees // 90)) for image in upright]
    clip = set_display_matrix(write_clip(tmp_path / "clip.mp4", stored), degrees)
    analysis = knowing.examine(clip)
    source = analysis.report.input
    assert (source.width, source.height, source.rotation_deg) == (160, 240, degrees)
    (person,) = analysis.report.people
    assert person.verdict == "fake" and person.frames_seen == 8
    for n, moment in enumerate(person.timeline):
        assert close(moment.box, place(50 + n, 70))
    _, frames, scale = annotated(clip, analysis, tmp_path / "out.mp4")
    assert len(frames) == 8
    for n, (frame, drawn) in enumerate(zip(frames, upright, strict=True)):
        assert boxed(frame, place(50 + n, 70), scale, "fake")
        shown = cv2.resize(frame[: round(240 * scale)], (160, 240), interpolation=cv2.INTER_AREA)
        face = slice(52, 92), slice(36 + n, 64 + n)  # within the box; its cap is at the left
        off, off_if_mirrored = (
            np.abs(shown[face].astype(int) - expected).mean()
            for expected in (drawn[face], drawn[face][:, ::-1])
        )
        assert off < 6 < 10 < off_if_mirrored


def test_a_variable_frame_rate_is_reported_at_the_times_it_is_shown_at(knowing, tmp_path):
    due = [0, 40, 50, 400, 440, 460, 1000, 1010, 1500, 1990]
    clip = write_clip(
        tmp_path / "clip.mp4",
        [scene((320, 120), [(60 + 12 * n, 64, 0, 6 <= n < 8)]) for n in range(len(due))],
        times_ms=due,
    )
    analysis = knowing.examine(clip)
    (person,) = analysis.report.people
    assert [moment.time_s for moment in person.timeline] == [ms / 1000 for ms in due]
    assert [moment.frame for moment in person.timeline] == list(range(len(due)))
    for n, moment in enumerate(person.timeline):
        assert close(moment.box, place(60 + 12 * n, 64))
        assert (moment.probability > 0.5) is (6 <= n < 8)
    assert (person.first_s, person.last_s) == (0, 1.99)
    times, frames, scale = annotated(clip, analysis, tmp_path / "out.mp4")
    assert times == pytest.approx([ms / 1000 for ms in due], abs=1e-4)
    for n, frame in enumerate(frames):
        assert boxed(frame, place(60 + 12 * n, 64), scale, person.verdict)


def test_of_a_variable_frame_rate_the_frames_looked_at_lie_evenly_in_time(knowing, tmp_path):
    due = [10 * n for n in range(20)] + [200 + 200 * n for n in range(10)]  # dense, then sparse
    clip = write_clip(
        tmp_path / "clip.mp4",
        [scene((160, 120), [(60 + n, 64, 0, False)]) for n in range(len(due))],
        times_ms=due,
    )
    report = knowing.with_settings(sampling={"frames": 5}).analyze(clip)
    (person,) = report.people
    end = due[-1] / 1000
    for number, moment in enumerate(person.timeline):
        assert moment.time_s == due[moment.frame] / 1000
        assert close(moment.box, place(60 + moment.frame, 64))
        assert abs(moment.time_s - (number + 0.5) / 5 * end) <= 0.1  # half of what frames last
