"""Find photographs that may show the same person, to be looked at before anything is split.

python -m trainer.portraits.duplicates --settings trainer/presets/demo.toml --out pairs.png

Cuts all faces of [data] photos and test_photos, compares them by features of an ImageNet network
on the gray face, and writes the most alike pairs as a contact sheet. No network here knows people;
it only shows where to look. What the eye finds goes into [data] same_person.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

from awarenet.errors import AwareNetError
from awarenet.settings import load_settings
from awarenet.zoo import adapt_spec, create_model, get_spec, preprocess
from trainer.extraction.crops import read_scene
from trainer.manifest import Row, read_manifest
from trainer.prepare import prepare
from trainer.settings import TrainerSettings
from trainer.starting_weights import load_starting_weights

FAMILY = "efficientnet_lite0"


def embed(rows: list[Row], root: Path, packages: Path) -> np.ndarray:
    """Describe faces: (N, D) float32 unit vectors; like faces have a large product."""
    model = create_model(FAMILY)
    load_starting_weights(model, FAMILY, packages)
    model.eval()
    spec = adapt_spec(get_spec(FAMILY), side=144)
    found = []
    for row in rows:
        scene, _ = read_scene(row, root)
        x0, y0, x1, y1 = (round(v) for v in row.box)
        gray = cv2.cvtColor(scene[max(y0, 0) : y1, max(x0, 0) : x1], cv2.COLOR_RGB2GRAY)
        face = cv2.cvtColor(cv2.resize(gray, (144, 144)), cv2.COLOR_GRAY2RGB)
        with torch.no_grad():
            images = preprocess(torch.from_numpy(face[None]), spec)
            grid = functional.adaptive_avg_pool2d(model.forward_features(images), (5, 4))
        found.append(grid.flatten().numpy())
    features = np.stack(found)
    features = (features - features.mean(0)) / np.maximum(features.std(0), 1e-3)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def closest_pairs(vectors: np.ndarray, count: int) -> list[tuple[int, int, float]]:
    """The `count` pairs of (N, D) unit vectors with the largest product: i < j, product."""
    products = np.triu(vectors @ vectors.T, k=1)
    order = np.argsort(-products, axis=None)[:count]
    rows, columns = np.unravel_index(order, products.shape)
    return [
        (int(i), int(j), float(products[i, j])) for i, j in zip(rows, columns, strict=True) if i < j
    ]


def contact_sheet(pairs: list[tuple[np.ndarray, np.ndarray]], across: int = 8) -> np.ndarray:
    """Lay pairs of (S, S, 3) uint8 RGB pictures out, 112 px each, `across` pairs a row."""
    tiles = [np.hstack([cv2.resize(one, (112, 112)) for one in pair]) for pair in pairs]
    while len(tiles) % across:
        tiles.append(np.zeros_like(tiles[0]))
    return np.vstack([np.hstack(tiles[i : i + across]) for i in range(0, len(tiles), across)])


def main() -> int:
    """Print the most alike pairs and write their contact sheet."""
    parser = argparse.ArgumentParser(
        "trainer.portraits.duplicates", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--out", type=Path, default=Path("pairs.png"))
    parser.add_argument("--count", type=int, default=48)
    args = parser.parse_args()
    try:
        settings = load_settings(args.settings, args.overrides, TrainerSettings)
        manifest = prepare(settings)
        rows = [row for row in read_manifest(manifest) if row.label == 0]
        packages = Path(settings.train.packages).expanduser()
        pairs = closest_pairs(embed(rows, manifest.parent, packages), args.count)
    except AwareNetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for number, (i, j, product) in enumerate(pairs):
        print(f"{number:3d} {product:.3f} {rows[i].clip} {rows[j].clip}")
    scenes = [
        (read_scene(rows[i], manifest.parent)[0], read_scene(rows[j], manifest.parent)[0])
        for i, j, _ in pairs
    ]
    cv2.imwrite(str(args.out), cv2.cvtColor(contact_sheet(scenes), cv2.COLOR_RGB2BGR))
    return 0


if __name__ == "__main__":
    sys.exit(main())
