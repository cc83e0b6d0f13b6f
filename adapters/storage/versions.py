"""Published versions on disk: each whole in a folder of its own, and one small file a line that says which of them answer.

    <line>/<number>/             laid out like a project: flows/<line>.yaml, what the flow names, prompts/*.yaml; version.json beside them
    <line>/current.json          which version answers, which is on trial; replaced in one step
    live.json                    the engine's own word: what it answers with, what it refused, the calls under way on each version
    lock, .drafts/               while somebody publishes

A version is written under .drafts/, made durable, and then gets its name; current.json is made durable before it takes the place of the old
one. So whenever a machine dies, the old state or the new one is there, whole.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from adapters.storage.durable import sync_folder
from ivr.calls.capture import Failpoint, no_failpoint
from ivr.calls.versions import Service, Trial, Version
from ivr.errors import UserError

FAILPOINTS = ("draft_written", "version_named", "current_written", "current_named")
LINE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_FORGOTTEN = 3600.0  # seconds after which a draft has no publisher any more
_ABOUT = "version.json"


class VersionStore:
    """The folder `root`; it is made by the first publication. What cannot be read or written is a UserError with the place."""

    def __init__(self, root: Path, *, failpoint: Failpoint = no_failpoint) -> None:
        self._root = root
        self._failpoint = failpoint

    # --- reading ---

    def lines(self) -> tuple[str, ...]:
        """The lines that have been published."""
        return tuple(self.stamps())

    def stamps(self) -> Mapping[str, tuple[int, int]]:
        """For each line something that changes whenever other versions answer it."""
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for entry in sorted(os.scandir(self._root), key=lambda entry: entry.name):
                if LINE.fullmatch(entry.name):
                    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                        status = (self._root / entry.name / "current.json").stat()
                        found[entry.name] = (status.st_mtime_ns, status.st_ino)
        return found

    def service(self, line: str) -> Service | None:
        """What answers a line; None when it has not been published."""
        path = self._root / line / "current.json"
        try:
            told = _read(path)
        except FileNotFoundError:
            return None
        try:
            trial = told["trial"]
            before = tuple(int(number) for number in told["before"])
            return Service(int(told["version"]), Trial(int(trial["version"]), int(trial["share"])) if trial else None, before)
        except (KeyError, TypeError, ValueError):
            raise UserError(f"{path} is damaged: publish the line again, or take the file from a backup") from None

    def versions(self, line: str) -> tuple[Version, ...]:
        """Every version of a line, the latest last."""
        return tuple(self.version(line, number) for number in self._numbers(line))

    def version(self, line: str, number: int) -> Version:
        """One version. Raises UserError when there is no such."""
        folder = self._root / line / str(number)
        try:
            told = _read(folder / _ABOUT)
            at = dt.datetime.fromisoformat(told["at"])
            return Version(line, number, at, str(told["note"]), str(told["digest"]), str(told["checked"]), folder)
        except FileNotFoundError:
            known = self._numbers(line)
            there = f"; there are versions 1 to {known[-1]}" if known else "; it has not been published"
            raise UserError(f"{line} has no version {number}{there}") from None
        except (KeyError, TypeError, ValueError):
            raise UserError(f"version {number} of {line} is damaged: {folder / _ABOUT} cannot be read") from None

    def must_be_whole(self, version: Version) -> None:
        """Raises UserError when a file of the version is no longer the one that was published."""
        try:
            files: Mapping[str, str] = _read(version.folder / _ABOUT)["files"]
            for name, digest in files.items():
                if _digest((version.folder / name).read_bytes()) != digest:
                    raise UserError(f"version {version.number} of {version.line} was changed after it had been published: {name}")
        except OSError as error:
            name = Path(error.filename or "").name
            raise UserError(f"version {version.number} of {version.line} cannot be read: {name}: {error.strerror}") from error

    # --- publishing ---

    @contextlib.contextmanager
    def locked(self, patience: float = 10.0) -> Iterator[None]:
        """One publisher at a time; another one waits. Raises UserError when it has waited long enough."""
        with _failing(self._root):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor, patience)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def draft(self, files: Mapping[str, bytes]) -> Iterator[Path]:
        """A folder with these files, to be checked and then kept, or else gone again. Their names are relative to it."""
        drafts = self._root / ".drafts"
        folder = drafts / f"{os.getpid()}-{os.urandom(4).hex()}"
        try:
            with _failing(drafts):
                drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._tidy(drafts)
                for name, content in files.items():
                    _write(folder / name, content)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, draft: Path, line: str, *, at: dt.datetime, note: str, digest: str, checked: str) -> Version:
        """The draft becomes the line's next version, durably. Call it with the lock held."""
        with _failing(self._root / line):
            files = {str(path.relative_to(draft)): _digest(path.read_bytes()) for path in sorted(draft.rglob("*")) if path.is_file()}
            told = {"at": at.isoformat(timespec="seconds"), "note": note, "digest": digest, "checked": checked, "files": files}
            _write(draft / _ABOUT, _json(told))
            for folder in (*(path for path in draft.rglob("*") if path.is_dir()), draft):
                sync_folder(folder)
            self._failpoint("draft_written")
            number = max(self._numbers(line), default=0) + 1
            home = self._root / line
            home.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._root)
            draft.rename(home / str(number))
            sync_folder(home)
            self._failpoint("version_named")
        return self.version(line, number)

    def serve(self, line: str, service: Service) -> None:
        """From now on these versions answer the line: one step, durable. Call it with the lock held."""
        trial = service.trial
        told = {
            "version": service.number,
            "trial": {"version": trial.number, "share": trial.share} if trial else None,
            "before": list(service.before),
        }
        path = self._root / line / "current.json"
        new = path.with_name("current.json.new")
        with _failing(path):
            new.unlink(missing_ok=True)  # of a publisher who died
            _write(new, _json(told))
            self._failpoint("current_written")
            new.replace(path)
            sync_folder(path.parent)
        self._failpoint("current_named")

    # --- the engine's word ---

    def tell_live(self, told: Mapping[str, object] | None) -> None:
        """Write what the engine answers with; None when it ends. Not durable: it is about now."""
        path = self._root / "live.json"
        with _failing(path):
            if told is None:
                path.unlink(missing_ok=True)
                return
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = path.with_name("live.json.new")
            new.write_bytes(_json(told))
            new.replace(path)

    def live(self) -> Mapping[str, Any]:
        """What the engine wrote last; empty when there is nothing to be read."""
        try:
            told: Mapping[str, Any] = _read(self._root / "live.json")
            return told
        except (FileNotFoundError, UserError):
            return {}

    def _numbers(self, line: str) -> tuple[int, ...]:
        try:
            return tuple(sorted(int(path.name) for path in (self._root / line).iterdir() if _NUMBER.fullmatch(path.name)))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def _tidy(self, drafts: Path) -> None:
        """Remove what publishers who died have left."""
        for path in drafts.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _FORGOTTEN:
                    shutil.rmtree(path, ignore_errors=True)


def _lock(descriptor: int, patience: float) -> None:
    ends = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                raise UserError("somebody else is publishing at the moment; try again when they are done") from None
            time.sleep(0.02)
        else:
            return


def _read(path: Path) -> Any:
    """What a file of ours says. FileNotFoundError is let through; anything else is a UserError."""
    try:
        told = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise UserError(f"{path} is damaged") from None
    if not isinstance(told, dict):
        raise UserError(f"{path} is damaged")
    return told


def _write(path: Path, content: bytes) -> None:
    """A new file, durable, together with the folders that lead to it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(told: Mapping[str, object]) -> bytes:
    return json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"


@contextlib.contextmanager
def _failing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
