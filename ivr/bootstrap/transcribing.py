"""Who writes down messages on this machine, by the settings; and nobody, told in one line, where what that takes is missing."""

from __future__ import annotations

import structlog

from adapters.speech import whisper_transcriber
from adapters.speech.transcribing import by_vosk, by_whisper
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.calls.ports import Clock
from ivr.calls.transcripts import TranscriptService
from ivr.config import Settings

_log = structlog.get_logger("engine")


def make_transcripts(settings: Settings, tickets: SqlTicketStore, clock: Clock) -> TranscriptService | None:
    """The service that transcribes; None when nobody does, which is in the log."""
    if reason := why_not(settings):
        _log.info("no_transcripts", reason=reason)
        return None
    transcriber = by_vosk(settings.vosk_models) if settings.transcriber == "vosk" else by_whisper()
    store = SqlTranscriptStore(tickets.database, tickets.key, settings.recordings)
    return TranscriptService(store, transcriber, clock)


def why_not(settings: Settings) -> str:
    """Why messages are not transcribed here; "" when they are."""
    match settings.transcriber:
        case "none":
            return "IVR_TRANSCRIBER is none"
        case "vosk":
            return "" if settings.vosk_models else "IVR_TRANSCRIBER is vosk, but IVR_VOSK_MODELS names no model"
        case _:
            return whisper_transcriber.missing()
