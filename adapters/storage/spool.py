"""The spool: a folder that keeps every message from before the beep until the database has it, and the recordings for good.

    intents/<name>.json         a message that is not accounted for yet; <name>.facts beside it: it is whole, and was promised an answer
    done/<name>.json            accounted for; kept for seven days, enough to build the tickets anew after the database was lost
    recordings/<name>.alaw      written by Asterisk, made durable here, never deleted here; `recordings` seals and purges them
    calls/<session>.json        a call under way, or one that nobody answered and that the database does not have yet

Whatever is written is written durably: temporary file, fsync, then a name, then fsync of the folder. Folders are 0700, files 0600.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from adapters.storage.durable import sync_folder
from ivr.calls.capture import Failpoint, no_failpoint
from ivr.calls.intents import call_from_json, call_to_json, intent_from_json, intent_to_json, recording_name
from ivr.calls.ports import FoundRecording, MessageFacts, MessageIntent, UnansweredCall
from ivr.errors import MessageKeyTaken, SpoolFailed, UserError

log = structlog.get_logger(__name__)

FAILPOINTS = ("intent_written", "intent_named", "recording_synced")
LARGEST_INTENT = 16 * 1024
_SESSION = re.compile(r"[0-9a-f-]{1,64}")


class FileSpool:
    """The port Spool in a folder. Making one makes the folders, or raises UserError; permissions that are there already are left alone."""

    def __init__(self, root: Path, *, failpoint: Failpoint = no_failpoint) -> None:
        self._root = root
        self._intents = root / "intents"
        self._done = root / "done"
        self._recordings = root / "recordings"
        self._calls = root / "calls"
        self._failpoint = failpoint
        try:
            for folder in (root, self._intents, self._done, self._recordings, self._calls):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the spool {root}: {error.strerror}") from error

    def free_bytes(self) -> int:
        """The lesser of what intents and recordings have left; none when there is no file to be had any more."""
        with _failing("cannot see how full the disk is"):
            return min(_free(self._intents), _free(self._recordings))

    def write_intent(self, intent: MessageIntent) -> None:
        """Reserve the message key for good: in use, done or recorded, it is taken."""
        name = recording_name(intent)
        taken = (self._done / f"{name}.json", self._recordings / f"{name}.alaw")
        with _failing("cannot write an intent"):
            if any(path.exists() for path in taken):
                raise MessageKeyTaken(f"there is a message {name} already")
            self._write(self._intents / f"{name}.json", intent_to_json(intent))

    def intents(self) -> tuple[MessageIntent, ...]:
        with _failing("cannot read the intents"):
            found = [intent for path in self._intents.glob("*.json") if (intent := _read(path))]
        return tuple(sorted(found, key=lambda intent: intent.begun_at))

    def intent_done(self, intent: MessageIntent) -> None:
        name = recording_name(intent)
        with _failing("cannot put an intent away"):
            try:
                (self._intents / f"{name}.json").rename(self._done / f"{name}.json")
                os.utime(self._done / f"{name}.json")
            except FileNotFoundError:
                return  # put away before
            (self._intents / f"{name}.facts").unlink(missing_ok=True)
            sync_folder(self._done)
            sync_folder(self._intents)

    def recording_name(self, intent: MessageIntent) -> str:
        return recording_name(intent)

    def recording_path(self, intent: MessageIntent) -> Path:
        return self._recordings / f"{recording_name(intent)}.alaw"

    def settle(self, recording: Path, samples: int | None) -> MessageFacts:
        digest = hashlib.sha256()
        size = 0
        with _failing("cannot make a recording durable"):
            try:
                with recording.open("rb") as file:
                    os.fsync(file.fileno())
                    sync_folder(self._recordings)
                    self._failpoint("recording_synced")
                    while block := file.read(1 << 16):
                        digest.update(block)
                        size += len(block)
            except FileNotFoundError:
                pass  # nothing was recorded: a message of no length
        return MessageFacts(recording, size, samples, digest.hexdigest(), partial=samples is not None and size < samples)

    def write_facts(self, intent: MessageIntent, facts: MessageFacts) -> None:
        values = {
            "recording": facts.path.name,
            "size": facts.size,
            "samples": facts.samples,
            "sha256": facts.sha256,
            "partial": facts.partial,
        }
        path = self._intents / f"{recording_name(intent)}.facts"
        with _failing("cannot write the facts of a message"):
            path.unlink(missing_ok=True)
            self._write(path, json.dumps(values))

    def facts(self, intent: MessageIntent) -> MessageFacts | None:
        path = self._intents / f"{recording_name(intent)}.facts"
        with _failing("cannot read the facts of a message"):
            try:
                values = json.loads(path.read_text(encoding="utf-8"))
                return MessageFacts(
                    self._recordings / values["recording"], values["size"], values["samples"], values["sha256"], values["partial"]
                )
            except FileNotFoundError:
                return None
            except (ValueError, KeyError, TypeError):
                log.warning("facts_unreadable", file=path.name)
                return None

    def recordings(self, known: Collection[str] = ()) -> tuple[FoundRecording, ...]:
        found = []
        with _failing("cannot list the recordings"), os.scandir(self._recordings) as entries:
            for entry in entries:
                if entry.name.endswith(".alaw") and entry.name not in known and (status := _status(entry)):
                    changed_at = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
                    found.append(FoundRecording(Path(entry.path), status.st_size, changed_at))
        return tuple(sorted(found, key=lambda recording: recording.changed_at))

    def done_intent(self, recording: Path) -> MessageIntent | None:
        path = self._done / f"{recording.stem}.json"
        with _failing("cannot read an intent that is done"):
            return _read(path) if path.exists() else None

    def note_call(self, call: UnansweredCall, *, durable: bool) -> None:
        path = self._calls / f"{_name_of_call(call.session)}.json"
        temporary = path.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}.tmp")
        with _failing("cannot note a call"):
            try:
                with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                    file.write(call_to_json(call))
                    if durable:
                        file.flush()
                        os.fsync(file.fileno())
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            if durable:
                sync_folder(self._calls)

    def noted_calls(self) -> tuple[UnansweredCall, ...]:
        with _failing("cannot read the notes of calls"):
            found = [call for path in self._calls.glob("*.json") if (call := _read_call(path))]
        return tuple(sorted(found, key=lambda call: call.begun_at))

    def call_done(self, session: str) -> None:
        with _failing("cannot put a note of a call away"):
            (self._calls / f"{_name_of_call(session)}.json").unlink(missing_ok=True)

    def forget_caller(self, caller_id: str) -> int:
        with _failing("cannot forget a caller"):
            theirs = [path for path in self._done.glob("*.json") if (intent := _read(path)) and intent.caller_id == caller_id]
            for path in theirs:
                path.unlink(missing_ok=True)
        return len(theirs)

    def forget_done(self, before: dt.datetime) -> int:
        forgotten = 0
        with _failing("cannot tidy the intents that are done"):
            for path in self._done.glob("*.json"):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink(missing_ok=True)
                    forgotten += 1
            for path in (*self._intents.glob("*.tmp"), *self._calls.glob("*.tmp")):  # a death in the middle of writing
                if path.stat().st_mtime < before.timestamp():
                    path.unlink(missing_ok=True)
        return forgotten

    def _write(self, path: Path, text: str) -> None:
        """Durably, all or nothing, and never over a file that is there."""
        temporary = path.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}.tmp")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            self._failpoint("intent_written")
            os.link(temporary, path)
            self._failpoint("intent_named")
        except FileExistsError:
            raise MessageKeyTaken(f"there is a message {path.stem} already") from None
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def _name_of_call(session: str) -> str:
    """Sessions are the dialplan's UUIDs; whatever else comes is no path."""
    return session if _SESSION.fullmatch(session) else hashlib.sha256(session.encode()).hexdigest()[:40]


def _read_call(path: Path) -> UnansweredCall | None:
    """The same for the note of a call."""
    try:
        with path.open("rb") as file:
            return call_from_json(file.read(LARGEST_INTENT).decode())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        log.warning("note_unreadable", file=path.name)
        return None


def _read(path: Path) -> MessageIntent | None:
    """The intent in that file. One that cannot be read is reported and left for a person; its recording is found all the same."""
    try:
        with path.open("rb") as file:
            return intent_from_json(file.read(LARGEST_INTENT).decode())
    except FileNotFoundError:
        return None  # put away a moment ago
    except (OSError, ValueError, RecursionError):
        log.warning("intent_unreadable", file=path.name)
        return None


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None for what is no file, or is gone by now."""
    try:
        return entry.stat(follow_symlinks=False) if entry.is_file(follow_symlinks=False) else None
    except FileNotFoundError:
        return None


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    no_files_left = status.f_files > 0 and status.f_favail == 0
    return 0 if no_files_left else status.f_bavail * status.f_frsize


@contextmanager
def _failing(sentence: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpoolFailed(f"{sentence}: {error.strerror}") from error
