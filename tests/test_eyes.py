"""Eyes watched through a clip: a face that blinks, one that cannot, clips that show too little."""

import cv2
import numpy as np
import pytest
from blinking import FPS, film, frames, portrait
from clips import write_clip

from awarenet import eyes
from awarenet.blinks import NOT_COUNTED
from awarenet.cage import OpenedFile
from awarenet.errors import Canceled
from awarenet.eyes import EyeWatch, busiest_stretch, face_around, judgeable, overlap
from awarenet.faces import Face, create_face_finder
from awarenet.landmarks import find_landmarks
from awarenet.report import Blinks, Notice
from awarenet.settings import LimitSettings, Settings
from awarenet.tracks import Sighting, Track
from awarenet.video import probe, stretch_frames

SETTINGS = Settings()
DRAWN = (1.2, 3.0, 4.8)  # s


@pytest.fixture(scope="module")
def finder():
    return create_face_finder()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Six seconds with three blinks; not to be altered."""
    return film(tmp_path_factory.mktemp("eyes") / "blinking.mp4", DRAWN, seconds=6)


def sighting(time_s: float, face: Face, shot: int = 0) -> Sighting:
    return Sighting(round(time_s * FPS), time_s, shot, face, np.zeros((8, 8, 3), np.uint8))


def watch(path, finder, times=(1.0, 2.5, 4.0), face=None, settings=SETTINGS, **options) -> EyeWatch:
    face = face or finder.find(portrait())[0]
    track = Track(1, tuple(sighting(at, face) for at in times))
    file = OpenedFile(path, settings.limits, **options)
    return EyeWatch(file, probe(path, settings.limits), track, finder, settings)


def read(watching: EyeWatch) -> Blinks | Notice:
    assert list(watching.frames()) == list(range(1, len(watching._curve) + 1))
    return watching.reading()


@pytest.fixture(scope="module")
def watched(clip, finder):
    """The clip's reading, what watched it, and how often a face was looked for."""

    class Counting:
        name, calls = finder.name, 0

        def find(self, image):
            self.calls += 1
            return finder.find(image)

    counting = Counting()
    watching = watch(clip, counting, face=finder.find(portrait())[0])
    return read(watching), watching, counting.calls


def test_every_blink_of_a_clip_is_found_where_it_is(watched):
    found, watching, _ = watched
    assert [blink.time_s for blink in found.blinks] == pytest.approx(
        [at + 0.1 for at in DRAWN], abs=0.11
    )
    assert all(0.1 < blink.duration_s < 0.4 for blink in found.blinks)
    assert found.seconds == pytest.approx(6, abs=0.2)
    assert found.per_minute == pytest.approx(3 / found.seconds * 60, rel=1e-5)
    assert found.interval[0] < found.per_minute < found.interval[1]
    assert len(found.timeline) == watching.total == 6 * FPS
    assert "3 blinks in 6 s" in found.indication


def test_a_face_is_looked_for_only_every_few_frames(watched):
    assert watched[2] == 6 * FPS // eyes.FIND_EVERY


def test_a_photograph_shown_as_a_clip_does_not_blink(tmp_path, finder):
    found = read(watch(film(tmp_path / "photo.mp4", (), seconds=5.4), finder))
    assert found.blinks == []
    assert (found.per_minute, found.interval[0]) == (0, 0)
    assert min(each.openness for each in found.timeline) > 0.15


def test_only_the_person_who_was_scored_is_watched(clip, finder):
    elsewhere = Face((2.0, 200.0, 42.0, 250.0), 1.0, np.zeros((5, 2), np.float32))
    notice = read(watch(clip, finder, face=elsewhere))
    assert (notice.code, "for 0.0 s" in notice.message) == ("blinks_too_short", True)


def test_after_a_cut_nobody_is_watched_who_was_not_sighted_there(tmp_path, finder):
    shown = list(frames((), 5.4))
    other = [255 - image[::-1] for image in shown[:15]]  # upside down: nobody
    path = write_clip(tmp_path / "cut.mp4", [*shown, *other, *shown[:15]], fps=FPS)
    found = read(watch(path, finder))
    assert found.seconds == pytest.approx(5.4, abs=0.2)
    assert all(each.openness is None for each in found.timeline if each.time_s > 5.5)


