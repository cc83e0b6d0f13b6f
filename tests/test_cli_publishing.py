"""Publishing at the command line, as a designer and an operator meet it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from ivr.bootstrap.demo import tell_edits
from ivr.bootstrap.publishing import Request, publish
from ivr.config import Settings
from tests.conftest import HOME
from tests.test_cli import ivr
from tests.test_docs import README_FLOW
from tests.tools.test_publishing import noon


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A project with one line, 2000."""
    home = tmp_path / "home"
    (home / "flows").mkdir(parents=True)
    (home / "prompts").symlink_to(HOME / "prompts")
    (home / "flows" / "2000.yaml").write_text(README_FLOW, encoding="utf-8")
    return {"IVR_HOME": str(home), "IVR_VAR": str(tmp_path / "var")}


def edit(environment: dict[str, str]) -> None:
    path = Path(environment["IVR_HOME"]) / "flows" / "2000.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("留言请按二", "请按二留言"), encoding="utf-8")


def test_a_line_is_published_changed_compared_and_rolled_back(environment: dict[str, str]):
    flow = f"{environment['IVR_HOME']}/flows/2000.yaml"

    first = ivr("publish", flow, "--note", "the first", **environment)
    same = ivr("diff", "2000", **environment)
    edit(environment)
    differs = ivr("diff", "2000", **environment)
    trial = ivr("publish", "--share", "10", **environment)
    listed = ivr("versions", "2000", "--format", "json", **environment)
    back = ivr("rollback", "2000", **environment)
    told = ivr("versions", **environment)

    assert [one.returncode for one in (first, same, differs, trial, listed, back, told)] == [0, 0, 1, 0, 0, 0, 0]
    assert same.stdout == ""
    assert differs.stdout.startswith("changed   'main' (menu)\n            says (zh-CN): 查询话费请按一，请按二留言。\n")
    assert "\n--- flows/2000.yaml (version 1)\n+++ flows/2000.yaml (the file)\n" in differs.stdout
    known = json.loads(listed.stdout)["2000"]
    assert [(one["version"], one["share"], one["note"]) for one in known] == [(2, 10, ""), (1, 90, "the first")]
    assert back.stdout == "2000       rollback version 1 answers every call when the line runs\n"
    assert told.stdout.splitlines()[0] == "2000"
    assert "  1        2" in told.stdout


def test_a_flow_with_errors_is_told_on_standard_error_and_nothing_is_published(environment: dict[str, str]):
    path = Path(environment["IVR_HOME"]) / "flows" / "2000.yaml"
    path.write_text(README_FLOW.replace("{1: balance,", "{1: balanse,"), encoding="utf-8")

    refused = ivr("publish", **environment)
    nothing = ivr("versions", **environment)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "flows/2000.yaml:11:18: error: no node named 'balanse'" in refused.stderr
    assert nothing.stdout == "nothing has been published yet: start the line (make run), or ivr publish\n"


def test_a_prompt_that_lacks_a_language_of_the_flow_stops_the_publication(environment: dict[str, str]):
    """No caller may meet a silence where the others hear a sentence."""
    path = Path(environment["IVR_HOME"]) / "flows" / "2000.yaml"
    path.write_text(README_FLOW.replace("languages: [zh-CN]", "languages: [zh-CN, en-US]"), encoding="utf-8")

    refused = ivr("publish", **environment)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "error: this prompt has no text in en-US  [missing-language]" in refused.stderr
    assert not (Path(environment["IVR_VAR"]) / "versions" / "2000").exists()


def test_diff_has_the_status_of_diff(environment: dict[str, str]):
    trouble = ivr("diff", "3000", **environment)

    assert (trouble.returncode, trouble.stderr) == (
        2,
        "ivr: no line '3000' has been published: start the line (make run), or ivr publish\n",
    )


def test_a_change_of_comments_is_told_as_one(environment: dict[str, str]):
    ivr("publish", "--skip-proof", "about comments", **environment)
    path = Path(environment["IVR_HOME"]) / "flows" / "2000.yaml"
    path.write_text(f"# a menu\n{path.read_text(encoding='utf-8')}", encoding="utf-8")

    differs = ivr("diff", "2000", **environment)

    assert differs.returncode == 1
    assert differs.stdout.startswith("no difference that a caller would notice\n--- flows/2000.yaml")


def test_who_edits_a_flow_under_a_running_line_is_told_the_cure_once(environment: dict[str, str]):
    settings = dataclasses.replace(Settings.from_environment(environment), flow="2000")
    flow = settings.home / "flows" / "2000.yaml"
    publish(settings, [flow], Request(), noon, lambda sentence: None)

    async def scenario() -> list[str]:
        told: list[str] = []
        news = asyncio.Event()

        def warn(sentence: str) -> None:
            told.append(sentence)
            news.set()

        watching = asyncio.create_task(tell_edits(settings, warn, every=0.01))
        edit(environment)
        await asyncio.wait_for(news.wait(), 10)
        news.clear()
        flow.with_name("3000.yaml").write_text(README_FLOW, encoding="utf-8")
        await asyncio.wait_for(news.wait(), 10)
        watching.cancel()
        return told

    assert asyncio.run(scenario()) == [
        "flows/2000.yaml has changed since version 1 was published, which callers meet (ivr diff 2000, ivr publish flows/2000.yaml)",
        "flows/3000.yaml has not been published, so 3000 is not answered (ivr publish flows/3000.yaml)",
    ]
