"""`ivr call` where there is nobody to talk to: what is wrong, in a sentence that tells what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.adapters.telephony.asterisk_line import settings_for
from tests.test_cli import ivr


def test_where_no_line_runs_the_caller_is_told_how_to_start_one(tmp_path: Path):
    port = settings_for(tmp_path).sip_port

    called = ivr("call", "1008611", IVR_VAR=str(tmp_path), IVR_SIP_PORT=str(port))

    assert (called.returncode, called.stdout) == (1, "")
    assert (
        called.stderr
        == f"ivr: no line runs at 127.0.0.1:{port}; start it with make run, or set IVR_SIP_PORT to the port of one that does\n"
    )


def test_where_something_else_has_the_port_nobody_answers(tmp_path: Path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]

        called = ivr("call", "1008611", IVR_VAR=str(tmp_path), IVR_SIP_PORT=str(port))

    assert (called.returncode, called.stderr) == (1, f"ivr: nobody answers at 127.0.0.1:{port} within 5 s\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("quick",), "a line is dialled in digits, not as 'quick'"),
        (("1008611", "--from", "Ann"), "a caller has a number, or is 'anonymous'; 'Ann' is neither"),
        (
            ("1008611", "--keys", "2 5x"),
            "'x' is not on a telephone; keys are 0 to 9, * and #, with a blank where the caller listens",
        ),
    ],
    ids=["number", "caller", "keys"],
)
def test_what_cannot_be_dialled_is_told_before_anybody_calls(arguments: tuple[str, ...], sentence: str):
    called = ivr("call", *arguments)

    assert (called.returncode, called.stdout, called.stderr) == (1, "", f"ivr: {sentence}\n")


def test_a_machine_that_does_not_exist_is_one_sentence(tmp_path: Path):
    called = ivr("call", "1008611", IVR_VAR=str(tmp_path), IVR_HOST="nowhere.invalid")

    assert called.returncode == 1
    assert called.stderr.startswith("ivr: cannot call nowhere.invalid:5060: ")
    assert "Traceback" not in called.stderr
