"""What a push would send, and what it refuses to send before anybody is asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from awarenet.errors import AwareNetError, SettingsError
from trainer.bundles.push import pack, push, stale_files
from trainer.settings import TrainerSettings


def settings_of(bundle: Path, **wanted: object) -> dict:
    return {"ensemble": {"bundle": str(bundle)}, "push": {"repo": "me/tiny", **wanted}}


def refusal(**wanted: dict) -> str:
    with pytest.raises(AwareNetError) as caught:
        push(TrainerSettings.model_validate(wanted))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("repo", ["", "tiny", "me/ti ny", "hf-hub:me/tiny", "me/a..b", "a/b/c"])
def test_a_repository_that_cannot_be_is_refused_with_the_form(repo):
    assert "expected owner/name" in refusal(push={"repo": repo})


@pytest.mark.parametrize("tag", ["v 1", "main", "0" * 40, "a..b", "-v1", "v1."])
def test_a_tag_that_cannot_be_is_refused(tag):
    assert "expected a name of a version, as v1.0" in refusal(push={"repo": "me/x", "tag": tag})


def test_without_a_bundle_the_stage_that_makes_it_is_named(tmp_path):
    message = refusal(**settings_of(tmp_path / "none"))
    assert "run the stage `bundle` first" in message


def test_a_bundle_without_a_model_card_is_not_sent(bundle):
    (bundle / "README.md").unlink()
    assert "README.md" in refusal(**settings_of(bundle))


def test_of_several_experiments_one_has_to_be_named(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "all-none")
    several = settings_of(tmp_path) | {"grid": {"recipes": ["none", "camera"]}}
    assert "expected one of all-none, all-camera" in refusal(**several)
    several["push"]["experiment"] = "all-none"
    assert pack(TrainerSettings.model_validate(several)).folder == tmp_path / "all-none"
    several["push"]["experiment"] = "all-nothing"
    with pytest.raises(SettingsError, match="experiment = 'all-nothing'"):
        pack(TrainerSettings.model_validate(several))


def test_only_members_folders_count_as_stale():
    there = ["config.json", "README.md", "a-0/config.json", "a-0/model.safetensors",
             "b-0/config.json", "b-0/model.safetensors", "onnx/model.safetensors",
             "c-1/config.json"]  # fmt: skip
    kept = ["config.json", "a-0/config.json", "a-0/model.safetensors"]
    assert stale_files(there, kept) == ["b-0/config.json", "b-0/model.safetensors"]
