"""The engine's side of publishing: what it takes, what it refuses, and what a call keeps."""

from __future__ import annotations

import json
import os
import threading

import pytest
import structlog

from adapters.storage.versions import VersionStore
from ivr.bootstrap.publishing import Request
from ivr.bootstrap.serving import ServedLines
from ivr.calls.versions import Service, Trial
from ivr.config import Settings
from ivr.errors import UserError
from tests.conftest import HOME
from tests.test_docs import README_FLOW
from tests.tools.test_publishing import NOON, edit, flow_file, published
from tests.tools.test_publishing import project as project  # a fixture


def served(project: Settings) -> tuple[ServedLines, list[str]]:
    taken: list[str] = []
    lines = ServedLines(VersionStore(project.versions), lambda one: taken.append(one.version.name))
    lines.refresh()
    return lines, taken


def test_an_engine_takes_what_is_published_and_a_call_keeps_what_it_began_with(project: Settings):
    published(project)
    lines, taken = served(project)
    first = lines.choose("2000", "13900001008", "s")
    edit(project, "留言请按二", "请按二留言")
    published(project)

    lines.refresh()

    second = lines.choose("2000", "13900001008", "s")
    assert taken == ["2000@1", "2000@2"]
    assert (first.version.number, second.version.number) == (1, 2)
    assert first.flow.nodes["main"] != second.flow.nodes["main"]


def test_an_engine_takes_a_new_line_and_lets_go_of_one_that_was_withdrawn(project: Settings):
    published(project)
    lines, _ = served(project)
    flow_file(project, "3000").write_text(README_FLOW, encoding="utf-8")
    assert not lines.answers("3000")
    published(project, None, "3000")
    lines.refresh()
    assert lines.answers("3000")

    (project.versions / "3000").rename(project.var / "3000")
    lines.refresh()

    assert not lines.answers("3000")
    with pytest.raises(UserError, match="no line 3000 is published"):
        lines.choose("3000", "", "s")


def spoil(project: Settings, number: int) -> None:
    VersionStore(project.versions).version("2000", number).flow.write_text("x", encoding="utf-8")


def test_a_version_that_does_not_compile_is_refused_and_the_old_one_stays(project: Settings):
    published(project)
    lines, taken = served(project)
    store = VersionStore(project.versions)
    files = {"flows/2000.yaml": README_FLOW.replace("{1: balance,", "{1: balanse,").encode()}
    prompts = {f"prompts/{path.name}": path.read_bytes() for path in (HOME / "prompts").glob("*.yaml")}
    with store.draft({**files, **prompts}) as draft, store.locked():
        store.keep(draft, "2000", at=NOON, note="", digest="", checked="")
        store.serve("2000", Service(2, None, (1,)))

    with structlog.testing.capture_logs() as logs:
        lines.refresh()
        lines.refresh()

    assert taken == ["2000@1"]
    assert lines.choose("2000", "", "s").version.number == 1
    (refusal,) = lines.refusals("2000")
    assert refusal.startswith("flows/2000.yaml:11:18: error: no node named 'balanse'")
    assert [(log["event"], log["version"], log["reason"]) for log in logs] == [("version_refused", "2000@2", refusal)]


def test_a_trial_that_does_not_compile_is_nobodys_and_one_that_does_is_divided(project: Settings):
    published(project)
    edit(project, "留言请按二", "请按二留言")
    published(project, Request(share=30))
    lines, _ = served(project)
    callers = [f"1390000{number:04d}" for number in range(500)]

    on_trial = {caller for caller in callers if lines.choose("2000", caller, "s").version.number == 2}
    again = {caller for caller in callers if lines.choose("2000", caller, "other").version.number == 2}

    assert on_trial == again
    assert 110 < len(on_trial) < 190
    spoil(project, 2)
    fresh, _ = served(project)
    assert {fresh.choose("2000", caller, "s").version.number for caller in callers} == {1}


def test_an_engine_that_starts_beside_a_spoilt_version_answers_with_the_one_before(project: Settings):
    published(project)
    edit(project, "留言请按二", "请按二留言")
    published(project)
    spoil(project, 2)

    lines, taken = served(project)

    assert taken == ["2000@1"]
    spoil(project, 1)
    lines, taken = served(project)
    assert (taken, lines.answers("2000"), len(lines.refusals("2000"))) == ([], False, 2)


def test_a_damaged_file_of_what_answers_changes_nothing(project: Settings):
    published(project)
    lines, _ = served(project)
    (project.versions / "2000" / "current.json").write_text("{", encoding="utf-8")

    lines.refresh()

    assert lines.choose("2000", "", "s").version.number == 1


def test_the_engines_word_has_shares_refusals_and_calls(project: Settings):
    published(project)
    edit(project, "留言请按二", "请按二留言")
    published(project, Request(share=30))
    lines, _ = served(project)
    call = lines.choose("2000", "", "s").version
    lines.begun(call)
    lines.begun(call)
    lines.over(call)

    told = lines.told()

    assert told["lines"] == {"2000": {"answers": {"1": 70, "2": 30}, "refused": {}, "calls": {str(call.number): 1}}}
    assert told["pid"] == os.getpid()
    lines.over(call)
    assert json.loads(json.dumps(lines.told()))["lines"]["2000"]["calls"] == {}


def test_a_file_that_is_being_edited_reaches_no_caller(project: Settings):
    """The flow is written byte by byte, over and over, while an engine looks: what it answers with is what was published."""
    published(project)
    lines, taken = served(project)
    over = threading.Event()

    def write() -> None:
        text = README_FLOW.replace("留言请按二", "请按二留言")
        while not over.is_set():
            for length in range(0, len(text), 7):
                flow_file(project).write_text(text[:length], encoding="utf-8")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            lines.refresh()
            VersionStore(project.versions).serve("2000", Service(1))
    finally:
        over.set()
        writer.join()

    assert taken == ["2000@1"]
    assert "请按二留言" not in repr(lines.choose("2000", "", "s").flow)


def test_while_it_is_published_all_the_time_an_engine_always_has_something_to_answer_with(project: Settings):
    """Two publishers, an engine that looks all the time: no look fails, and in the end the last word is what answers."""
    published(project)
    lines, _ = served(project)
    store = VersionStore(project.versions)
    version = store.version("2000", 1)
    files = {name: (version.folder / name).read_bytes() for name in ("flows/2000.yaml", "prompts/zh-CN.yaml", "prompts/en-US.yaml")}

    def work(trial: bool) -> None:
        for _ in range(15):
            with store.draft(files) as draft, store.locked():
                kept = store.keep(draft, "2000", at=NOON, note="", digest="", checked="")
                old = store.service("2000")
                assert old is not None
                store.serve("2000", Service(old.number, Trial(kept.number, 50), old.before) if trial else old.promoted(kept.number))

    workers = [threading.Thread(target=work, args=(trial,)) for trial in (True, False)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        lines.refresh()
        assert lines.choose("2000", "", "s").flow.start == "look_up"
        assert lines.refusals("2000") == ()
    lines.refresh()

    last = store.service("2000")
    assert last is not None
    assert {str(number): share for number, share in last.shares.items()} == lines.told()["lines"]["2000"]["answers"]  # type: ignore[index]
    assert len(store.versions("2000")) == 31
