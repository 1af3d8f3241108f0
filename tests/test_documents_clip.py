"""The annotated clip: the same frames at the same times, with the right boxes on them."""

import av
import cv2
import documented
import numpy as np
import pytest
from clips import LIMITS, SIZE, moving_face, read_number, set_display_matrix, write_clip
from PIL import Image

from awarenet import documents
from awarenet.documents.courses import Course
from awarenet.documents.marks import COLORS
from awarenet.errors import Canceled, SettingsError
from awarenet.explain import ENSEMBLE
from awarenet.pipeline import Analysis, Overlay
from awarenet.video import Frame

LEFT, RIGHT = (24.0, 50.0, 64.0, 95.0), (96.0, 50.0, 136.0, 95.0)  # boxes, px of a frame
SCALE = 4  # of a clip that is 160 px wide, which is enlarged to 640


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_face(24))


def annotate(path, analysis, target, **options):
    return documents.annotate(path, analysis, target, limits=LIMITS, **options)


def decoded(path):
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert not container.streams.audio
        return [frame.time for frame in frames], [f.to_ndarray(format="rgb24") for f in frames]


def picture(frame, size=SIZE):
    """Cut the strip off, and shrink to the clip's own size."""
    height = round(frame.shape[1] * size[1] / size[0])
    return cv2.resize(frame[:height], size, interpolation=cv2.INTER_AREA)


def edge_color(frame, box):
    """Give the color on the left edge of a box, in the middle of its height."""
    x, y = round(box[0] * SCALE), round((box[1] + box[3]) / 2 * SCALE)
    return frame[y - 4 : y + 4, x - 1 : x + 2].reshape(-1, 3).mean(0)


def one(path, box=LEFT, count=6, verdict="fake"):
    return documented.judged(path, {1: lambda index: box}, count, {1: verdict})


def test_every_frame_is_there_at_its_own_time(clip, tmp_path):
    times, frames = decoded(annotate(clip, one(clip), tmp_path / "out.mp4"))
    assert [read_number(picture(frame)) for frame in frames] == list(range(24))
    assert times == pytest.approx([index / 25 for index in range(24)], abs=1e-4)
    assert frames[0].shape[1] == SIZE[0] * SCALE


def test_a_variable_frame_rate_stays_in_time(tmp_path):
    due = [0, 40, 60, 400, 420, 1000, 1040, 1500]
    clip = write_clip(tmp_path / "clip.mp4", moving_face(len(due)), times_ms=due)
    times, frames = decoded(annotate(clip, one(clip, count=3), tmp_path / "out.mp4"))
    assert times == pytest.approx([ms / 1000 for ms in due], abs=1e-4)
    assert [read_number(picture(frame)) for frame in frames] == list(range(len(due)))


def test_a_clip_that_is_to_be_turned_comes_out_upright(tmp_path):
    clip = set_display_matrix(write_clip(tmp_path / "clip.mp4", moving_face(4)), 90)
    box = (30.0, 40.0, 90.0, 120.0)
    _, frames = decoded(annotate(clip, one(clip, box, count=4), tmp_path / "out.mp4"))
    shown = picture(frames[2], (SIZE[1], SIZE[0]))
    assert frames[2].shape[1] == SIZE[1] * SCALE
    assert read_number(np.ascontiguousarray(np.rot90(shown))) == 2
    assert np.abs(edge_color(frames[2], box) - COLORS["fake"]).max() < 60


