"""Clips for benchmarks: people who move, in H.264, as large and as long as is asked for."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

PHOTOS = Path(__file__).resolve().parent.parent / "tests" / "photos"
BASE_S, FPS = 10, 25  # of the clip that is repeated
ENCODER = {"preset": "veryfast", "crf": "23", "g": "50"}  # a key frame every two seconds


def film(path: Path, height: int, people: int) -> None:
    """Write a clip whose end leads back to its beginning: heads that move, a hand-held camera."""
    width, side = round(height * 16 / 9 / 2) * 2, round(height * (0.6 if people == 1 else 0.42))
    photos = [cv2.imread(str(PHOTOS / name)) for name in ("astronaut.jpg", "hopper.jpg")]
    part = len(photos[0]) * 3 // 5  # px; the first one's face is smaller than the other's
    photos[0] = photos[0][:part, part // 3 : part // 3 + part]
    heads = [cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA) for photo in photos]
    heads += [head[:, ::-1] for head in heads]
    rng, wide = np.random.default_rng(0), np.full((height * 5 // 4, width * 5 // 4, 3), 120.0)
    for cells, contrast in ((6, 40), (60, 12)):  # a room out of focus, and what stands in it
        spots = rng.normal(0, contrast, (cells, cells * 2, 3))
        wide += cv2.resize(spots, wide.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    grain = rng.integers(-6, 7, (8, height, width, 1), np.int16)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(BASE_S * FPS):
            turn = 2 * np.pi * number / (BASE_S * FPS)
            left = round((1 + np.cos(5 * turn)) * width / 100)
            top = round((1 + np.sin(7 * turn)) * height / 100)
            image = wide[top : top + height, left : left + width].astype(np.int16)
            for place, head in enumerate(heads[:people]):
                x = width * (place + 0.5) / people + 0.02 * side * np.sin(8 * turn + place)
                y = height / 2 + 0.02 * side * np.cos(11 * turn + place)
                x0 = int(np.clip(x - side / 2, 0, width - side))
                y0 = int(np.clip(y - side / 2, 0, height - side))
                image[y0 : y0 + side, x0 : x0 + side] = head
            image = np.clip(image + grain[number % len(grain)], 0, 255).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        out.mux(stream.encode())


def repeat(path: Path, target: Path, times: int) -> Path:
    """Play a clip again and again, as it is stored: packets are copied, nothing is encoded."""
    with av.open(str(target), "w") as out:
        written = None
        for turn in range(times):
            with av.open(str(path)) as source:
                stream = source.streams.video[0]
                written = written or out.add_stream_from_template(stream)
                later = turn * stream.duration
                for packet in source.demux(stream):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + later, packet.dts + later
                    packet.stream = written
                    out.mux(packet)
    return target
