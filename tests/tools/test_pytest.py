"""Conversations as tests of pytest: what is collected, and what a designer sees of one that does not hold."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

FLOW = """\
selfline: 1
line: "2000"
languages: [en-US]
start: main
on_failure: bye
nodes:
  main: {menu: "For help, press one.", choices: {1: help}, exhausted: bye}
  help: {say: "Help is on its way.", then: bye}
  bye: {hangup: "Goodbye."}
"""
HELD = """\
flow: ../2000.yaml
conversations:
  - name: Help is told
    steps: [hears: For help, press: "1", hears: on its way, line_ends]
"""
NOT_HELD = """\
  - name: Help is far
    steps:
      - press: "1"
      - hears: far away
"""


@pytest.fixture
def line(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with one flow, and conversations that the tests write."""
    monkeypatch.setenv("IVR_HOME", str(pytester.path))
    pytester.mkdir("flows")
    (pytester.path / "flows" / "2000.yaml").write_text(FLOW, encoding="utf-8")
    pytester.mkdir("flows/tests")
    return pytester


def write(line: pytest.Pytester, text: str, name: str = "2000.yaml") -> None:
    (line.path / "flows" / "tests" / name).write_text(text, encoding="utf-8")


def test_each_conversation_is_a_test_with_its_own_name(line: pytest.Pytester):
    write(line, HELD)

    result = line.runpytest_inprocess("-v", "flows/tests")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["flows/tests/2000.yaml::Help is told PASSED*"])


def test_one_that_does_not_hold_is_shown_with_the_places_of_both(line: pytest.Pytester):
    write(line, HELD + NOT_HELD)

    result = line.runpytest_inprocess("flows/tests")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ Help is far _*",
            "FAILED: Help is far",
            "    flows/2000.yaml:7*line*For help, press one.",
            "    flows/tests/2000.yaml:7  caller  presses 1",
            "    flows/2000.yaml:9*line*Help is on its way. Goodbye.",
            "    flows/tests/2000.yaml:8:16: error: the caller should hear 'far away', but at 'bye' (flows/2000.yaml:9) the line said: *",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_other_yaml_is_left_alone(line: pytest.Pytester):
    write(line, HELD)
    write(line, "flow: of water\nspeed: 3\n", "river.yaml")
    (line.path / "flows" / "tests" / "broken.yml").write_bytes(b"flow: \xff\nconversations:\n")

    result = line.runpytest_inprocess("flows")

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HELD.replace("press:", "presses:"), "flows/tests/2000.yaml:4:30: error: a step has no key 'presses'; did you mean 'press'?*"),
        (HELD.replace("2000.yaml", "2001.yaml"), "cannot read flows/2001.yaml: No such file or directory"),
        ("flow: a\nconversations: [\n", "flows/tests/2000.yaml:*error:*"),
    ],
)
def test_a_file_with_errors_is_told_where(line: pytest.Pytester, text: str, sentence: str):
    write(line, text)

    result = line.runpytest_inprocess("flows/tests")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([sentence])
    assert "Traceback" not in result.stdout.str()


def test_one_conversation_can_be_chosen_by_its_words(line: pytest.Pytester):
    write(line, HELD + NOT_HELD)

    result = line.runpytest_inprocess("flows/tests", "-k", "told")

    result.assert_outcomes(passed=1, deselected=1)
