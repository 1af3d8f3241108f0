"""Files that are not as they should be, and photographs: what is said about them.

No bad file may crash us, hang us, fill the memory or make us read another file.
"""

import time
from pathlib import Path

import numpy as np
import pytest
from clips import (
    LIMITS,
    damage,
    moving_face,
    numbers,
    read,
    set_color_matrix,
    truncate,
    write_clip,
    write_playlist,
    write_sound,
    write_without_frames,
)
from PIL import Image

from awarenet.errors import MediaError
from awarenet.settings import LimitSettings
from awarenet.video import probe, sample_frames


def status_of(path: Path, limits: LimitSettings = LIMITS) -> str:
    with pytest.raises(MediaError) as caught:
        read(path, limits=limits)
    assert path.name in str(caught.value)
    assert str(path.parent) not in str(caught.value)
    return caught.value.status


def test_every_bad_file_has_its_own_status(tmp_path):
    good = write_clip(tmp_path / "good.mp4", moving_face(10))
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.mp4"
    empty.touch()
    text.write_text("no video at all\n" * 100)
    assert status_of(tmp_path / "absent.mp4") == "unreadable"
    assert status_of(empty) == "unreadable"
    assert status_of(text) == "unreadable"
    assert status_of(write_without_frames(tmp_path / "none.mp4")) == "unreadable"
    assert status_of(write_without_frames(tmp_path / "none.avi")) == "unreadable"
    assert status_of(write_sound(tmp_path / "sound.mp4")) == "unsupported"
    assert status_of(write_sound(tmp_path / "song.mp4", cover=True)) == "unsupported"
    assert status_of(good.rename(tmp_path / "good.txt")) == "unsupported"


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list.mkv", "list.gif"])
def test_a_playlist_cannot_make_us_read_another_file(tmp_path, name):
    secret = write_clip(tmp_path / "secret.mp4", moving_face(10))
    assert status_of(write_playlist(tmp_path / name, secret)) in {"unsupported", "unreadable"}


