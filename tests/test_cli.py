"""The command `ivr` as a person meets it: what it prints, and what it says when something is wrong."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import HOME


def ivr(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command; IVR_VAR and so on as keywords."""
    return subprocess.run(
        [sys.executable, "-m", "ivr.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(HOME), **environment},
        check=False,
    )


def test_say_prints_the_words():
    said = ivr("say", "money", "35.62")

    assert (said.returncode, said.stdout) == (0, "三十五元六角二分\n")


def test_say_takes_negative_values_for_values():
    said = ivr("say", "money", "-20.5")

    assert (said.returncode, said.stdout) == (0, "欠费二十元五角\n")


def test_say_tells_how_to_write_a_value():
    said = ivr("say", "money", "much")

    assert (said.returncode, said.stderr) == (1, "ivr: 'much' is not an amount of money; write it like 35.62\n")


def test_a_wrong_command_line_ends_with_2():
    assert ivr("sya", "money", "1").returncode == 2


def test_lint_of_the_shipped_flows_is_clean():
    linted = ivr("lint")

    assert (linted.returncode, linted.stdout) == (0, "5 flows checked, no errors\n")


@pytest.mark.parametrize(
    ("mistake", "problem"),
    [
        (("then: quick}", "then: quik}"), "error: no node named 'quik'; did you mean 'quick'?  [unknown-target]"),
        (
            ("lookup: account", "lookup: acount"),
            "error: the back office has no look-up 'acount'; did you mean 'account'?  [unknown-lookup]",
        ),
        (("say: welcome,", "say: welcom,"), "error: no prompt is named 'welcom'; did you mean 'welcome'?  [unknown-prompt]"),
        (("menu: main_menu", "menu: [main_menu"), "error: this is not YAML: "),
    ],
    ids=["target", "look-up", "prompt", "yaml"],
)
def test_lint_tells_place_sentence_and_suggestion(tmp_path: Path, mistake: tuple[str, str], problem: str):
    text = (HOME / "flows" / "1008611.yaml").read_text(encoding="utf-8")
    flow = tmp_path / "broken.yaml"
    flow.write_text(text.replace(*mistake, 1), encoding="utf-8")

    linted = ivr("lint", str(flow))

    assert linted.returncode == 1
    assert re.search(rf"broken.yaml:\d+:\d+: {re.escape(problem)}", linted.stdout), linted.stdout
    assert re.search(r"^\d+ errors?(, \d+ warnings?)? in 1 flow$", linted.stdout.splitlines()[-1])
    assert "Traceback" not in linted.stderr


def test_lint_of_a_file_that_is_not_there_is_one_sentence():
    linted = ivr("lint", "flows/nowhere.yaml")

    assert (linted.returncode, linted.stderr) == (1, "ivr: cannot read flows/nowhere.yaml: No such file or directory\n")


def test_the_shipped_conversations_are_held():
    held = ivr("test")

    assert held.returncode == 0
    assert re.fullmatch(r"\d+ conversations held in \d+\.\d\d s, 0 failed\n", held.stdout)


def one_conversation(folder: Path, *steps: str) -> Path:
    path = folder / "t.yaml"
    listed = "".join(f"      - {step}\n" for step in steps)
    flow = HOME / "flows" / "1008611.yaml"
    path.write_text(
        f"flow: {flow}\nconversations:\n  - name: One\n    back_office: {{account: {{language: zh-CN}}}}\n    steps:\n{listed}",
        encoding="utf-8",
    )
    return path


def test_too_little_coverage_fails_and_tells_the_way_to_more(tmp_path: Path):
    held = ivr("test", str(one_conversation(tmp_path, "hang_up")), "--min-coverage", "90")

    assert held.returncode == 1
    assert re.search(r"^flows/1008611.yaml:\d+:3: nobody pressed 1 at 'main': there, `press: \"1\"`$", held.stdout, re.MULTILINE)
    assert held.stderr == "flows/1008611.yaml is covered to 12.6 %, which is less than 90 %\n"


def test_the_shipped_conversations_cover_the_line():
    held = ivr("test", "--coverage", "--min-coverage", "100")

    assert held.returncode == 0
    assert re.search(r"^    all +(\d+) of \1 +100 %$", held.stdout, re.MULTILINE)


def test_a_conversation_that_fails_is_shown_and_written_for_ci(tmp_path: Path):
    report = tmp_path / "report.xml"

    held = ivr("test", str(one_conversation(tmp_path, "hears: 一元", "hang_up")), "--junit", str(report))

    assert held.returncode == 1
    assert held.stdout.startswith("FAILED: One\n    flows/1008611.yaml:")
    assert re.search(r"^0 conversations held in \d+\.\d\d s, 1 failed$", held.stdout, re.MULTILINE)
    assert 'failures="1"' in report.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    held = ivr("test", "--junit", str(tmp_path / "nowhere" / "report.xml"))

    assert (held.returncode, held.stderr) == (1, f"ivr: cannot write {tmp_path}/nowhere/report.xml: No such file or directory\n")


def test_tickets_before_any_line_has_run_are_explained(tmp_path: Path):
    listed = ivr("tickets", "list", IVR_VAR=str(tmp_path))

    assert listed.returncode == 1
    assert listed.stderr.startswith(f"ivr: there is no database at {tmp_path}/selfline.db yet: start the line first")


def serve(var: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return ivr("serve", IVR_VAR=str(var), **environment)


def test_serve_on_a_port_in_use_names_the_port_and_the_setting(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        served = serve(tmp_path, IVR_AGI_PORT=str(port))

    assert served.returncode == 1
    assert f"ivr: port {port} on 127.0.0.1 is in use by another program; set IVR_AGI_PORT to a free one" in served.stderr
    assert "Traceback" not in served.stderr


def test_serve_with_a_setting_that_is_no_port_names_it(tmp_path: Path):
    served = serve(tmp_path, IVR_AGI_PORT="many")

    assert (served.returncode, served.stderr) == (1, "ivr: IVR_AGI_PORT must be a port number from 1 to 65535, not 'many'\n")


def test_serve_of_a_flow_that_is_not_there_names_those_that_are(tmp_path: Path):
    served = serve(tmp_path, IVR_FLOW="10010")

    assert (served.returncode, served.stderr) == (
        1,
        "ivr: IVR_FLOW is '10010', but there is no flows/10010.yaml; there are: 10086, 1008611\n",
    )


def test_serve_where_the_database_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "selfline.db").mkdir()

    served = serve(tmp_path)

    assert served.returncode == 1
    assert f"{tmp_path}/selfline.db" in served.stderr
    assert "Traceback" not in served.stderr


def test_tickets_are_listed_as_json(tmp_path: Path):
    """An engine that starts makes the database; a JSON list is a list even when it is empty."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        serve(tmp_path, IVR_AGI_PORT=str(other.getsockname()[1]))

    listed = ivr("tickets", "list", "--format", "json", IVR_VAR=str(tmp_path))

    assert (listed.returncode, json.loads(listed.stdout)) == (0, [])


def test_a_reference_that_does_not_exist_is_told(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        serve(tmp_path, IVR_AGI_PORT=str(other.getsockname()[1]))

    shown = ivr("tickets", "show", "123456", IVR_VAR=str(tmp_path))

    assert (shown.returncode, shown.stderr) == (1, "ivr: there is no ticket '123456'\n")


def tried_with(typed: str) -> str:
    """What `ivr try` shows to whom types that."""
    tried = subprocess.run(
        [sys.executable, "-m", "ivr.cli", "try", "--caller", "13900001001"],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(HOME)},
        check=False,
    )
    assert tried.returncode == 0
    return tried.stdout


def test_try_tells_what_can_be_typed_once_and_to_whoever_asks_or_errs():
    help_ = "  (keys (12#), say WORDS"

    assert tried_with("1\n\nhang\n").count(help_) == 1
    assert tried_with("1\n?\nhang\n").count(help_) == 2
    assert f"  ? 'zzz' is no key, and nothing that can be typed here\n{help_}" in tried_with("zzz\nhang\n")
    assert "  (leave, short (say nothing)" in tried_with("5\nhang\n")


def test_try_talks_to_the_line_in_the_terminal():
    tried = tried_with("1\nhang\n")

    assert "☎ 您好，欢迎致电自助查询专线。您的账户余额是零元" in tried
    assert "the call is over: self_served" in tried


def test_graph_lists_the_line():
    drawn = ivr("graph")

    assert drawn.returncode == 0
    assert drawn.stdout.startswith("1008611  (flows/1008611.yaml)\n  in every menu: * goes back")


def test_graph_shows_where_the_conversations_have_been(tmp_path: Path):
    drawing = tmp_path / "line.mmd"

    drawn = ivr("graph", "flows/1008611.yaml", "--coverage", "--format", "mermaid", "-o", str(drawing))

    assert (drawn.returncode, drawn.stdout) == (0, "")
    text = drawing.read_text(encoding="utf-8")
    assert text.startswith("flowchart TD\n")
    assert re.search(r"\((\d+) of \1 edges\)", text)
    assert "untaken\n" not in text.replace("classDef untaken", "")


def test_a_drawing_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    drawn = ivr("graph", "-o", str(tmp_path / "nowhere" / "line.txt"))

    assert (drawn.returncode, drawn.stderr) == (1, f"ivr: cannot write {tmp_path}/nowhere/line.txt: No such file or directory\n")


GROUPS = ("tickets", "console", "console users", "console tokens", "console webhooks", "sms", "callers", "prompts")


@pytest.mark.parametrize("group", GROUPS)
def test_help_of_a_group_cuts_no_sentence_short(group: str):
    helped = ivr(*group.split(), "--help")

    assert helped.returncode == 0
    assert helped.stdout.count("...") == 1  # of the usage line


def test_help_names_every_verb_with_a_whole_sentence():
    helped = ivr("--help")

    assert helped.returncode == 0
    assert helped.stdout.count("...") == 1  # of the usage line: no sentence is cut short
    for verb in ("run", "serve", "call", "why", "try", "lint", "test", "prove", "graph", "lookups", "say", "prompts", "schema", "tickets"):
        assert re.search(rf"^  {verb} ", helped.stdout, re.MULTILINE), verb