@pytest.mark.parametrize(
    ("seconds", "fps", "code"),
    [(3, FPS, "blinks_too_short"), (8, 8, "blinks_too_few_frames")],
)
def test_a_clip_that_shows_too_little_says_so(tmp_path, finder, seconds, fps, code):
    path = film(tmp_path / "brief.mp4", (1.0,), seconds=seconds, fps=fps)
    notice = read(watch(path, finder, times=(1.0,)))
    assert isinstance(notice, Notice)
    assert notice.code == code
    assert notice.message == NOT_COUNTED[code].format(**notice.values)


def test_a_photograph_says_that_it_takes_a_clip(tmp_path, finder):
    cv2.imwrite(str(tmp_path / "photo.png"), portrait()[:, :, ::-1])
    face = Face((10.0, 10.0, 60.0, 60.0), 1.0, np.zeros((5, 2), np.float32))
    notice = read(watch(tmp_path / "photo.png", finder, times=(0.0,), face=face))
    assert notice.code == "blinks_need_video"


def test_a_clip_that_cannot_be_read_again_gives_a_notice_and_no_error(clip, finder):
    watching = watch(clip, finder)
    watching._file = OpenedFile(clip, LimitSettings(deadline_s=1e-9))
    notice = read(watching)
    assert notice.code == "blinks_unread"
    assert "took over" in notice.message


def test_watching_stops_when_asked(clip, finder):
    seen = []
    watching = watch(clip, finder, should_stop=lambda: len(seen) >= 3)
    with pytest.raises(Canceled):
        for done in watching.frames():
            seen.append(done)
    assert len(seen) == 3


def test_a_stretch_holds_the_frames_of_its_seconds_at_its_rate(clip):
    found = list(stretch_frames(clip, (2.0, 4.0), 0.2, SETTINGS.limits))
    assert [frame.time_s for frame in found] == pytest.approx(np.arange(2, 4, 0.2), abs=1e-3)
    assert [frame.index for frame in found] == list(range(30, 60, 3))
    assert list(stretch_frames(clip, (90.0, 95.0), 0.2, SETTINGS.limits)) == []


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((3.0, 9.0, 15.0, 90.0), (0.0, 20.0)),  # the person may be there before the first sighting
        ((10.0, 80.0, 86.0, 92.0), (74.0, 94.0)),
        ((50.0,), (30.0, 50.0)),
    ],
)
def test_the_stretch_is_where_a_person_is_sighted_most(clip, finder, times, expected):
    face = Face((0.0, 0.0, 9.0, 9.0), 1.0, np.zeros((5, 2), np.float32))
    info = probe(clip, SETTINGS.limits)
    info = type(info)(**{**vars(info), "duration_s": 100.0})
    found = busiest_stretch(tuple(sighting(at, face) for at in times), 20.0, info)
    assert found == pytest.approx(expected)


def test_a_mesh_gives_the_box_of_the_detector(finder):
    image = portrait()
    (face,) = finder.find(image)
    again = face_around(find_landmarks(image, face))
    assert overlap(again.box, face.box) > 0.8
    assert again.side_px == pytest.approx(face.side_px, rel=0.08)


def test_eyes_that_are_small_or_turned_away_are_not_judged(finder):
    image = portrait()
    mesh = find_landmarks(image, finder.find(image)[0])
    assert judgeable(mesh)
    assert not judgeable(mesh * 0.25)
    turned = mesh.copy()
    turned[1, 0] += 0.5 * np.ptp(mesh[[33, 263], 0])  # the tip of the nose, toward one side
    assert not judgeable(turned)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 10, 10), 1.0),
        ((5, 0, 15, 10), 1 / 3),
        ((20, 20, 30, 30), 0.0),
        ((0, 0, 10, 5), 0.5),
        ((3, 3, 3, 3), 0.0),
    ],
)
def test_overlap_is_intersection_over_union(other, expected):
    assert overlap((0, 0, 10, 10), other) == pytest.approx(expected)
    assert overlap(other, (0, 0, 10, 10)) == pytest.approx(expected)
