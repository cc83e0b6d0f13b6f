"""The examples in README and docs are true: flows load, conversations read, words are said, links lead somewhere."""

from __future__ import annotations

import datetime as dt
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.cli import verbs
from ivr.tools.conversations import read_script
from ivr.tools.flowtest import run
from ivr.tools.say import say
from tests.conftest import HOME, load

DOCUMENTS = [HOME / "README.md", HOME / "CONTRIBUTING.md", *sorted((HOME / "docs").glob("*.md"))]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


README_FLOW = next(block for block in blocks(HOME / "README.md", "yaml") if block.startswith("selfline:"))


def test_the_menu_in_the_readme_is_a_flow():
    loaded = load(README_FLOW)

    assert [str(problem) for problem in loaded.problems] == []
    assert len(README_FLOW.splitlines()) <= 21


def test_the_misspelling_in_the_readme_is_reported_as_it_says():
    loaded = load(README_FLOW.replace("{1: balance,", "{1: balanse,"), "flows/2000.yaml")

    assert str(loaded.problems[0]) in (HOME / "README.md").read_text(encoding="utf-8")


def test_the_conversation_in_the_readme_holds():
    text = next(block for block in blocks(HOME / "README.md", "yaml") if "\nflow: " in f"\n{block}")
    script, problems = read_script(text, "README.md", SIGNATURES)
    flow = load(README_FLOW).flow

    assert problems == ()
    assert script is not None
    assert flow is not None
    assert run(flow, script.conversations[0], lambda name, arguments: None).problem is None


def test_the_conversation_in_the_flow_guide_can_be_read():
    text = next(block for block in blocks(HOME / "docs" / "flows.md", "yaml") if "\nflow: " in block)

    script, problems = read_script(text, "docs/flows.md", SIGNATURES)

    assert problems == ()
    assert script is not None


@pytest.mark.parametrize(
    "line", [line for block in blocks(HOME / "README.md", "sh") for line in block.splitlines() if line.startswith("ivr say")]
)
def test_the_words_in_the_readme_are_those_that_are_said(line: str):
    command, _, words = line.partition("#")
    _, _, kind, value, *language = shlex.split(command)

    assert say(kind, value, language[-1] if language else "zh-CN", dt.date(2026, 3, 5)) == words.strip()


@pytest.mark.parametrize(
    "command", sorted({found for path in DOCUMENTS for found in re.findall(r"`(?:\.venv/bin/)?ivr ([a-z][^`]*)`", path.read_text("utf-8"))})
)
def test_a_command_in_the_documents_is_one_with_these_options(command: str):
    parsed: click.Command = verbs
    arguments = [re.sub(r"[\[\]]", "", word) for word in shlex.split(command.partition(">")[0])]
    while isinstance(parsed, click.Group) and arguments:
        name = arguments.pop(0)
        assert name in parsed.commands
        parsed = parsed.commands[name]

    _, left, _ = parsed.make_parser(click.Context(parsed)).parse_args(arguments)
    assert left == []


def test_a_terminal_finds_the_command_after_what_the_readme_says():
    activate = next(iter(re.findall(r"`(\. [^`]*activate)`", (HOME / "README.md").read_text(encoding="utf-8"))))

    found = subprocess.run(["sh", "-c", f"{activate} && command -v ivr"], cwd=HOME, capture_output=True, text=True, check=True)

    assert found.stdout == f"{HOME / '.venv/bin/ivr'}\n"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_that_are_there(path: Path):
    targets = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))

    missing = [target for target in targets if not (path.parent / target).exists()]

    assert missing == []


SEMANTICS = (HOME / "docs" / "semantics.md").read_text(encoding="utf-8")
TESTS = {path.name: path.read_text(encoding="utf-8") for path in (HOME / "tests").rglob("test_*.py")}


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(test_\w+\.py(?:::test_\w+)?)`", SEMANTICS))))
def test_a_rule_of_the_language_is_held_by_the_test_it_names(named: str):
    module, _, test = named.partition("::")

    assert module in TESTS
    assert not test or f"def {test}(" in TESTS[module]


def test_every_rule_of_the_language_names_its_test():
    rules = [line for line in SEMANTICS.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| what"))]

    assert [rule for rule in rules if ".py" not in rule.rpartition(" | ")[2] and "`test_" not in rule] == []
    assert len(rules) >= 30


@pytest.mark.parametrize("flow", [block for block in blocks(HOME / "docs" / "flows.md", "yaml") if block.startswith("selfline:")])
def test_a_whole_flow_in_the_guide_loads_without_a_word(flow: str):
    assert [str(problem) for problem in load(flow).problems] == []


def test_make_help_names_what_a_newcomer_needs_before_what_only_developers_do():
    told = subprocess.run(["make", "--no-print-directory", "help"], cwd=HOME, capture_output=True, text=True, check=True).stdout

    headings = [line for line in told.splitlines() if line and not line.startswith(" ")]
    assert headings == ["to use it", "to change it", "to measure it, for longer than the tests do"]
    assert told.index("  run ") < told.index("  demo ") < told.index("to change it") < told.index("  test ") < told.index("  lint ")
    assert max(map(len, told.splitlines())) <= 120
