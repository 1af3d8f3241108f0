"""Bundles: what is written is read, by us and by timm; from the Hub: test_hub.py."""

import pytest
import torch
from safetensors.torch import load_file
from tiny_bundle import MEMBER, golden_crops, refusal, save, sha256, tiny_ensemble

from awarenet import zoo
from awarenet.bundle import load_bundle
from awarenet.errors import BundleError


def test_a_bundle_is_read_as_it_was_written(saved):
    found = load_bundle(saved)
    assert found.config.name == "tiny"
    assert found.config.calibration.scale == 1.5
    assert found.config.thresholds.table[0].detection_rate == 0.8
    assert found.config.metrics == {"auc": 0.5, "by_kind": {"swap": [0.4, 0.6]}}
    assert [member.seed for member in found.config.families[1].members] == [3, 4]
    assert found.ensemble.families == ("test_resnet", "mobilenet_v2")
    assert {f: s.side for f, s in found.ensemble.specs.items()} == {
        "test_resnet": 96,
        "mobilenet_v2": 64,
    }
    assert found.ensemble.weights == pytest.approx(tiny_ensemble().weights)
    assert (found.source, found.revision) == (str(saved), None)
    assert found.sha256 == sha256(saved / "config.json")
    assert (saved / "README.md").read_text("utf-8") == "# Tiny\n"


def test_half_precision_keeps_the_logits_within_the_tolerance(saved):
    crops = torch.from_numpy(golden_crops())
    loaded = load_bundle(saved)
    with torch.no_grad():
        exact, found = tiny_ensemble()(crops), loaded.ensemble(crops)
    golden = load_file(saved / "golden.safetensors")["logits"]
    assert not torch.equal(found, exact)  # the weights were rounded
    torch.testing.assert_close(found, golden, atol=1e-4, rtol=0)
    torch.testing.assert_close(found, exact, atol=0.01 + 0.01 * exact.abs().max().item(), rtol=0)


def test_full_precision_keeps_the_logits(tmp_path):
    save(tmp_path / "full", dtype="float32")
    crops = torch.from_numpy(golden_crops())
    with torch.no_grad():
        exact, found = tiny_ensemble()(crops), load_bundle(tmp_path / "full").ensemble(crops)
    torch.testing.assert_close(found, exact, atol=1e-5, rtol=0)


def test_half_precision_halves_the_files(saved, tmp_path):
    save(tmp_path / "full", dtype="float32")
    sizes = [(folder / MEMBER / "model.safetensors").stat().st_size
             for folder in (saved, tmp_path / "full")]  # fmt: skip
    assert sizes[0] < 0.6 * sizes[1]


def test_loading_leaves_the_random_state_alone(saved):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_bundle(saved)
    assert torch.equal(torch.rand(3), expected)


def test_a_loaded_ensemble_is_frozen_and_in_evaluation_mode(saved):
    ensemble = load_bundle(saved).ensemble
    assert not any(module.training for module in ensemble.modules())
    assert not any(value.requires_grad for value in ensemble.parameters())


def test_plain_timm_loads_a_whole_network(saved):
    place = saved / MEMBER
    plain = zoo.timm.create_model(f"local-dir:{place}", pretrained=True).eval()
    ours = load_bundle(saved).ensemble.members["test_resnet"][1]
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(plain(images), ours(images))
    data = zoo.timm.data.resolve_model_data_config(plain)
    assert (data["input_size"], data["mean"]) == ([3, 96, 96], [0.5, 0.5, 0.5])


def test_saving_replaces_an_older_bundle_and_leaves_nothing_beside_it(bundle):
    (bundle / "left-over").write_text("from the older one")
    save(bundle, name="newer")
    assert load_bundle(bundle).config.name == "newer"
    assert not (bundle / "left-over").exists()
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_saving_leaves_a_folder_that_is_no_bundle_alone(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"precious")
    with pytest.raises(BundleError, match="photos exists and is no bundle"):
        save(tmp_path / "photos")
    assert (tmp_path / "photos" / "a.jpg").read_bytes() == b"precious"


def test_saving_that_fails_leaves_the_older_bundle_whole(bundle):
    before = sha256(bundle / "config.json")
    broken = tiny_ensemble()
    with torch.no_grad():
        broken.members["mobilenet_v2"][1].conv_stem.weight.fill_(1e6)
    with pytest.raises(BundleError, match="mobilenet_v2-1: conv_stem.weight is not finite"):
        save(bundle, broken)
    assert sha256(bundle / "config.json") == before
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]
    load_bundle(bundle)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": {"test_resnet": [1, 2]}}, "expected one for each member"),
        ({"golden_crops": golden_crops()[:, :40]}, "golden crops"),
        ({"golden_crops": golden_crops(17)}, "golden crops"),
        ({"dtype": "int8"}, "dtype='int8'"),
    ],
)
def test_saving_refuses_parts_that_do_not_fit(tmp_path, changes, words):
    with pytest.raises(ValueError, match=words):
        save(tmp_path / "new", **changes)
    assert list(tmp_path.iterdir()) == []


def test_an_uncalibrated_bundle_says_so(tmp_path):
    save(tmp_path / "raw", calibration=None)
    assert load_bundle(tmp_path / "raw").config.calibration is None


def test_a_bare_name_is_answered_with_both_spellings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refusal("someone/deepfakes")
    assert "hf-hub:someone/deepfakes" in message
    assert "./someone/deepfakes" in message


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert f"no folder '{tmp_path / 'nowhere'}'" in refusal(tmp_path / "nowhere")
