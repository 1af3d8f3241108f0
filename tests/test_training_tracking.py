"""Learning curves that are followed elsewhere while a member learns."""

from __future__ import annotations

from dataclasses import replace

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_people import write_patterns
from training_runs import curve, experiment_in

from trainer.settings import TrackSettings
from trainer.training.member import train_member


def test_tensorboard_holds_the_learning_curve_of_a_member(tmp_path):
    manifest = write_patterns(tmp_path / "patterns", {"train": 4, "validation": 2})
    plain = experiment_in(tmp_path / "run", manifest)
    track = TrackSettings(backend="tensorboard")
    experiment = replace(plain, settings=plain.settings.model_copy(update={"track": track}))
    folder = train_member(experiment, *experiment.members[0]).parent
    [events] = {path.parent for path in tmp_path.rglob("events.out.tfevents.*")}
    found = EventAccumulator(str(events))
    found.Reload()
    for key in ("loss", "validation_auc"):
        followed = [(event.step, round(event.value, 4)) for event in found.Scalars(key)]
        assert followed == [(row["step"], round(row[key], 4)) for row in curve(folder)]
