"""The installer as people run it: a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.adapters.telephony.asterisk_line import asterisk_program

INSTALL = Path(__file__).resolve().parents[3] / "asterisk_conf" / "install.py"


def run(*arguments: str, **environment: str | Path) -> tuple[int, str, str]:
    """Run it as a child; its status, its stdout, its stderr."""
    full = {"PATH": "/usr/bin:/bin", **{name: str(value) for name, value in environment.items()}}
    done = subprocess.run([sys.executable, INSTALL, *arguments], capture_output=True, text=True, env=full, check=False)
    return done.returncode, done.stdout, done.stderr


def fake_asterisk(folder: Path, version: str) -> Path:
    """A program that only says its version."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "asterisk"
    program.write_text(f"#!/bin/sh\necho Asterisk {version}\n")
    program.chmod(0o755)
    return program


@pytest.mark.asterisk
def test_the_second_run_finds_what_the_first_has_fetched_at_once(tmp_path: Path) -> None:
    program = asterisk_program()
    if program.parent.parent.name != "asterisk-dist":
        pytest.skip("this machine has an Asterisk of its own")

    begun = time.monotonic()
    status, path, progress = run(IVR_VAR=program.parent.parent.parent)

    assert (status, path, progress) == (0, f"{program}\n", "")
    assert time.monotonic() - begun < 1  # 0.2 s on an idle machine


@pytest.mark.parametrize("version", ["22.10.1", "22.10.1~dfsg+~cs6", "22.11.0", "23.0.0-rc1", "certified/22.12"])
def test_an_asterisk_on_the_path_that_is_new_enough_is_used(tmp_path: Path, version: str) -> None:
    program = fake_asterisk(tmp_path / "bin", version)

    assert run(IVR_VAR=tmp_path, PATH=f"{program.parent}:/usr/bin:/bin") == (0, f"{program}\n", "")


@pytest.mark.parametrize("version", ["22.9.2", "20.6.0", "nonsense"])
def test_an_asterisk_on_the_path_that_is_too_old_is_not_used(tmp_path: Path, version: str) -> None:
    program = fake_asterisk(tmp_path / "bin", version)

    assert run("--find", IVR_VAR=tmp_path / "var", PATH=f"{program.parent}:/usr/bin:/bin") == (
        1,
        "",
        "asterisk: there is no Asterisk yet; run: python3 asterisk_conf/install.py\n",
    )


def test_the_least_version_can_be_set(tmp_path: Path) -> None:
    program = fake_asterisk(tmp_path / "bin", "20.6.0")

    assert run(IVR_VAR=tmp_path, IVR_ASTERISK_MINIMUM="20", PATH=f"{program.parent}:/usr/bin:/bin")[:2] == (0, f"{program}\n")


def test_the_chosen_asterisk_comes_before_all_others(tmp_path: Path) -> None:
    chosen = fake_asterisk(tmp_path / "chosen", "22.10.1")
    other = fake_asterisk(tmp_path / "bin", "23.0.0")

    assert run(IVR_ASTERISK=chosen, IVR_VAR=tmp_path, PATH=f"{other.parent}:/usr/bin:/bin")[:2] == (0, f"{chosen}\n")


def test_a_chosen_asterisk_that_is_none_is_named(tmp_path: Path) -> None:
    assert run(IVR_ASTERISK=tmp_path / "nothing", IVR_VAR=tmp_path) == (
        1,
        "",
        f"asterisk: IVR_ASTERISK is {tmp_path}/nothing, which is not an Asterisk program that can be run here\n",
    )


def test_a_machine_without_apt_is_told_what_to_do(tmp_path: Path) -> None:
    assert run(IVR_VAR=tmp_path, PATH=tmp_path) == (
        1,
        "",
        "asterisk: this machine has no apt-get; install Asterisk 22.10.1 or later and set IVR_ASTERISK to its path\n",
    )


@pytest.mark.skipif(not Path("/usr/bin/apt-get").exists(), reason="there is no apt")
def test_a_machine_that_is_offline_is_told_so_and_nothing_half_made_is_left(tmp_path: Path) -> None:
    status, path, progress = run(IVR_VAR=tmp_path, IVR_DEBIAN_MIRROR="http://127.0.0.1:9/debian")

    assert (status, path) == (1, "")
    last = progress.splitlines()[-1]
    assert last.startswith("asterisk: cannot fetch Asterisk from http://127.0.0.1:9/debian (apt-get says: ")
    assert last.endswith("); is this machine online? Running again goes on")
    assert not (tmp_path / "asterisk-dist").exists()


@pytest.mark.skipif(not Path("/usr/bin/apt-get").exists(), reason="there is no apt")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert run(IVR_VAR=tmp_path / "file" / "var") == (1, "", f"asterisk: cannot write below {tmp_path}/file/var: Not a directory\n")


@pytest.mark.skipif("IVR_TEST_FETCH" not in os.environ, reason="fetches 22 MB; set IVR_TEST_FETCH to run it")
def test_it_fetches_an_asterisk_and_leaves_nothing_else(tmp_path: Path) -> None:
    status, path, progress = run(IVR_VAR=tmp_path)

    assert (status, path) == (0, f"{tmp_path}/asterisk-dist/bin/asterisk\n")
    assert progress.splitlines()[-1].endswith(" is ready")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["asterisk-dist", "asterisk-install.lock"]
