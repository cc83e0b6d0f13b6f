"""The ports in memory: shipped, and used by the try-out, the conversations of flows and the tests."""

from __future__ import annotations

from adapters.memory.callers import MemoryCallers
from adapters.memory.dialling import MemoryAgentLine, MemoryCallNotes, MemoryDialler, MemorySeats
from adapters.memory.line import FixedClock, MemoryBackOffice, MemoryJournal, MemoryLiveCalls, SilentVoice
from adapters.memory.spool import MemorySpool
from adapters.memory.texts import MemoryTextOutbox, MemoryTextSender
from adapters.memory.tickets import MemoryTicketStore
from adapters.memory.transcripts import MemoryTranscriber, MemoryTranscriptStore

__all__ = [
    "FixedClock",
    "MemoryAgentLine",
    "MemoryBackOffice",
    "MemoryCallNotes",
    "MemoryCallers",
    "MemoryDialler",
    "MemoryJournal",
    "MemoryLiveCalls",
    "MemorySeats",
    "MemorySpool",
    "MemoryTextOutbox",
    "MemoryTextSender",
    "MemoryTicketStore",
    "MemoryTranscriber",
    "MemoryTranscriptStore",
    "SilentVoice",
]