def test_a_clip_over_a_limit_says_which(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", moving_face(50))
    assert status_of(path, LimitSettings(max_bytes=1000)) == "too_large"
    assert status_of(path, LimitSettings(max_side=159)) == "too_large"
    assert status_of(path, LimitSettings(max_pixels=160 * 120 - 1)) == "too_large"
    assert status_of(path, LimitSettings(max_seconds=1.9)) == "too_long"
    assert status_of(path, LimitSettings(max_frames_walked=49)) == "too_long"
    exact = LimitSettings(max_seconds=2, max_frames_walked=50, max_side=160, max_pixels=160 * 120)
    assert len(read(path, limits=exact)[1]) == 8


def test_a_stream_that_grows_over_the_limits_is_refused_there(tmp_path):
    frames = [*moving_face(10), *moving_face(10, size=(320, 240), first=10)]
    path = write_clip(tmp_path / "grows.webm", frames, codec="libvpx")
    assert [frame.image.shape[0] for frame in read(path, 20)[1]] == [120] * 10 + [240] * 10
    limits = LimitSettings(max_side=200)
    given_frames = sample_frames(path, probe(path, limits), 20, limits)
    assert [next(given_frames).index for _ in range(10)] == list(range(10))
    with pytest.raises(MediaError, match="320x240") as caught:
        next(given_frames)
    assert caught.value.status == "too_large"


@pytest.mark.parametrize(
    "suffix, codec", [("mkv", "libx264"), ("webm", "libvpx"), ("avi", "mpeg4")]
)
def test_a_clip_that_breaks_off_gives_what_it_has(tmp_path, suffix, codec):
    path = write_clip(tmp_path / f"broken.{suffix}", moving_face(100), codec=codec)
    info, frames = read(truncate(path, 0.6), 8)
    assert 10 < info.frame_count < 90
    assert len(frames) >= 6
    assert numbers(frames) == [frame.index for frame in frames]


def test_a_clip_without_its_index_is_unreadable(tmp_path):
    path = write_clip(tmp_path / "broken.mp4", moving_face(50))
    assert status_of(truncate(path, 0.8)) == "unreadable"


def test_damaged_packets_are_passed_over(tmp_path):
    path = write_clip(
        tmp_path / "scratched.mov", moving_face(60), codec="mjpeg", pix_fmt="yuvj420p"
    )
    frames = read(damage(path, 0.4, 0.6), 60)[1]
    found = numbers(frames)
    assert found[0] == 0 and found[-1] == 59
    assert 40 <= len(frames) < 60
    assert [round(frame.time_s * 25) for frame in frames] == found


def test_a_clip_of_noise_is_unreadable(tmp_path):
    path = write_clip(tmp_path / "noise.mp4", moving_face(20), options={"movflags": "faststart"})
    start = path.read_bytes().index(b"mdat") / path.stat().st_size
    assert status_of(damage(path, start + 0.01, 1.0)) == "unreadable"


def test_colors_that_cannot_be_shown_are_said_to_be_so(tmp_path):
    path = write_clip(tmp_path / "plain.mkv", moving_face(5))
    assert status_of(set_color_matrix(path, tmp_path / "odd.mkv", 8)) == "unsupported"


# Photographs


def test_a_photograph_is_one_frame(tmp_path):
    image = next(moving_face(1))
    for name, codec in [("a.png", "png"), ("a.bmp", "bmp"), ("a.jpg", "jpeg"), ("a.webp", "webp")]:
        Image.fromarray(image).save(tmp_path / name)
        info, frames = read(tmp_path / name)
        assert (info.kind, info.codec, info.frame_count, info.duration_s) == ("image", codec, 1, 0)
        assert (frames[0].index, frames[0].time_s, frames[0].shot) == (0, 0.0, 0)
        assert np.abs(frames[0].image.astype(int) - image).mean() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_shown_as_its_camera_was_held(tmp_path, orientation):
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:20, :30], upright[:20, 30:], upright[20:, :30] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    undo = {2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1]}
    undo |= {5: lambda x: x.swapaxes(0, 1), 6: lambda x: np.rot90(x)}
    undo |= {7: lambda x: x[::-1, ::-1].swapaxes(0, 1), 8: lambda x: np.rot90(x, -1)}
    stored = np.ascontiguousarray(undo.get(orientation, lambda x: x)(upright))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "photo.png", exif=exif)
    info, frames = read(tmp_path / "photo.png")
    np.testing.assert_array_equal(frames[0].image, upright)
    assert (info.width, info.height) == (60, 40)
    assert info.rotation_deg % 180 == (90 if orientation > 4 else 0)


def test_sixteen_bit_gray_keeps_its_shades(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64)
    Image.fromarray(ramp.astype(np.uint16)).save(tmp_path / "ramp.png")
    image = read(tmp_path / "ramp.png")[1][0].image
    assert np.abs(image[..., 0] - ramp / 257).max() <= 1


def test_a_bad_photograph_has_its_own_status(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(next(moving_face(1))).save(path)
    assert status_of(path, LimitSettings(max_photo_pixels=100)) == "too_large"
    assert status_of(truncate(path, 0.5)) == "unreadable"
    path.write_text("no picture")
    assert status_of(path) == "unreadable"
    (tmp_path / "evil.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    assert status_of(tmp_path / "evil.png") == "unreadable"


def test_a_huge_photograph_is_refused_before_it_is_unpacked(tmp_path):
    Image.new("1", (15_000, 15_000)).save(tmp_path / "bomb.png")
    start = time.process_time()
    assert status_of(tmp_path / "bomb.png") == "too_large"
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("named", "holds"),
    [("a.avi", "MP4"), ("a.jpg", "MP4"), ("a.mp4", "PNG"), ("a.png", "JPEG"), ("a.gif", "WebP")],
)
def test_a_name_has_to_agree_with_what_is_in_the_file(tmp_path, named, holds):
    path = tmp_path / named
    if holds == "MP4":
        write_clip(tmp_path / "b.mp4", [np.zeros((48, 64, 3), np.uint8)] * 3).rename(path)
    else:
        with path.open("wb") as file:
            Image.new("RGB", (8, 8)).save(file, holds)
    with pytest.raises(MediaError, match=f"named like {path.suffix} but holds {holds}") as found:
        probe(path, LimitSettings())
    assert found.value.status == "unsupported"
