"""Settings that nobody would write: each is taken, or refused in one line; nothing else happens."""

import json
import os
from contextlib import suppress
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awarenet.errors import SettingsError
from awarenet.settings import Settings, load_settings

QUICK = settings(
    max_examples=150, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
NAMES = [
    (section, key)
    for section, field in Settings.model_fields.items()
    for key in field.annotation.model_fields
]
VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.sampled_from(["", "[]", "{}", "[1, 2]", '"', "'''", "inf", "nan", "1e999", "0x",
                     "1979-05-27", "{a = 1}", "1\n2", "\\u0000", "[" * 400, "{a=" * 400,
                     "9" * 5000]),
)  # fmt: skip


def taken_or_refused(*args, **kwargs) -> None:
    """Load settings; what comes of it is settings, or one line for the person who wrote them."""
    try:
        found = load_settings(*args, **kwargs)
    except SettingsError as error:
        assert str(error)
    else:
        assert isinstance(found, Settings)
        json.dumps(found.model_dump(mode="json"), allow_nan=False)


@QUICK
@given(st.sampled_from(NAMES), VALUES)
def test_any_value_of_any_setting_on_the_command_line(name, value):
    taken_or_refused(None, [f"{'.'.join(name)}={value}"])


@QUICK
@given(st.lists(st.text(max_size=40), max_size=3))
def test_any_words_on_the_command_line(overrides):
    taken_or_refused(None, overrides)


@QUICK
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_file(tmp_path, content):
    path = tmp_path / "any.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
    taken_or_refused(path)


@QUICK
@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4))
def test_a_file_of_the_right_names_with_any_values(tmp_path, entries):
    path = tmp_path / "named.toml"
    lines = [f"[{section}]\n{key} = {value}" for (section, key), value in entries]
    path.write_bytes("\n".join(lines).encode("utf-8", "replace"))
    taken_or_refused(path)


@QUICK
@given(
    st.sampled_from(NAMES),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inside: (
            st.lists(inside, max_size=3)
            | st.dictionaries(st.text("ab", min_size=1, max_size=3), inside, max_size=3)
        ),
        max_leaves=6,
    ),
)
def test_a_value_of_another_shape(name, value):
    taken_or_refused(None, [f"{'.'.join(name)}={json.dumps(value)}"])


@QUICK
@given(
    st.text(st.characters(exclude_characters="\0=", exclude_categories=["Cs"]), max_size=12),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
)
def test_any_variable_of_the_environment(name, value):
    with suppress(OSError), mock.patch.dict(os.environ, {f"AWARENET_{name}__{name}": value}):
        taken_or_refused(None)


@pytest.mark.parametrize("nested", ["[" * 100_000, "[[[" * 5000 + "1", "{a=" * 50_000, "9" * 5000])
def test_brackets_and_digits_without_end_are_no_settings(tmp_path, nested):
    path = tmp_path / "nested.toml"
    path.write_text(f"[faces]\nmin_score = {nested}", "utf-8")
    with pytest.raises(SettingsError, match="nested.toml is not TOML"):
        load_settings(path)
    with pytest.raises(SettingsError):
        load_settings(None, [f"faces.min_score={nested}"])