def test_a_browser_can_begin_to_play_before_all_of_it_is_there(clip, tmp_path):
    content = annotate(clip, one(clip), tmp_path / "out.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_of_two_people_each_has_the_color_of_their_own_verdict(clip, tmp_path):
    places = {1: lambda index: LEFT, 2: lambda index: RIGHT}
    analysis = documented.judged(clip, places, 24, {2: "fake", 1: "real"})
    _, frames = decoded(annotate(clip, analysis, tmp_path / "out.mp4"))
    for box, verdict, other in ((LEFT, "real", "fake"), (RIGHT, "fake", "real")):
        found = edge_color(frames[12], box)
        near, far = (np.abs(found - COLORS[name]).sum() for name in (verdict, other))
        assert near < 90 < far


def test_somebody_who_goes_has_no_box_any_more(clip, tmp_path):
    places = {1: lambda index: LEFT, 2: lambda index: RIGHT if index < 8 else None}
    analysis = documented.judged(clip, places, 24, {1: "real", 2: "fake"})
    _, frames = decoded(annotate(clip, analysis, tmp_path / "out.mp4"))
    drawn = [np.abs(edge_color(f, RIGHT) - COLORS["fake"]).sum() < 90 for f in frames]
    assert drawn[:8] == [True] * 8
    assert not any(drawn[9:])


def test_a_heat_map_stands_beside_the_faces_around_its_moment(clip, tmp_path):
    plain = one(clip)
    moment = plain.report.people[0].timeline[2]
    red = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    red[..., 0] = 255
    overlay = Overlay(1, moment.frame, moment.time_s, ENSEMBLE, red)
    analysis = Analysis(plain.report, (overlay,))
    with_map = decoded(annotate(clip, analysis, tmp_path / "a.mp4", heat=True))[1]
    without = decoded(annotate(clip, analysis, tmp_path / "b.mp4"))[1]
    corner = with_map[moment.frame][40:80, -80:-40].reshape(-1, 3).mean(0)
    assert corner[0] > 200 and corner[1:].max() < 60
    assert np.abs(without[moment.frame][40:80, -80:-40].reshape(-1, 3).mean(0) - corner).max() > 50


def test_a_picture_becomes_a_jpeg(tmp_path):
    photo = tmp_path / "photo.png"
    Image.fromarray(next(moving_face(1))).save(photo)
    target = annotate(photo, one(photo, count=1), tmp_path / "out.jpg")
    with Image.open(target) as shown:
        assert (shown.format, shown.width) == ("JPEG", SIZE[0] * SCALE)
        drawn = np.asarray(shown.convert("RGB"))
    assert np.abs(edge_color(drawn, LEFT) - COLORS["fake"]).max() < 60


def test_a_large_clip_is_made_smaller(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", moving_face(2, size=(1920, 1080)))
    _, frames = decoded(annotate(clip, one(clip, count=2), tmp_path / "out.mp4"))
    assert frames[0].shape[1] == 1280


def test_stop_leaves_nothing_behind(clip, tmp_path):
    target = tmp_path / "out.mp4"
    target.write_bytes(b"of before")
    seen = []
    with pytest.raises(Canceled):
        annotate(
            clip, one(clip), target,
            should_stop=lambda: len(seen) >= 5, on_progress=lambda *step: seen.append(step),
        )  # fmt: skip
    assert seen == [(done, 24) for done in range(1, 6)]
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert target.read_bytes() == b"of before"


def test_another_file_than_the_one_that_was_analyzed_is_refused(clip, tmp_path):
    other = write_clip(tmp_path / "clip.mp4", moving_face(3))
    with pytest.raises(SettingsError, match="not the file that was analyzed"):
        annotate(other, one(clip), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def frame(index, time_s, shot=0):
    return Frame(index, time_s, shot, np.zeros((1, 1, 3), np.uint8))


def course(times_s, cuts_s=(), duration_s=12.0, frames=24):
    """Somebody who moves one px to the right a second, seen at some times; 10 frames a second."""
    timeline = [
        documented.moment(t, round(10 * t), 0.5, (t, 0.0, 10 + t, 20.0)) for t in times_s
    ]  # fmt: skip
    source = documented.video(duration_s=duration_s, frames_analyzed=frames, cuts_s=list(cuts_s))
    report = documented.report([documented.person(1, "fake", timeline)], input=source)
    return Course(report, report.people[0])


def lefts(course, seen):
    places = [course.at(each) for each in seen]
    return [None if place is None else round(place.box[0], 6) for place in places]


def test_boxes_between_two_analyzed_frames_move_evenly():
    followed = course([1.0, 1.5, 2.0])
    seen = [frame(index, index / 10) for index in range(10, 21)]
    places = [followed.at(each) for each in seen]
    assert [round(place.box[0], 6) for place in places] == [index / 10 for index in range(10, 21)]
    assert [place.analyzed for place in places] == [index % 5 == 0 for index in range(10, 21)]


def test_a_box_stands_for_half_a_step_around_its_frame_and_no_longer():
    followed = course([1.0])  # a step has 0.5 s
    seen = [frame(index, index / 10) for index in range(6, 15)]
    assert lefts(followed, seen) == [None, None, 1.0, 1.0, 1.0, 1.0, 1.0, None, None]


def test_no_box_is_carried_over_a_cut():
    followed = course([1.0, 1.5], cuts_s=[1.5])
    seen = [frame(index, index / 10, shot=int(index >= 12)) for index in range(10, 17)]
    assert lefts(followed, seen) == [1.0, 1.0, None, None, None, 1.5, 1.5]


def test_boxes_that_are_far_apart_in_time_are_not_joined():
    followed = course([10.0, 15.0], duration_s=120.0)  # a step has 5 s
    seen = [frame(100, 10.0), frame(104, 10.4), frame(125, 12.5), frame(150, 15.0)]
    assert lefts(followed, seen) == [10.0, 10.0, None, 15.0]
