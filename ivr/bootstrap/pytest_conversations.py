"""Conversations as tests of pytest: `pytest flows/tests` collects each conversation of each file there, without a line of Python.

A file is collected when it is YAML and has `flow` and `conversations` at its head, so that other YAML files are left alone. A conversation
that does not hold fails with its transcript. pytest loads this module at every start: what it needs is imported when there is such a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ivr.core.flow import Flow
    from ivr.core.values import Value
    from ivr.tools.conversations import Conversation
    from ivr.tools.flowtest import Outcome

_SUFFIXES = (".yaml", ".yml")
_HEAD = ("flow:", "conversations:")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Takes files of conversations."""
    if file_path.suffix in _SUFFIXES and _looks_like_conversations(file_path):
        return ConversationsFile.from_parent(parent, path=file_path)
    return None


def _looks_like_conversations(path: Path) -> bool:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return all(any(line.startswith(key) for line in lines) for key in _HEAD)


class ConversationsFile(pytest.File):
    """One file of conversations and its flow, which is compiled once."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each conversation. A file or flow with errors is told with all of them."""
        from adapters.backoffice.signatures import SIGNATURES
        from ivr.bootstrap.conversations import flow_of
        from ivr.config import Settings
        from ivr.errors import UserError
        from ivr.tools.conversations import read_script
        from ivr.tools.lint import read_text, shown

        home = Settings.from_environment(os.environ).home
        try:
            script, problems = read_script(read_text(self.path, home), shown(self.path, home), SIGNATURES)
            if script is None:
                raise UserError("\n".join(map(str, problems)))
            flow = flow_of((self.path.parent / script.flow).resolve(), home)
        except UserError as error:
            raise self.CollectError(str(error)) from error
        for conversation in script.conversations:
            yield ConversationItem.from_parent(self, name=conversation.name, flow=flow, conversation=conversation)


class ConversationItem(pytest.Item):
    """One conversation with its flow."""

    def __init__(self, *, flow: Flow, conversation: Conversation, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]  # name and parent, which pytest gives
        self._flow = flow
        self._conversation = conversation

    def runtest(self) -> None:
        """Hold it."""
        from ivr.tools.flowtest import run

        outcome = run(self._flow, self._conversation, _nobody)
        if outcome.problem is not None:
            raise DidNotHold(outcome)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The transcript, with the places of the steps and of the nodes."""
        from ivr.tools.flowtest import told

        if isinstance(excinfo.value, DidNotHold):
            return "\n".join(told(excinfo.value.outcome))
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the conversation begins."""
        return self.path, self._conversation.mark.line - 1, self.name


class DidNotHold(Exception):
    """A conversation did not go as written."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome.problem))
        self.outcome = outcome


def _nobody(name: str, arguments: Mapping[str, Value]) -> Value:
    raise LookupError(name)
