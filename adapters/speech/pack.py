"""A pack of recordings: which text lies in which a-law file. It ships with the project, one folder per language.

`<language>/manifest.json` ties every file to its text, voice, version, SHA-256, loudness and length; the files beside it are raw a-law.
Nothing here needs a model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.errors import VoiceFailed

HUMAN = "human:"
_MARKS = "。！？!?.…，；：,;:、"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded piece: raw a-law at `path`, whose content has `sha256`."""

    text: str
    path: Path
    sha256: str
    seconds: float
    voice: str  # who said it: a synthetic voice, or `human:` and a name
    version: str = ""  # of a synthetic voice and of how it was recorded; another one means recording it again
    lufs: float = -20.0  # how loud it is, see `loudness`
    name: str = ""  # of a person's recording: the prompt that it was made for

    @property
    def human(self) -> bool:
        """Whether a person said it; no build records over that."""
        return self.voice.startswith(HUMAN)

    @property
    def speaker(self) -> str:
        """The person's name, or the voice's."""
        return self.voice.removeprefix(HUMAN)


class Pack:
    """The recordings of one language, by text."""

    def __init__(self, language: str, recordings: Iterable[Recording]) -> None:
        self.language = language
        self.recordings: Mapping[str, Recording] = {recording.text: recording for recording in recordings}
        self._endings = {text.rstrip(_MARKS): recording for text, recording in sorted(self.recordings.items(), reverse=True)}

    def find(self, text: str) -> Recording | None:
        """The recording of this text; failing that, of the same words with another ending. None when there is none."""
        return self.recordings.get(text) or self._endings.get(text.rstrip(_MARKS))

    def damaged(self) -> tuple[Recording, ...]:
        """The recordings whose file is missing or not what the manifest says."""
        return tuple(recording for recording in self.recordings.values() if not _whole(recording))


def read_pack(folder: Path, language: str) -> Pack:
    """The pack of a language below `folder`; an empty one when it has no manifest. Raises VoiceFailed for an unreadable manifest."""
    home = folder / language
    manifest = home / "manifest.json"
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))["recordings"]
        return Pack(language, [_recording(home, text, entry) for text, entry in entries.items()])
    except FileNotFoundError:
        return Pack(language, ())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VoiceFailed(f"{manifest} is not a manifest of recordings; build it again with: ivr prompts build") from error


def write_manifest(folder: Path, language: str, recordings: Iterable[Recording]) -> None:
    """Write the manifest, one recording a line and in the order of the texts, so that a change is a small difference."""
    lines = [f"    {_json(item.text)}: {_json(_entry(item))}" for item in sorted(recordings, key=lambda item: item.text)]
    text = '{\n  "language": ' + _json(language) + ',\n  "recordings": {\n' + ",\n".join(lines) + "\n  }\n}\n"
    home = folder / language
    home.mkdir(parents=True, exist_ok=True)
    draft = home / "manifest.json.new"
    draft.write_text(text, encoding="utf-8")
    draft.replace(home / "manifest.json")


def _recording(home: Path, text: str, entry: Mapping[str, Any]) -> Recording:
    return Recording(
        text,
        home / str(entry["file"]),
        str(entry["sha256"]),
        float(entry["seconds"]),
        str(entry["voice"]),
        str(entry["version"]),
        float(entry["lufs"]),
        str(entry.get("name", "")),
    )


def _entry(item: Recording) -> Mapping[str, object]:
    return {
        "file": item.path.name,
        "seconds": round(item.seconds, 3),
        "lufs": round(item.lufs, 1),
        "voice": item.voice,
        "version": item.version,
        "sha256": item.sha256,
        **({"name": item.name} if item.name else {}),
    }


def sha256(content: bytes) -> str:
    """The hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def _whole(recording: Recording) -> bool:
    try:
        return sha256(recording.path.read_bytes()) == recording.sha256
    except OSError:
        return False


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
