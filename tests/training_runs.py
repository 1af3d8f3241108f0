"""Small trainings for the tests: settings on prepared patterns, and crops and a network drawn here.

`python tests/training_runs.py JOB…`, settings as JSON, trains the first member of each; under
`torchrun` all processes do it together.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # as pytest does; a plain call knows its own folder only

from accelerate import Accelerator  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from trainer.batches.samples import Batch  # noqa: E402
from trainer.experiments import Experiment  # noqa: E402
from trainer.settings import TrainerSettings, TrainSettings  # noqa: E402
from trainer.training.loop import run  # noqa: E402
from trainer.training.losses import member_loss  # noqa: E402
from trainer.training.member import train_member  # noqa: E402
from trainer.training.optimizers import network_groups  # noqa: E402
from trainer.training.validation import Validation  # noqa: E402

FAMILIES = ("test_efficientnet", "test_resnet")
SIDE = 16  # px of drawn crops
MEMBER = {
    "start": "random",
    "steps": 5,
    "batch": 4,
    "check_every": 2,
    "learning_rate": 2e-3,
    "dropout": 0.3,
    "ema": 0.9,
}
SMALL = {"steps": 6, "batch": 4, "check_every": 2, "learning_rate": 0.01, "precision": "float32"}


def experiment_in(folder: Path, manifest: Path, **train: object) -> Experiment:
    """An experiment of two families of two members, in a folder, on patterns that lie elsewhere."""
    return Experiment(settings_in(folder, manifest, **train), "all", "none")


def capsule_in(folder: Path, manifest: Path, **train: object) -> Experiment:
    """An experiment of one capsule network on small crops."""
    settings = experiment_in(folder, manifest, **train).settings
    own = {"families": ("capsule",), "members": 1, "side": 48}
    ensemble = settings.ensemble.model_copy(update=own)
    return Experiment(settings.model_copy(update={"ensemble": ensemble}), "all", "none")


def settings_in(folder: Path, manifest: Path, **train: object) -> TrainerSettings:
    """Settings of a run in a folder, whose crops are links to those of a manifest."""
    folder.mkdir(exist_ok=True)
    for path in manifest.parent.iterdir():
        if path.is_file() and not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    return TrainerSettings.model_validate(
        {
            "data": {"run": str(folder)},
            "train": {**MEMBER, **train},
            "ensemble": {"families": FAMILIES, "members": 2},
        }
    )


class Drawn:
    """Training crops as `Samples` gives them, but of noise; fakes are brighter."""

    batches_per_epoch = 4

    def __init__(self, size: int = 4, seed: int = 0):
        self.size, self.seed = size, seed

    def batch(self, number: int) -> Batch:
        """The batch of a number."""
        rng = np.random.default_rng([self.seed, number])
        labels = np.tile(np.array([0, 1], np.float32), self.size // 2)
        crops = rng.integers(0, 200, (self.size, SIDE, SIDE, 3)) + 55 * labels[:, None, None, None]
        clips = tuple(f"clip-{number}-{place}" for place in range(self.size))
        return Batch(crops.astype(np.uint8), labels, np.ones(self.size, np.float32), clips)

    def follow(self, numbers: Sequence[int], loaders: int) -> Iterator[Batch]:
        """Batches of these numbers."""
        return map(self.batch, numbers)


class Small(nn.Module):
    """A network with a batch norm, for drawn crops."""

    def __init__(self, norm: bool = True, dropout: float = 0.0):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=4, bias=not norm),
            nn.BatchNorm2d(4) if norm else nn.Identity(),
            nn.ReLU(),
        )
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(4, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """Map (B, S, S, 3) uint8 crops to (B,) logits."""
        features = self.body(crops.permute(0, 3, 1, 2).float() / 255).mean(dim=(2, 3))
        return self.fc(self.drop(features)).flatten()


def small_validation() -> Validation:
    """Crops of other numbers than those trained on."""
    batch = Drawn(32, seed=1).batch(0)
    return Validation(batch.crops, batch.labels)


def train_small(
    module: Small, folder: Path, samples: object = None, track: object = None, **train: object
) -> dict:
    """Run the loop on a small network; gives the weights that it would keep."""
    folder.mkdir(exist_ok=True)
    settings = TrainSettings(**{**SMALL, "ema": 0, **train})
    return run(
        Accelerator(cpu=True),
        module,
        network_groups(module, settings, settings.head_factor),
        samples or Drawn(settings.batch),
        small_validation(),
        loss=member_loss,
        train=settings,
        seed=7,
        folder=folder,
        body=[module.body],
        track=track,
    )


def curve(folder: Path) -> list[dict]:
    """Records of a learning curve."""
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


if __name__ == "__main__":
    for job in sys.argv[1:]:
        asked = TrainerSettings.model_validate_json(Path(job).read_text("utf-8"))
        train_member(Experiment(asked, "all", "none"), asked.ensemble.families[0], 0)
