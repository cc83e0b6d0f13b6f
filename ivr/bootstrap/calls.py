"""Past calls, read back from the journal: told, run again, and made into tests."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.backoffice.signatures import SIGNATURES
from adapters.storage.journal import read_calls, read_journal, sessions_in, unseal
from adapters.storage.keys import DataKey, read_data_key
from adapters.storage.versions import VersionStore
from ivr.bootstrap.conversations import flow_of
from ivr.calls.events_as_data import Unreadable
from ivr.config import Settings
from ivr.core.flow import Flow
from ivr.errors import UserError
from ivr.tools.differences import differences
from ivr.tools.lint import lint
from ivr.tools.replay import PastCall, Replayed, past_call, replay
from ivr.tools.retold import conversation_of
from ivr.tools.traffic import Traffic
from ivr.tools.why import tell

_VERSION = re.compile(r"([a-z0-9][a-z0-9_-]{0,31})@([1-9][0-9]{0,8})")


def story(settings: Settings, call: str | None) -> tuple[str, ...]:
    """One call as `ivr why` tells it. Raises UserError when the journal does not know it, or knows several."""
    session = session_of(settings, call)
    return (f"call {session}", *tell(read_journal(settings.var / "journal", session)))


def session_of(settings: Settings, call: str | None) -> str:
    """The session that begins so, or the last one. Raises UserError when there is none, or several."""
    folder = settings.var / "journal"
    sessions = sessions_in(folder)
    if not sessions:
        raise UserError(f"no call is in the journal yet: {folder}")
    found = [session for session in sessions if session.startswith(call)] if call else [sessions[-1]]
    if not found:
        raise UserError(f"no call's session begins with {call!r}; the latest is {sessions[-1]}")
    if len(found) > 1:
        raise UserError(f"{len(found)} calls' sessions begin with {call!r}: {', '.join(found[:5])}{', …' if len(found) > 5 else ''}")
    return found[0]


@dataclass(frozen=True, slots=True)
class Past:
    """A call of the journal, and the flow it had: that of its version, if it is there still, else the one that lies in flows/ now."""

    call: PastCall
    line: str
    flow: Flow
    remark: str | None  # said when the flow may not be the one the call had


def recall(settings: Settings, call: str | None) -> Past:
    """A call ready to be run again. Raises UserError when it cannot be."""
    session = session_of(settings, call)
    past = opened(session, list(read_journal(settings.var / "journal", session)), data_key(settings))
    line, number = line_and_number(past)
    if not (settings.home / "flows" / f"{line}.yaml").exists() and not number:
        raise UserError(f"call {session} was answered by {line}, and there is no flows/{line}.yaml")
    flow = version_flow(settings, line, number) if number else None
    if flow is not None:
        return Past(past, line, flow, None)
    remark = f"version {past.version} is not stored" if number else "the journal does not name the version of its flow"
    working = working_flow(settings, line)
    return Past(past, line, working, f"{remark}; it is run through flows/{line}.yaml as it is now")


def run_again(settings: Settings, past: Past, other: Path | None) -> Replayed:
    """Run a call again, with another flow when one is named. Raises UserError when that has errors."""
    return replay(past.flow if other is None else flow_of(other, settings.home), past.call)


def made_test(settings: Settings, past: Past, output: Path | None) -> str:
    """The call as a conversation with the flow as it lies in flows/, for `output` or a file in flows/tests/. Raises UserError."""
    folder = (output.parent if output is not None else settings.home / "flows" / "tests").resolve()
    flow_file = (settings.home / "flows" / f"{past.line}.yaml").resolve()
    return conversation_of(working_flow(settings, past.line), past.call, SIGNATURES, os.path.relpath(flow_file, folder))


def write_test(path: Path, text: str) -> None:
    """A new file. Raises UserError when it cannot be written or is there already."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"{path} is there already, and a test is not overwritten") from None
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def traffic_on(settings: Settings, path: Path, since: dt.date | None) -> tuple[Flow, Traffic]:
    """What the calls of the journal did on a flow; those of versions that differ from it are left out and counted. Raises UserError."""
    flow, key = flow_of(path, settings.home), data_key(settings)
    found, alike = Traffic(), dict[str, bool]()
    day_before = since - dt.timedelta(days=1) if since else None  # the journal's days are UTC days
    for session, entries in read_calls(settings.var / "journal", day_before):
        if since is not None and _began(entries) < since:
            continue
        try:
            call = opened(session, entries, key)
        except UserError:
            found.left_out["that cannot be run again"] += 1
            continue
        line, number = line_and_number(call)
        if line != path.stem:
            continue
        name = call.version or "a version without a name"
        if name not in alike:
            version = version_flow(settings, line, number) if number else flow
            alike[name] = version is not None and not differences(version, flow)
        replayed = replay(flow, call) if alike[name] else None
        if replayed is not None and replayed.difference is None:
            found.add(flow, replayed.passages)
        else:
            found.left_out[f"of {name}"] += 1
    return flow, found


def _began(entries: Sequence[Mapping[str, Any]]) -> dt.date:
    """The day on which a call began, in the line's own zone."""
    return dt.datetime.fromisoformat(str(entries[0]["at"])).date()


def data_key(settings: Settings) -> DataKey:
    """What opens the sealed part of the journal. Raises UserError."""
    path = settings.secrets / "data_key"
    if not path.exists():
        raise UserError(f"a call is run again with the data key, and {path} is not there")
    return read_data_key(path)


def opened(session: str, entries: Sequence[Mapping[str, Any]], key: DataKey) -> PastCall:
    """A call from its entries. Raises UserError when they do not suffice."""
    try:
        return past_call(session, entries, [unseal(entry, key) for entry in entries])
    except Unreadable as error:
        raise UserError(f"call {session} cannot be run again: {error}") from None


def line_and_number(call: PastCall) -> tuple[str, int]:
    """The line that answered a call and the number of its version, 0 where the journal does not say."""
    named = _VERSION.fullmatch(call.version)
    return (named[1], int(named[2])) if named else (call.started.dialled, 0)


def version_flow(settings: Settings, line: str, number: int) -> Flow | None:
    """A published version's flow, compiled; None when it is not stored. Raises UserError when it has errors now."""
    store = VersionStore(settings.versions)
    if all(version.number != number for version in store.versions(line)):
        return None
    version = store.version(line, number)
    linted = lint((version.flow,), version.folder, SIGNATURES)
    if linted.errors:
        problems = "\n".join(map(str, linted.errors))
        raise UserError(f"{version.name} does not compile any more:\n{problems}")
    return linted.flows[str(version.flow)]


def working_flow(settings: Settings, line: str) -> Flow:
    """The flow as it lies in flows/. Raises UserError."""
    return flow_of(settings.home / "flows" / f"{line}.yaml", settings.home)
