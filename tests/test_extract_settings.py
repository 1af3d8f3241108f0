"""Settings of the extraction: refused where they mean nothing, noted where they change a crop."""

from __future__ import annotations

import pytest

from awarenet.errors import SettingsError
from awarenet.settings import FaceSettings, LimitSettings
from trainer.extraction.extract import ExtractSettings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"side": 8}, "side = 8; expected 16 or more"),
        ({"margin": -0.1}, "margin = -0.1; expected 0 or more"),
        ({"frames_fake": 0}, "frames_fake = 0; expected 1 or more"),
        ({"every_s": -0.5}, "every_s = -0.5; expected 0 or more"),
        ({"faces": "some"}, "faces = 'some'; expected largest or all"),
        ({"format": "webp"}, "format = 'webp'; expected jpeg or png"),
    ],
)
def test_settings_without_a_meaning_are_refused(change, words):
    with pytest.raises(SettingsError, match=words):
        ExtractSettings(**change)


def test_what_crops_are_made_of_leaves_out_what_changes_none():
    made_of = ExtractSettings().made_of()
    assert made_of == ExtractSettings(limits=LimitSettings(max_seconds=9)).made_of()
    assert made_of == ExtractSettings(detector=FaceSettings(max_people=1)).made_of()
    for change in (
        {"side": 128},
        {"mesh": True},
        {"every_s": 0.5},
        {"detector": FaceSettings(min_score=0.5)},
    ):
        assert made_of != ExtractSettings(**change).made_of()


def test_crops_that_were_cut_before_frames_could_be_paced_are_still_good():
    assert "every_s" not in ExtractSettings().made_of()
    assert ExtractSettings(every_s=0.5).made_of()["every_s"] == 0.5
