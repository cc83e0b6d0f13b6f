"""The data key: made once, private, and of use only to who has it."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from adapters.storage.keys import DataKey, make_data_key, read_data_key
from ivr.errors import StoreFailed, UserError

FORK = multiprocessing.get_context("fork")


def test_the_key_is_made_once_and_private(tmp_path: Path):
    path = tmp_path / "secrets" / "data_key"
    make_data_key(path)
    first = path.read_bytes()
    make_data_key(path)

    assert path.read_bytes() == first
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_make_it_at_once_end_up_with_one(tmp_path: Path):
    path = tmp_path / "data_key"
    keys = FORK.Queue()

    def maker() -> None:
        make_data_key(path)
        keys.put(read_data_key(path).check)

    makers = [FORK.Process(target=maker) for _ in range(6)]
    for process in makers:
        process.start()
    found = {keys.get(timeout=20) for _ in makers}
    for process in makers:
        process.join(20)

    assert len(found) == 1


def test_what_is_encrypted_can_be_read_with_the_key_only_and_differs_every_time():
    key, other = DataKey(b"k" * 32), DataKey(b"o" * 32)

    assert key.decrypt(key.encrypt("13900001008")) == "13900001008"
    assert key.encrypt("13900001008") != key.encrypt("13900001008")
    with pytest.raises(StoreFailed, match="not encrypted with this data key"):
        other.decrypt(key.encrypt("13900001008"))
    assert key.joinable("13900001008") == key.joinable("13900001008")
    assert key.joinable("13900001008") != other.joinable("13900001008")
    assert b"k" * 4 not in repr(vars(key)).encode()


def test_a_key_that_cannot_be_made_or_read_is_the_users_error(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match=r"cannot make the data key .*: File exists"):
        make_data_key(tmp_path / "file" / "data_key")
    with pytest.raises(UserError, match=r"cannot read the data key .*: No such file"):
        read_data_key(tmp_path / "missing")
