"""The one way in which files are hashed."""

import hashlib

import pytest

from awarenet.hashing import BLOCK_BYTES, hash_file


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 3])
def test_the_hash_is_hashlibs(tmp_path, size):
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "a").write_bytes(content)
    assert hash_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_it_can_be_ended_between_two_blocks(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * (BLOCK_BYTES + 1))
    calls = []

    def between() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        hash_file(tmp_path / "a", between)
