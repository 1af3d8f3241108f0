"""Bundles that were altered: each is refused, with the name of the file."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_bundle import MEMBER, refusal, sha256


def edit_json(path: Path, *keys: str | int, value: object) -> None:
    """Set one value of a JSON file; None takes the key away."""
    content = json.loads(path.read_text("utf-8"))
    place = content
    for key in keys[:-1]:
        place = place[key]
    if value is None:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    path.write_text(json.dumps(content), "utf-8")


def edit_tensors(path: Path, change) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def approve(bundle: Path) -> None:
    """Write the hash of MEMBER's weights into the config, as somebody who means harm would."""
    digest = sha256(bundle / MEMBER / "model.safetensors")
    edit_json(bundle / "config.json", "families", 0, "members", 1, "sha256", value=digest)


@pytest.mark.parametrize("name", [f"{MEMBER}/model.safetensors", "golden.safetensors"])
def test_a_flipped_byte_is_refused(bundle, name):
    content = bytearray((bundle / name).read_bytes())
    content[-5] ^= 1
    (bundle / name).write_bytes(content)
    assert f"{bundle / name} was altered" in refusal(bundle)


@pytest.mark.parametrize(
    "name",
    ["config.json", "golden.safetensors", f"{MEMBER}/config.json", f"{MEMBER}/model.safetensors"],
)
def test_a_missing_file_is_refused(bundle, name):
    (bundle / name).unlink()
    assert f"{bundle / name} is missing" in refusal(bundle)


def test_a_missing_tensor_is_refused_though_the_hash_is_right(bundle):
    path = bundle / MEMBER / "model.safetensors"
    edit_tensors(path, lambda tensors: tensors.pop("layer1.0.conv1.weight"))
    approve(bundle)
    message = refusal(bundle)
    assert str(path) in message
    assert "tensor 'layer1.0.conv1.weight' is missing" in message


def test_an_unknown_tensor_is_refused_though_the_hash_is_right(bundle):
    path = bundle / MEMBER / "model.safetensors"
    edit_tensors(path, lambda tensors: tensors.update(extra=torch.zeros(1)))
    approve(bundle)
    message = refusal(bundle)
    assert str(path) in message
    assert "tensor 'extra' is unknown" in message


@pytest.mark.parametrize("stored", [torch.zeros(2, 96), torch.zeros(1, 96, dtype=torch.int32)])
def test_a_tensor_of_another_shape_or_kind_is_refused(bundle, stored):
    path = bundle / MEMBER / "model.safetensors"
    edit_tensors(path, lambda tensors: tensors.update({"fc.weight": stored}))
    approve(bundle)
    message = refusal(bundle)
    assert str(path) in message
    assert "tensor 'fc.weight' is" in message
    assert "expected (1, 96) torch.float32" in message


def test_other_weights_are_refused_by_the_golden_logits_though_the_hash_is_right(bundle):
    path = bundle / MEMBER / "model.safetensors"
    edit_tensors(path, lambda tensors: tensors["fc.bias"].add_(0.5))
    approve(bundle)
    message = refusal(bundle)
    assert str(bundle / "golden.safetensors") in message
    assert f"{MEMBER} gives the logit" in message


@pytest.mark.parametrize("value", [0.5, torch.nan])
def test_a_changed_golden_logit_is_refused(bundle, value):
    path = bundle / "golden.safetensors"
    edit_tensors(path, lambda tensors: tensors["logits"][1, 1, 0].add_(value))
    edit_json(bundle / "config.json", "golden", "sha256", value=sha256(path))
    message = refusal(bundle)
    assert str(path) in message
    assert "mobilenet_v2-0 gives the logit" in message
    assert "for crop 1" in message


def test_golden_logits_of_another_shape_are_refused(bundle):
    path = bundle / "golden.safetensors"
    edit_tensors(path, lambda tensors: tensors.update(logits=tensors["logits"][:, :1].clone()))
    edit_json(bundle / "config.json", "golden", "sha256", value=sha256(path))
    assert f"{path}: logits (2, 1, 2); expected (2, 2, 2)" in refusal(bundle)


def test_what_is_no_safetensors_file_is_refused(bundle):
    path = bundle / MEMBER / "model.safetensors"
    path.write_bytes(b"\x80\x04 a pickle, say")
    approve(bundle)
    assert f"{path} is not a safetensors file" in refusal(bundle)


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("architecture",), "resnet18", "architecture is 'resnet18'; expected 'test_resnet'"),
        (("awarenet", "stages"), 3, "awarenet.stages is 3; expected None"),
        (("pretrained_cfg", "mean"), [0.4, 0.5, 0.5], "pretrained_cfg.mean is"),
        (("pretrained_cfg", "file"), "/etc/passwd", "pretrained_cfg.file is unknown"),
        (("num_classes",), None, "num_classes is missing; expected 1"),
    ],
)
def test_another_timm_architecture_is_refused(bundle, keys, value, words):
    path = bundle / MEMBER / "config.json"
    edit_json(path, *keys, value=value)
    message = refusal(bundle)
    assert str(path) in message
    assert words in message


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("surprise",), 1, "surprise: Extra inputs"),
        (("families", 0, "members", 0, "extra"), 1, "families.0.members.0.extra: Extra inputs"),
        (("families", 0, "members", 0, "folder"), "../outside", "families.0.members.0.folder"),
        (("families", 0, "members", 0, "folder"), "/etc", "families.0.members.0.folder"),
        (("families", 0, "members", 0, "folder"), "..", "families.0.members.0.folder"),
        (("families", 0, "members", 0, "folder"), "a\\b", "families.0.members.0.folder"),
        (("families", 0, "members", 0, "folder"), MEMBER, "stands twice"),
        (("families", 0, "name"), "mobilenet_v3", "combiner.weights are of"),
        (("families", 0, "members"), [], "families.0.members"),
        (("format",), "awarenet.bundle/2", "format"),
        (("combiner", "weights"), {"test_resnet": 0.5, "mobilenet_v2": 0.9}, "sum to 1"),
        (("combiner", "name"), "median", "no combiner 'median'"),
        (("calibration", "scale"), -1, "calibration.scale"),
        (("calibration", "offset"), float("nan"), "calibration.offset"),
        (("crop",), None, "crop: Field required"),
    ],
)
def test_a_config_that_says_something_else_is_refused(bundle, keys, value, words):
    path = bundle / "config.json"
    edit_json(path, *keys, value=value)
    message = refusal(bundle)
    assert str(path) in message
    assert words in message


def test_a_family_that_the_zoo_lacks_is_refused(bundle):
    path = bundle / "config.json"
    path.write_text(path.read_text("utf-8").replace('"mobilenet_v2"', '"mobilenet_v9"'), "utf-8")
    assert "no model 'mobilenet_v9'" in refusal(bundle)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": NaN}'])
@pytest.mark.parametrize("name", ["config.json", f"{MEMBER}/config.json"])
def test_a_config_that_is_no_config_is_refused(bundle, name, content):
    (bundle / name).write_bytes(content)
    assert str(bundle / name) in refusal(bundle)


@pytest.mark.parametrize("name", ["config.json", MEMBER, f"{MEMBER}/model.safetensors"])
def test_a_link_is_refused(bundle, tmp_path, name):
    outside = tmp_path / "outside"
    (bundle / name).rename(outside)
    (bundle / name).symlink_to(outside)
    message = refusal(bundle)
    assert str(bundle / name) in message
    assert "is a link" in message
