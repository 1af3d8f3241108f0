"""How long do the eyes of a clip take: to read its blinks, and to go through the LRCN?

python benchmarks/eyes.py            a clip of 20 s
python benchmarks/eyes.py --short    a clip of 6 s, a smaller LRCN
python benchmarks/eyes.py --clip PATH

The clip is one of our own, played again and again. The LRCN has random weights: nothing here says
how well it judges. The eyes go through it in one call, next to the same eyes window by window, as
published. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a plain call knows its own folder

import awarenet  # noqa: E402
from awarenet.landmarks import cut_eyes, find_landmarks, trace_eyelids  # noqa: E402
from awarenet.nets.lrcn import STRIDE, WINDOW, Lrcn, closed_logits  # noqa: E402
from awarenet.settings import load_settings  # noqa: E402
from awarenet.video import probe, sample_frames  # noqa: E402

OWN = ROOT / "assets" / "examples" / "genuine.mp4"


def play_again(path: Path, target: Path, seconds: float) -> None:
    """Write a clip that repeats another one until it is long enough."""
    with av.open(str(path)) as source:
        rate = source.streams.video[0].average_rate
        frames = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
    with av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number in range(round(seconds * rate)):
            image = frames[number % len(frames)]
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode())


def eyes_of(path: Path, count: int) -> torch.Tensor:
    """(2, count, 3, 224, 224) float32 BGR in 0..255, the eyes of the one person of a clip."""
    settings = load_settings()
    finder = awarenet.load_detector().finder
    pairs = []
    for frame in sample_frames(path, probe(path, settings.limits), count, settings.limits):
        face = max(finder.find(frame.image), key=lambda one: one.side_px)
        lids = trace_eyelids(frame.image, find_landmarks(frame.image, face))
        pairs.append(cut_eyes(frame.image, lids)[..., ::-1])
    eyes = np.stack(pairs, axis=1)  # (2, M, 224, 224, 3)
    return torch.from_numpy(np.ascontiguousarray(eyes)).permute(0, 1, 4, 2, 3).float()


@torch.no_grad()
def window_by_window(network: Lrcn, eyes: torch.Tensor) -> None:
    """Judge each window of each eye by itself; frames that two windows share are seen twice."""
    for eye in eyes:
        for start in range(0, max(len(eye) - WINDOW, 0) + STRIDE, STRIDE):
            part = eye[start : start + WINDOW][None]
            network(part, torch.tensor([part.shape[1]]))


def seconds_of(call) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Time both and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a clip of 6 s, a smaller LRCN")
    parser.add_argument("--clip", type=Path, help="a clip of one person instead")
    args = parser.parse_args()
    length = 6.0 if args.short else 20.0
    with tempfile.TemporaryDirectory(prefix="awarenet-") as folder:
        clip = args.clip or Path(folder) / "clip.mp4"
        if not args.clip:
            play_again(OWN, clip, length)
        plain = awarenet.load_detector()
        watching = plain.with_settings(blinks={"enabled": True})
        plain.analyze(clip)  # the first one loads libraries
        without, together = (seconds_of(lambda d=d: d.analyze(clip)) for d in (plain, watching))
        fps = watching.settings.blinks.frames_per_second
        eyes = eyes_of(clip, 30 if args.short else round(length * fps))
    torch.manual_seed(0)
    network = Lrcn(hidden=256 if args.short else 4096).eval()
    one_call = seconds_of(lambda: closed_logits(network, eyes))
    apart = seconds_of(lambda: window_by_window(network, eyes))
    result = {
        "clip_s": length,
        "analysis_s": round(without, 2),
        "with_blinks_s": round(together, 2),
        "eyes": eyes.shape[0] * eyes.shape[1],
        "lrcn_one_call_s": round(one_call, 2),
        "lrcn_by_window_s": round(apart, 2),
        "lrcn_speedup": round(apart / one_call, 2),
    }
    for name, value in result.items():
        print(f"{name:18} {value:>10}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
