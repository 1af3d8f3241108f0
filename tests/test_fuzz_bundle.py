"""A bundle's config that nobody would write: it is loaded, or refused in one line."""

import copy
import json
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_bundle import MEMBER

from awarenet.bundle import load_bundle
from awarenet.errors import BundleError

QUICK = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["..", "/etc/passwd", "a/b", "a\\b", ".", "", "a" * 101, "\0", "CON", "-x"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside,
                                                                  max_size=3),
    max_leaves=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def own(saved, tmp_path_factory) -> Path:
    """A bundle whose config may be written over."""
    return Path(shutil.copytree(saved, tmp_path_factory.mktemp("fuzzed") / "bundle"))


def loaded_or_refused(folder: Path) -> bool:
    """Load a bundle; what comes of it is a bundle, or one line that names a file of it."""
    try:
        load_bundle(folder)
    except BundleError as error:
        assert str(folder) in str(error) and "\n" not in str(error)
        return False
    return True


@contextmanager
def restored(path: Path) -> Iterator[bytes]:
    """Put a file back as it was; gives what is in it."""
    original = path.read_bytes()
    try:
        yield original
    finally:
        path.write_bytes(original)


def places(content: object, here: tuple = ()) -> list[tuple]:
    """Paths to every value of a JSON document."""
    found = [here] if here else []
    if isinstance(content, dict):
        pairs = list(content.items())
    else:
        pairs = list(enumerate(content)) if isinstance(content, list) else []
    for key, value in pairs:
        found += places(value, (*here, key))
    return found


@pytest.mark.parametrize("name", ["config.json", f"{MEMBER}/config.json"])
def test_a_config_with_any_other_value_in_it(own, name):
    path = own / name
    whole = json.loads(path.read_bytes())
    everywhere = places(whole)

    @QUICK
    @given(st.integers(0, 2**32), st.sampled_from(["set", "set", "set", "drop", "add"]), JSON)
    def change(seed, what, value):
        changed = copy.deepcopy(whole)
        *way, last = random.Random(seed).choice(everywhere)
        inside = changed
        for key in way:
            inside = inside[key]
        if what == "drop":
            del inside[last]
        elif what == "add" and isinstance(inside, dict):
            inside[f"{last}_"] = value
        else:
            inside[last] = value
        path.write_text(json.dumps(changed), "utf-8")
        loaded_or_refused(own)

    with restored(path):
        change()


@QUICK
@given(content=JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_a_config_of_anything(own, content):
    path = own / "config.json"
    with restored(path):
        path.write_bytes(content)
        assert not loaded_or_refused(own)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000, b'{"a":' * 200_000, b"9" * 10_000, b'{"families": ' + b"[" * 50_000,
        b" " * 9_999,
    ],
    ids=["lists", "objects", "number", "families", "nothing"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["config.json", f"{MEMBER}/config.json"])
def test_a_config_made_to_exhaust_its_reader(own, name, content):
    path = own / name
    with restored(path):
        path.write_bytes(content)
        assert not loaded_or_refused(own)


@pytest.mark.parametrize("name", ["golden.safetensors", f"{MEMBER}/model.safetensors"])
@pytest.mark.parametrize("length", [2**63 - 1, 2**40, 200_000_000])
def test_a_header_of_weights_that_claims_to_be_huge(own, name, length):
    path = own / name
    with restored(path) as original:
        path.write_bytes(length.to_bytes(8, "little") + original[8:])
        assert not loaded_or_refused(own)


@pytest.mark.parametrize(
    "folder",
    ["..", ".", "", "/", "/tmp", "a/b", "a\\b", "../bundle", ".hidden", "~", "C:", "a\0b", "a\nb"],
)
def test_a_folder_of_a_member_is_one_name(own, folder):
    path = own / "config.json"
    original = path.read_text("utf-8")
    changed = json.loads(original)
    changed["families"][0]["members"][0]["folder"] = folder
    try:
        path.write_text(json.dumps(changed), "utf-8")
        with pytest.raises(BundleError, match=r"families\.0\.members\.0\.folder"):
            load_bundle(own)
    finally:
        path.write_text(original, "utf-8")


@pytest.mark.parametrize(
    "name", ["golden.safetensors", f"{MEMBER}/config.json", f"{MEMBER}/model.safetensors", MEMBER]
)
@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
def test_a_link_is_refused_wherever_it_leads(own, tmp_path, name, inside):
    place = own / name
    away = (own if inside else tmp_path) / "elsewhere"
    place.rename(away)
    try:
        place.symlink_to(away)
        with pytest.raises(BundleError, match="is a link"):
            load_bundle(own)
    finally:
        place.unlink()
        away.rename(place)
    assert loaded_or_refused(own)
