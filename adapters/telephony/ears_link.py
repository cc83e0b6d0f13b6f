"""The engine's side of the ears: whether they hear a language just now, and the grammars that are laid down for them.

Asterisk, not the engine, sends them the audio. But it would wait for ears that hang, so they are asked for a sign of life first.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import structlog

from ivr.calls.listening import grammar_name, grammar_text
from ivr.core.commands import Grammar

PATIENCE = 0.4  # seconds: ears that live answer in one or two milliseconds
_LONGEST_ANSWER = 4096

_log = structlog.get_logger(__name__)


class EarsLink:
    """The ears of a line. Nothing is raised for ears that are away: a caller can always use the keys."""

    def __init__(self, port: int, token: str, grammars: Path) -> None:
        self._port = port
        self._token = token
        self._grammars = grammars
        self._kept: set[str] = set()

    async def deaf(self, language: str, patience: float = PATIENCE) -> str:
        """Why nobody can listen in that language: gone, deadline, full, loading, language, garbage; "" when somebody can.

        Being asked for a language, the ears make themselves ready for it.
        """
        try:
            async with asyncio.timeout(patience):
                return await self._ask(language)
        except TimeoutError:
            return "deadline"
        except OSError:
            return "gone"
        except (ValueError, EOFError):
            return "garbage"

    def keep(self, grammar: Grammar) -> str:
        """The name of the grammar's file, which is there now. Raises OSError when the disk refuses it."""
        text = grammar_text(grammar)
        name = grammar_name(text)
        if name not in self._kept:
            path = self._grammars / name
            if not path.exists():
                self._grammars.mkdir(mode=0o700, parents=True, exist_ok=True)
                new = path.with_suffix(f".{os.getpid()}.new")
                new.write_bytes(text)
                new.replace(path)
            self._kept.add(name)
        return name

    async def _ask(self, language: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(f"GET /{self._token}/hears/{language} HTTP/1.1\r\nHost: ears\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read(_LONGEST_ANSWER)
            while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
                more = await reader.read(_LONGEST_ANSWER)
                answer += more
                if not more or len(answer) > _LONGEST_ANSWER:
                    raise ValueError("no answer of ours")
        finally:
            writer.close()
        match json.loads(answer.partition(b"\r\n\r\n")[2]):
            case {"deaf": str(reason)}:
                return reason
            case _:
                raise ValueError("no answer of ours")
