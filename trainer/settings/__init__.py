"""Settings of the trainer: the detector's own, and one section for each of its stages."""

from __future__ import annotations

from awarenet.settings import Settings
from trainer.settings.data import (
    DataSettings,
    ForgeSettings,
    GridSettings,
    PrepareSettings,
    SplitSettings,
)
from trainer.settings.results import (
    CardSettings,
    EnsembleSettings,
    EvaluateSettings,
    PushSettings,
    TrackSettings,
)
from trainer.settings.training import AugmentSettings, TrainSettings


class TrainerSettings(Settings):
    """Everything that a preset may say."""

    data: DataSettings = DataSettings()
    split: SplitSettings = SplitSettings()
    prepare: PrepareSettings = PrepareSettings()
    forge: ForgeSettings = ForgeSettings()
    grid: GridSettings = GridSettings()
    augment: AugmentSettings = AugmentSettings()
    train: TrainSettings = TrainSettings()
    ensemble: EnsembleSettings = EnsembleSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    card: CardSettings = CardSettings()
    track: TrackSettings = TrackSettings()
    push: PushSettings = PushSettings()


__all__ = [
    "AugmentSettings",
    "CardSettings",
    "DataSettings",
    "EnsembleSettings",
    "EvaluateSettings",
    "ForgeSettings",
    "GridSettings",
    "PrepareSettings",
    "PushSettings",
    "SplitSettings",
    "TrackSettings",
    "TrainSettings",
    "TrainerSettings",
]
