"""Answers to the examples, worked out ahead: `python -m awarenet.answers` writes them.

A file an example, in the layout of `analyses.py`, but small enough for a repository: pictures are
compressed, and frames without a heat map have half their size, so that what is drawn on them anew
may differ by a shade. An answer counts only for the same file, bundle and settings; with which
packages it was made stands in its report.

Shapes: T frames of one person, S side of a crop, H and W of a picture, px.
"""

from __future__ import annotations

import dataclasses
import io
import logging
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

import awarenet
from awarenet.analyses import key_of, read_analysis, write_analysis
from awarenet.explain import Preview
from awarenet.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from awarenet.pipeline import Analysis, Detector
from awarenet.settings import ROOT

logger = logging.getLogger(__name__)

EXAMPLES = ROOT / "assets" / "examples"
FOLDER = "answers"  # in the examples' folder
QUALITY = 70  # of WebP and JPEG, 0-100; five examples take under 5 MB together
_NOT_IN_A_SCORE = {"app", "runtime", "model"}  # where it ran, and what the bundle's hash says


def answer_key(path: str | Path, detector: Detector) -> str:
    """Name what an answer worked out ahead is for: 64 hex digits.

    Raises:
        OSError: The file cannot be read.
    """
    return key_of(path, detector, _NOT_IN_A_SCORE)


def find_answer(folder: str | Path, path: str | Path, detector: Detector) -> Analysis | None:
    """Give the answer on a file that was worked out ahead; None where there is none that fits.

    Args:
        folder: Of such answers; it may be missing.
        path: An example, wherever it was copied to.
        detector: With the settings that are asked for.
    """
    place = Path(folder) / f"{Path(path).stem}.zip"
    if not place.is_file():
        return None
    try:
        with zipfile.ZipFile(place) as entry:
            if entry.read("key").decode() != answer_key(path, detector):
                return None
            return read_analysis(entry, _pictures)
    except Exception:  # whatever a broken file, or one of another version, makes the readers raise
        logger.warning("an answer worked out ahead cannot be read: %s", place, exc_info=True)
        return None


def write_answer(folder: str | Path, path: str | Path, detector: Detector) -> Path:
    """Analyze a file and write the answer; gives the file written. Raises as `Detector.run`."""
    analysis = detector.examine(path)
    drawn = {each.frame for each in analysis.overlays}
    lighter = {
        frame: _lighter(preview, halved=frame not in drawn)
        for frame, preview in analysis.previews.items()
    }
    analysis = dataclasses.replace(analysis, previews=lighter)
    place = Path(folder) / f"{Path(path).stem}.zip"
    place.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as entry:
        entry.writestr("key", answer_key(path, detector))
        write_analysis(entry, analysis, _put_pictures)
    return place


def _lighter(preview: Preview, halved: bool) -> Preview:
    buffer = io.BytesIO()
    image, scale = Image.fromarray(preview.image()), preview.scale
    if halved:
        image, scale = image.reduce(2), scale / 2
    image.save(buffer, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return Preview(buffer.getvalue(), scale)


def _put_pictures(entry: zipfile.ZipFile, name: str, pictures: np.ndarray) -> None:
    """Write (H, W, 3), or (T, S, S, 3) one below the other, uint8 RGB."""
    buffer = io.BytesIO()
    image = Image.fromarray(pictures.reshape(-1, *pictures.shape[-2:]))
    image.save(buffer, "WEBP", quality=QUALITY, method=6)
    entry.writestr(f"{name}.webp", buffer.getvalue())


def _pictures(entry: zipfile.ZipFile, name: str) -> np.ndarray:
    with Image.open(io.BytesIO(entry.read(f"{name}.webp")), formats=["WEBP"]) as image:
        pictures = np.array(image.convert("RGB"))
    if name.startswith("faces/"):
        pictures = pictures.reshape(-1, image.width, image.width, 3)
    return pictures


def main() -> None:
    """Write the answers to the examples that ship, by the bundle and the settings that ship."""
    detector = awarenet.load_detector()
    for path in sorted(EXAMPLES.iterdir()):
        if path.suffix.lower() in {*VIDEO_SUFFIXES, *IMAGE_SUFFIXES}:
            place = write_answer(EXAMPLES / FOLDER, path, detector)
            print(f"{place.relative_to(ROOT)}: {place.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
