"""The line's own voice on this machine's loudspeaker, for `ivr try --audio`: what callers will hear, not what a text looks like."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.speech.pack_voice import read_packs
from ivr.bootstrap.first_call import save_wave
from ivr.bootstrap.voices import make_voice
from ivr.config import Settings
from ivr.core.values import Utterance
from ivr.errors import UserError
from ivr.language.prompts import LANGUAGES

PLAYERS: Mapping[str, tuple[str, ...]] = {
    "aplay": ("-q",),
    "paplay": (),
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error"),
    "afplay": (),
    "play": ("-q",),
}
_LONGEST = 120  # seconds; no utterance is as long


class Loudspeaker:
    """Plays utterances, one after the other; to speak anew cuts short what still plays, as a caller's key would."""

    def __init__(self, home: Path) -> None:
        self._player = find_player()
        self._folder = tempfile.TemporaryDirectory()
        settings = Settings.from_environment({"IVR_HOME": str(home), **os.environ})
        self._voice = make_voice(settings, read_packs(home / "prompts" / "audio", LANGUAGES), Path(self._folder.name))
        self._playing: subprocess.Popen[bytes] | None = None
        self._spoken = 0

    def say(self, utterances: Sequence[Utterance]) -> None:
        """Begin to play them. Raises VoiceFailed for what cannot be said, and UserError when the player could not play what was before."""
        self.hush()
        if not utterances:
            return
        files = asyncio.run(self._files(utterances))
        self._spoken += 1
        path = Path(self._folder.name) / f"{self._spoken}.wav"
        save_wave(path, b"".join(file.read_bytes() for file in files))
        self._playing = subprocess.Popen(  # noqa: S603 - a player of PLAYERS, with a file of ours
            [*self._player, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def hush(self) -> None:
        """Stop what still plays. Raises UserError when it could not be played."""
        self._end(at_once=True)

    def finish(self) -> None:
        """Let what plays come to its end. Raises UserError when it could not be played."""
        self._end(at_once=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(UserError):
            self.hush()
        self._voice.close()
        self._folder.cleanup()

    async def _files(self, utterances: Sequence[Utterance]) -> list[Path]:
        return [await self._voice.file_for(utterance) for utterance in utterances]

    def _end(self, *, at_once: bool) -> None:
        playing, self._playing = self._playing, None
        if playing is None:
            return
        stopped = at_once and playing.poll() is None
        if stopped:
            playing.terminate()
        try:
            _, said = playing.communicate(timeout=_LONGEST)
        except subprocess.TimeoutExpired:
            playing.kill()
            _, said = playing.communicate()
        if playing.returncode and not stopped:
            told = said.decode(errors="replace").strip().splitlines()
            name = Path(self._player[0]).name
            raise UserError(f"{name} could not play the line's voice: {told[-1] if told else f'exit status {playing.returncode}'}")


def find_player() -> tuple[str, ...]:
    """The first program there is that plays a WAV file, with its options. Raises UserError when there is none."""
    for name, options in PLAYERS.items():
        if path := shutil.which(name, path=os.environ.get("PATH")):
            return (path, *options)
    raise UserError(f"nothing here plays sound: install one of {', '.join(PLAYERS)} (for example: apt-get install alsa-utils)")
