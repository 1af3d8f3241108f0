"""Errors a caller may catch."""

import pickle

from awarenet.errors import AwareNetError, MediaError, SettingsError


def test_a_media_error_shows_its_message_and_keeps_its_status_apart():
    error = MediaError("unreadable", "cannot open x.mp4: no video in it; give a clip")
    assert str(error) == "cannot open x.mp4: no video in it; give a clip"
    assert error.status == "unreadable"


def test_a_media_error_survives_the_way_back_from_the_decoding_process():
    error = pickle.loads(pickle.dumps(MediaError("timeout", "too slow", {"reason": "slow"})))
    assert (type(error), error.status, str(error)) == (MediaError, "timeout", "too slow")
    assert error.values == {"reason": "slow"}


def test_wrong_settings_are_ours_to_report_and_python_s_value_error():
    assert issubclass(SettingsError, AwareNetError)
    assert issubclass(SettingsError, ValueError)
