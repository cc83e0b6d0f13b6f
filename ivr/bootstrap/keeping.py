"""Errands of keeping and forgetting: a message to listen to, old recordings, one caller's data handed out or erased."""

from __future__ import annotations

import datetime as dt
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO

from adapters.storage import journal
from adapters.storage.keeping import Erased
from adapters.storage.recordings import wav
from adapters.storage.spool import FileSpool
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.bootstrap.engine import now
from ivr.bootstrap.stores import run_errand
from ivr.calls.ports import MessageTranscript, Ticket
from ivr.config import Settings
from ivr.errors import UserError


def audio(settings: Settings, reference: str, number: int) -> bytes:
    """A ticket's message as a WAV file. Raises UserError when there is none."""

    async def errand(store: SqlTicketStore) -> bytes:
        return wav(await store.audio(reference, number))

    return run_errand(settings, errand)


def purge(settings: Settings, days: int) -> int:
    """Remove the recordings of answered tickets that are older than so many days; how many."""
    return run_errand(settings, lambda store: store.purge(now() - dt.timedelta(days=days), now()))


def export(settings: Settings, number: str, output: Path) -> tuple[int, int]:
    """All that is kept of a caller, as a ZIP file with mode 0600; how many tickets and recordings. Raises UserError."""

    async def errand(store: SqlTicketStore) -> tuple[int, int]:
        theirs = await store.belongings(number)
        kept = [(ticket, place) for ticket in theirs.tickets for place, one in enumerate(ticket.messages, start=1) if not one.purged]
        texts = [{"queued_at": at, "state": state, "text": words} for at, state, words in theirs.texts]
        keys = [message.key for ticket in theirs.tickets for message in ticket.messages]
        heard = await SqlTranscriptStore(store.database, store.key, settings.recordings).transcripts(keys)
        looks = await store.looks([ticket.reference for ticket in theirs.tickets])
        told = [{**_told(ticket, heard), "looks": [asdict(one) for one in looks.get(ticket.reference, ())]} for ticket in theirs.tickets]
        data = {"number": number, **asdict(theirs.chosen), "tickets": told, "texts": texts}
        with _new_file(output) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=2, default=str))
            for ticket, place in kept:
                archive.writestr(_name(ticket, place), wav(await store.audio(ticket.reference, place)))
        return len(theirs.tickets), len(kept)

    return run_errand(settings, errand)


def erase(settings: Settings, number: str) -> tuple[Erased, int]:
    """Erase a caller; what was erased, and how many calls of today are left in the journal. Raises UserError."""

    async def errand(store: SqlTicketStore) -> tuple[Erased, int]:
        erased = await store.erase(number, now())
        if erased.waiting:
            return erased, 0
        FileSpool(settings.spool).forget_caller(number)
        _, today = journal.forget_caller(settings.var / "journal", store.key, number, now().astimezone(dt.UTC).date())
        return erased, today

    return run_errand(settings, errand)


def _told(ticket: Ticket, heard: Mapping[str, MessageTranscript]) -> dict[str, object]:
    messages = [
        {
            "recorded_at": one.recorded_at,
            "seconds": one.seconds,
            "transcript": _words(heard.get(one.key)),
            "file": None if one.purged else _name(ticket, place),
        }
        for place, one in enumerate(ticket.messages, start=1)
    ]
    own = {name: value for name, value in asdict(ticket).items() if name not in ("messages", "caller_id", "claim_token", "lease_until")}
    return {**own, "messages": messages}


def _words(transcript: MessageTranscript | None) -> str | None:
    return None if transcript is None or transcript.heard is None else transcript.heard.text


def _name(ticket: Ticket, place: int) -> str:
    return f"recordings/{ticket.reference}-{place}.wav"


def _new_file(path: Path) -> IO[bytes]:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
    except OSError as error:
        raise UserError(f"cannot make {path}: {error.strerror}") from error
