"""JUnit XML: the elements and attributes that pytest writes, and nothing that is no XML."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as Xml

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.tools.conversations import read_script
from ivr.tools.flowtest import run
from ivr.tools.junit import Timed, junit

AT = dt.datetime(2026, 3, 5, 4, 0, tzinfo=dt.UTC)

CONVERSATIONS = """\
flow: ../1008611.yaml
conversations:
  - {name: One that holds, back_office: {account: {language: zh-CN}}, steps: [hears: 零元, hang_up]}
  - {name: "One that <fails> & \\x07 rings", back_office: {account: {language: zh-CN}}, steps: [hears: 一元, hang_up]}
"""


def report(flow: Flow) -> Xml.Element:
    script, problems = read_script(CONVERSATIONS, "flows/tests/t.yaml", SIGNATURES)
    assert problems == ()
    assert script is not None
    held = [Timed(run(flow, conversation, lambda name, arguments: None), 0.0004) for conversation in script.conversations]
    return Xml.fromstring(junit(held, AT, "builder"))


def shape(root: Xml.Element) -> dict[str, set[str]]:
    """The names of each element's attributes."""
    found: dict[str, set[str]] = {}
    for element in root.iter():
        found.setdefault(element.tag, set()).update(element.attrib)
    return found


def test_a_suite_counts_its_conversations_and_those_that_fail(quick_line: Flow):
    suite = report(quick_line).find("testsuite")

    assert suite is not None
    assert suite.attrib == {
        "name": "flows/tests/t.yaml",
        "errors": "0",
        "failures": "1",
        "skipped": "0",
        "tests": "2",
        "time": "0.001",
        "timestamp": "2026-03-05T04:00:00+00:00",
        "hostname": "builder",
    }


def test_a_failure_tells_the_problem_and_shows_the_conversation(quick_line: Flow):
    held, failed = report(quick_line).iter("testcase")

    assert (held.get("classname"), held.get("name"), held.get("line"), list(held)) == ("flows.tests.t", "One that holds", "3", [])
    failure = failed.find("failure")
    assert failure is not None
    assert failed.get("name") == "One that <fails> & � rings"
    assert (failure.get("message") or "").startswith("the caller should hear '一元', but at 'main' (flows/1008611.yaml:")
    assert "您的账户余额是零元" in (failure.text or "")


def test_it_has_the_shape_of_what_pytest_writes(quick_line: Flow, tmp_path: Path):
    """A program that reads one reads the other."""
    (tmp_path / "test_it.py").write_text("def test_holds(): pass\ndef test_fails(): assert 1 == 2\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml=it.xml", "-o", "junit_family=xunit1"]
    subprocess.run([*command, "test_it.py"], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    theirs = shape(Xml.parse(tmp_path / "it.xml").getroot())

    ours = shape(report(quick_line))

    assert list(ours) == list(theirs)
    assert all(ours[element] <= theirs[element] for element in ours)
