"""Recordings on disk: as Asterisk wrote them, or sealed with the data key; and as WAV, for whoever listens.

`<name>.alaw` is plain, `<name>.alaw.sealed` is encrypted (AES-256-GCM, bound to its name). While one takes the place of the other both are
there for a moment, so a reader looks for either.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from cryptography.exceptions import InvalidTag

from adapters.storage.durable import sync_folder
from adapters.storage.keys import DataKey
from ivr.calls.capture import BYTES_PER_SECOND
from ivr.errors import StoreFailed

SEALED = ".sealed"
_ALAW = 6  # the format tag of RIFF


def read_audio(folder: Path, name: str, key: DataKey) -> bytes:
    """The audio of a recording, a-law. Raises StoreFailed when it is not there, or not sealed with this key."""
    plain, sealed = folder / name, folder / f"{name}{SEALED}"
    try:
        return plain.read_bytes()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreFailed(f"the recording {name} cannot be read: {error.strerror}") from error
    try:
        return key.open(sealed.read_bytes(), name)
    except OSError as error:
        raise StoreFailed(f"the recording {name} cannot be read: {error.strerror}") from error
    except InvalidTag:
        raise StoreFailed(f"the recording {name} was changed, or sealed with another data key") from None


def seal(folder: Path, name: str, key: DataKey) -> bool:
    """Put a sealed copy beside a recording, durably; whether there was one to seal. Raises StoreFailed."""
    sealed = folder / f"{name}{SEALED}"
    temporary = folder / f"{name}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        audio = (folder / name).read_bytes()
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.seal(audio, name))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(sealed)
        sync_folder(folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreFailed(f"the recording {name} cannot be sealed: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return True


def remove_plain(folder: Path, name: str) -> None:
    """Remove the plain copy of what has been sealed."""
    _remove(folder, name)


def remove(folder: Path, name: str) -> None:
    """Remove a recording, plain and sealed."""
    _remove(folder, name)
    _remove(folder, f"{name}{SEALED}")


def sealed_and_plain(folder: Path) -> tuple[str, ...]:
    """The recordings of which both copies are there: a crash came between."""
    return tuple(path.name.removesuffix(SEALED) for path in folder.glob(f"*{SEALED}") if path.with_suffix("").exists())


def wav(audio: bytes) -> bytes:
    """A-law audio as a WAV file, which every player knows."""
    form = struct.pack("<HHIIHHH", _ALAW, 1, BYTES_PER_SECOND, BYTES_PER_SECOND, 1, 8, 0)
    fact = struct.pack("<I", len(audio))
    padded = audio + b"\0" * (len(audio) % 2)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"fact" + struct.pack("<I", 4) + fact
    chunks += b"data" + struct.pack("<I", len(audio)) + padded
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _remove(folder: Path, name: str) -> None:
    try:
        (folder / name).unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise StoreFailed(f"the recording {name} cannot be removed: {error.strerror}") from error
