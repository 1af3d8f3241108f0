"""One clip becomes crops of the right face, or a reason; never an error."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from face_clips import SMALL, beside, describe, film, person, show
from PIL import Image

from awarenet.errors import SettingsError
from awarenet.faces import Face, create_face_finder, crop_face
from awarenet.settings import FaceSettings, LimitSettings
from awarenet.video import probe, sample_frames
from trainer.extraction import extract
from trainer.extraction.extract import ExtractSettings, choose_masked, encode, extract_clip

LIMITS = LimitSettings()
LARGE, LITTLE = 160, 112  # px of two people's pictures; their faces have half of that


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def pair(folder) -> Path:
    """A large person at the left, a little one at the right."""
    return film(folder / "pair.mp4", beside(person(0, LARGE), person(1, LITTLE)))


def settings(**changes: object) -> ExtractSettings:
    return dataclasses.replace(SMALL, **changes)


def decode(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def mask_clip(path: Path, rectangle: tuple[float, float], *, frames: int = 6, scale: float = 1):
    """White from one share of the width to another, black elsewhere; 272 x 160 px, or scaled."""
    width, height = int((LARGE + LITTLE) * scale), int(LARGE * scale)
    image = np.zeros((height, width, 3), np.uint8)
    image[:, int(rectangle[0] * width) : int(rectangle[1] * width)] = 255
    return show(path, [image] * frames)


def test_a_crop_is_the_face_with_its_margin_and_nothing_is_lost_in_a_png(pair):
    wanted = settings(format="png", side=96, margin=0.5, frames_real=2)
    done = extract_clip(describe(pair), wanted)
    finder = create_face_finder()
    for crop, frame in zip(
        done.crops, sample_frames(pair, probe(pair, LIMITS), 2, LIMITS), strict=True
    ):
        face = max(finder.find(frame.image), key=lambda face: face.side_px)
        expected = crop_face(frame.image, face.box, margin=0.5, side=96)
        assert np.array_equal(decode(crop.data), expected)
        assert crop.sha256 == hashlib.sha256(expected.tobytes()).hexdigest()
        assert (crop.frame, crop.time_s, crop.suffix) == (frame.index, frame.time_s, ".png")
        width, height = crop.box[2] - crop.box[0], crop.box[3] - crop.box[1]
        assert max(width, height) == pytest.approx(96 / 2)  # a margin of 0.5 on both sides
        assert crop.face_px == pytest.approx(face.side_px, abs=0.1)
        assert np.mean([crop.box[0], crop.box[2]]) == pytest.approx(48)
        assert np.mean([crop.box[1], crop.box[3]]) == pytest.approx(48)
        eyes = np.array(crop.landmarks).reshape(5, 2)[:2]
        scale = 48 / face.side_px
        assert eyes[1] - eyes[0] == pytest.approx((face.landmarks[1] - face.landmarks[0]) * scale)
        assert crop.box[0] < eyes[0, 0] < 48 < eyes[1, 0] < crop.box[2]
        assert (eyes[:, 1] < 48).all()


def test_a_jpeg_has_quality_95(pair):
    (crop,) = extract_clip(describe(pair), settings(frames_real=1)).crops
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=95)
    expected = Image.open(buffer).quantization
    stored = Image.open(io.BytesIO(crop.data))
    assert stored.quantization == expected
    assert (crop.suffix, stored.size) == (".jpg", (64, 64))


def test_real_and_fake_clips_give_as_many_frames_as_asked_for(pair):
    wanted = settings(
        frames_real=9, frames_fake=2
    )  # it has 6, of which 1 and 4 are the middles of its halves
    assert [crop.frame for crop in extract_clip(describe(pair), wanted).crops] == [0, 1, 2, 3, 4, 5]
    assert [crop.frame for crop in extract_clip(describe(pair, label=1), wanted).crops] == [1, 4]


def test_real_and_fake_clips_give_a_frame_every_so_often_where_that_is_asked(pair):
    wanted = settings(frames_real=1, frames_fake=2, every_s=0.25)  # it has 6 frames, 8 a second
    for label in (0, 1):
        crops = extract_clip(describe(pair, label=label), wanted).crops
        assert [(crop.frame, crop.time_s) for crop in crops] == [(0, 0.0), (2, 0.25), (4, 0.5)]


def test_of_a_frame_the_largest_face_is_taken_or_all_that_are_large_enough(pair):
    def taken(**changes):
        crops = extract_clip(describe(pair), settings(frames_real=1, **changes)).crops
        return [crop.face for crop in crops], {crop.sha256 for crop in crops}

    faces, largest = taken()
    assert faces == [0]
    faces, both = taken(faces="all")
    assert faces == [0, 1]
    assert largest < both
    assert taken(faces="all", min_face_px=70) == ([0], largest)


def test_a_face_that_is_too_small_is_the_reason(pair):
    done = extract_clip(describe(pair), settings(min_face_px=200))
    assert (done.crops, done.reason) == ((), "faces_too_small")
    assert "at least 200 are wanted" in done.detail


@pytest.mark.parametrize("faces", ["largest", "all"])
@pytest.mark.parametrize("scale", [1, 0.5])
def test_the_mask_says_which_face_of_a_fake_was_manipulated(pair, tmp_path, faces, scale):
    def taken(rectangle, label):
        mask = mask_clip(tmp_path / f"{rectangle[0]}.mp4", rectangle, scale=scale)
        clip = describe(pair, label=label, mask=mask)
        return [c.sha256 for c in extract_clip(clip, settings(frames_fake=2, faces=faces)).crops]

    left = taken((0.1, 0.4), 1)
    right = taken((0.6, 1), 1)
    everybody = settings(frames_fake=2, faces="all")
    together = extract_clip(describe(pair, label=1), everybody).crops
    assert left == [crop.sha256 for crop in together if crop.face == 0]
    assert right == [crop.sha256 for crop in together if crop.face == 1]
    real = taken((0.6, 1), 0)
    assert len(real) == (3 if faces == "largest" else 6)  # a real clip has nothing to be masked


def test_frames_that_the_mask_leaves_black_or_does_not_reach_are_passed_over(pair, tmp_path):
    wanted = settings(frames_fake=6)
    short = mask_clip(tmp_path / "short.mp4", (0, 0.5), frames=2)
    done = extract_clip(describe(pair, label=1, mask=short), wanted)
    assert [crop.frame for crop in done.crops] == [0, 1]
    black = mask_clip(tmp_path / "black.mp4", (0, 0))
    done = extract_clip(describe(pair, label=1, mask=black), wanted)
    assert (done.crops, done.reason) == ((), "not_in_mask")
    assert done.detail == "black.mp4 marks no face in any of 6 frames"


def test_a_mask_that_cannot_be_read_is_the_reason(pair, tmp_path):
    done = extract_clip(describe(pair, label=1, mask=tmp_path / "gone.mp4"), SMALL)
    assert (done.crops, done.reason) == ((), "unreadable")
    assert "gone.mp4" in done.detail


def test_the_densest_mask_decides_not_the_largest_patch():
    def face(*box):
        return Face(box, 0.9, np.zeros((5, 2), np.float32))

    mask = np.zeros((50, 100), np.float32)  # half as large as the frame
    mask[0:20, 0:40] = 0.4  # 800 px that are a little gray
    mask[0:5, 60:70] = 1.0  # 50 px of white
    one, other = face(0, 0, 80, 40), face(120, 0, 140, 20)  # means 0.4 and 0.5
    assert choose_masked([one, other], (200, 100), mask) is other
    assert choose_masked([one], (200, 100), mask) is one
    beyond = face(-50, -50, 10, 10), face(300, 300, 320, 320)
    assert choose_masked(beyond, (200, 100), mask) is beyond[0]
    assert choose_masked(beyond[1:], (200, 100), mask) is None
    assert choose_masked([face(0, 60, 80, 90)], (200, 100), mask) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.mp4", "unreadable"),
        ("empty.mp4", "unreadable"),
        ("noise.mp4", "unreadable"),
        ("cut.mp4", "unreadable"),
        ("notes.txt", "unsupported"),
        ("wall.mp4", "no_face"),
        ("noise.png", "unreadable"),
    ],
)
def test_what_is_wrong_with_a_clip_is_listed_and_never_raised(pair, tmp_path, name, reason):
    path = tmp_path / name
    if name == "wall.mp4":
        film(path, np.full((64, 64, 3), 90, np.uint8))
    elif name == "cut.mp4":
        path.write_bytes(pair.read_bytes()[:700])
    elif name != "missing.mp4":
        path.write_bytes(b"" if name == "empty.mp4" else b"no clip " * 100)
    done = extract_clip(describe(path), SMALL)
    assert (done.clip, done.crops, done.reason) == (f"drawn-{path.stem}", (), reason)
    assert done.detail
    assert "\n" not in done.detail


def test_a_clip_over_a_limit_is_listed(pair):
    for limits, reason in (
        (LimitSettings(max_bytes=100), "too_large"),
        (LimitSettings(max_pixels=100), "too_large"),
        (LimitSettings(max_frames_walked=2), "too_long"),
        (LimitSettings(deadline_s=1e-9), "timeout"),
    ):
        assert extract_clip(describe(pair), settings(limits=limits)).reason == reason


def test_what_nobody_foresaw_is_listed_too(pair, monkeypatch):
    def fail(*_, **__):
        raise cv2.error("an odd size")

    monkeypatch.setattr(extract, "crop_face", fail)
    done = extract_clip(describe(pair), SMALL)
    assert (done.crops, done.reason, done.detail) == ((), "error", "error: an odd size")


def test_a_detector_that_is_not_there_ends_the_run(pair, tmp_path):
    lacking = FaceSettings(
        detector="retinaface-resnet50", detector_weights=str(tmp_path / "gone.onnx")
    )
    with pytest.raises(SettingsError, match="no weights for retinaface-resnet50"):
        extract_clip(describe(pair), settings(detector=lacking))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".pgm"])
def test_a_photograph_is_a_clip_of_one_frame(tmp_path, suffix):
    path = tmp_path / f"photo{suffix}"
    image = cv2.cvtColor(person(3), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), image if suffix != ".pgm" else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    (crop,) = extract_clip(describe(path), settings(format="png", mesh=True)).crops
    assert (crop.frame, crop.face, crop.time_s) == (0, 0, 0.0)
    assert crop.mesh.shape == (468, 2)
    assert crop.mesh.dtype == np.float32
    eyes = np.array(crop.landmarks).reshape(5, 2)[:2]
    inner_and_outer = crop.mesh[[33, 133, 362, 263]].reshape(2, 2, 2)  # FaceMesh's eye corners
    assert np.abs(inner_and_outer.mean(axis=1) - eyes).max() < 4
    assert extract_clip(describe(path), settings()).crops[0].mesh is None


def test_pictures_cut_out_earlier_are_taken_whole_and_evenly(tmp_path):
    paths = []
    for number in range(7):
        picture = np.full((90, 90, 3), 20 * number, np.uint8)
        picture[:, :3] = 255
        paths.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(paths[-1]), picture)
    clip = describe(tmp_path, pictures=tuple(paths))
    done = extract_clip(clip, settings(side=90, format="png", frames_real=3))
    assert [crop.frame for crop in done.crops] == [1, 3, 5]
    for crop in done.crops:
        assert np.array_equal(decode(crop.data), cv2.imread(str(paths[crop.frame])))
        assert crop.box == pytest.approx((15, 15, 75, 75))  # 60 px, and 0.25 of that around it
        assert (crop.landmarks, crop.mesh, crop.time_s) == ((), None, 0.0)
    assert len(extract_clip(clip, settings(frames_real=50)).crops) == 7


def test_a_picture_that_is_not_square_keeps_its_shape(tmp_path):
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:] = np.arange(40, dtype=np.uint8)[:, None, None] * 6
    cv2.imwrite(str(tmp_path / "wide.png"), picture)
    clip = describe(tmp_path, pictures=(tmp_path / "wide.png",))
    (crop,) = extract_clip(clip, settings(side=80, format="png")).crops
    image = decode(crop.data)
    assert np.array_equal(image[20:60], picture)
    assert (image[:20] == picture[0]).all()  # its edges, repeated
    assert (image[60:] == picture[-1]).all()
    assert crop.box == pytest.approx((80 / 6, 40 - 40 / 3, 80 * 5 / 6, 40 + 40 / 3))


def test_a_broken_picture_is_the_reason(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    done = extract_clip(describe(tmp_path, pictures=(tmp_path / "broken.png",)), SMALL)
    assert (done.crops, done.reason) == ((), "unreadable")


def test_encoding_again_gives_the_same_bytes():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    for form in ("jpeg", "png"):
        assert encode(image, form) == encode(image.copy(), form)
