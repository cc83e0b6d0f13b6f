"""One frozen Settings, read once, in the composition root. Every setting is an environment variable `IVR_...`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ivr.errors import SettingsError

REPOSITORY = Path(__file__).resolve().parent.parent
CALLS_OF_A_SEAT = 10  # in an hour; with all seats taken, more calls back than that are a fault
TRANSCRIBERS = ("whisper", "vosk", "none")
VOICES = ("piper", "neural", "pyttsx3")  # the engines there are, the best first: who names a voice of Piper wants to hear it
NUMBER_PLAN = (
    r"1(?!349|740)[3-9]\d{9}",  # mobiles in China, satellites excepted
    r"0[1-9]\d{1,2}\d{7,8}",  # landlines with their area; 00 leads abroad
)
BROWSER = "browser"  # the trunk of a line that has none yet: calls back ring the telephone in the browser
RECOGNISERS = ("auto", "vosk", "whisper", "none")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and which ports they use. Ports are on `host`, which is loopback unless set otherwise."""

    home: Path  # flows/, prompts/, asterisk_conf/
    var: Path  # everything written at run time; may be deleted when no line runs
    host: str = "127.0.0.1"
    sip_port: int = 5060
    rtp_first_port: int = 10000
    rtp_last_port: int = 10999
    agi_port: int = 4573
    ami_port: int = 5038
    ws_port: int = 8088  # between the console and Asterisk, loopback
    console_host: str = "127.0.0.1"
    console_port: int = 10086
    console_names: tuple[str, ...] = ()  # under which browsers know the console, beside those of this machine
    flow: str = "1008611"
    min_free_bytes: int = 64 * 1024 * 1024  # with less, no message is promised
    transcriber: str = "whisper"  # who writes down messages: one of TRANSCRIBERS
    ears_port: int = 4574
    ears_streams: int = 20  # callers who are listened to at once
    recogniser: str = "auto"  # who hears what callers say: one of RECOGNISERS
    vosk_models: Mapping[str, Path] = field(default_factory=dict)  # a folder for each language
    voices: tuple[str, ...] | None = None  # what says texts that nobody recorded, the best first; None: what is installed
    piper_voices: Mapping[str, Path] = field(default_factory=dict)  # by language
    seal_recordings: bool = False  # encrypt them with the data key once their ticket is open
    seats: int = 60  # of those who answer callers; each has telephones of its own
    trunk: str = BROWSER  # the endpoint of pjsip_local.conf over which callers are called back, or BROWSER; "": nobody is
    number_plan: tuple[str, ...] = NUMBER_PLAN  # who may be called back, as regular expressions of whole numbers
    own_numbers: tuple[str, ...] = ()  # under which the line is reached from outside; who is called back sees the first
    calling_hours: tuple[dt.time, dt.time] = (dt.time(8), dt.time(21))  # in Shanghai; nobody is rung up before or after
    callbacks_an_hour: int = 600  # with more, something is wrong: calling back pauses; 0: never
    keep_days: int = 0  # remove the recordings of answered tickets after so many days; 0: never
    api_rate: int = 600  # requests a minute that a program may make
    webhooks_private: bool = False  # webhooks may be of this network, and without https
    database_address: str = field(default="", repr=False)  # of PostgreSQL, password and all; "" for SQLite

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read IVR_HOME, IVR_VAR, IVR_HOST, IVR_SIP_PORT, ... Raises SettingsError with the variable's name."""

        def port(name: str, default: int) -> int:
            text = environment.get(name, str(default))
            if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
                raise SettingsError(f"{name} must be a port number from 1 to 65535, not {text!r}")
            return int(text)

        def number(name: str, default: int) -> int:
            text = environment.get(name, str(default))
            if not text.isascii() or not text.isdigit() or len(text) > 9:
                raise SettingsError(f"{name} must be a whole number of 0 or more, not {text!r}")
            return int(text)

        home = Path(environment.get("IVR_HOME", REPOSITORY)).resolve()
        seats = _seats(number("IVR_SEATS", 60))
        trunk = _trunk(environment.get("IVR_TRUNK", BROWSER))
        return cls(
            home=home,
            var=Path(environment.get("IVR_VAR", home / "var")).resolve(),
            host=environment.get("IVR_HOST", "127.0.0.1"),
            sip_port=port("IVR_SIP_PORT", 5060),
            rtp_first_port=port("IVR_RTP_FIRST_PORT", 10000),
            rtp_last_port=port("IVR_RTP_LAST_PORT", 10999),
            agi_port=port("IVR_AGI_PORT", 4573),
            ami_port=port("IVR_AMI_PORT", 5038),
            ws_port=port("IVR_WS_PORT", 8088),
            console_host=environment.get("IVR_CONSOLE_HOST", "127.0.0.1"),
            console_port=port("IVR_CONSOLE_PORT", 10086),
            console_names=tuple(environment.get("IVR_CONSOLE_NAMES", "").replace(",", " ").split()),
            flow=environment.get("IVR_FLOW", "1008611"),
            min_free_bytes=number("IVR_MIN_FREE_MB", 64) * 1024 * 1024,
            transcriber=_one_of(TRANSCRIBERS, "IVR_TRANSCRIBER", environment.get("IVR_TRANSCRIBER", "whisper")),
            ears_port=port("IVR_EARS_PORT", 4574),
            ears_streams=number("IVR_EARS_STREAMS", 20),
            recogniser=_one_of(RECOGNISERS, "IVR_RECOGNISER", environment.get("IVR_RECOGNISER", "auto")),
            vosk_models=_vosk_models(environment.get("IVR_VOSK_MODELS", "")),
            voices=_voices(environment.get("IVR_VOICES", "")),
            piper_voices=_by_language("IVR_PIPER_VOICES", "voices", "one.onnx", environment.get("IVR_PIPER_VOICES", "")),
            seal_recordings=number("IVR_SEAL_RECORDINGS", 0) > 0,
            seats=seats,
            trunk=trunk,
            number_plan=_number_plan(environment.get("IVR_NUMBER_PLAN", "")),
            own_numbers=_numbers("IVR_OWN_NUMBERS", environment.get("IVR_OWN_NUMBERS", "")),
            calling_hours=_hours(environment.get("IVR_CALLING_HOURS", "00:00-24:00" if trunk == BROWSER else "08:00-21:00")),
            callbacks_an_hour=number("IVR_CALLBACKS_AN_HOUR", CALLS_OF_A_SEAT * seats),
            keep_days=number("IVR_KEEP_DAYS", 0),
            api_rate=max(number("IVR_API_RATE", 600), 1),
            webhooks_private=number("IVR_WEBHOOKS_PRIVATE", 0) > 0,
            database_address=environment.get("IVR_DATABASE", ""),
        )

    @property
    def spool(self) -> Path:
        """Intents (`spool/intents`, `spool/done`) and recordings (`spool/recordings`)."""
        return self.var / "spool"

    @property
    def recordings(self) -> Path:
        """Raw a-law messages, written by Asterisk."""
        return self.spool / "recordings"

    @property
    def versions(self) -> Path:
        """Every published version of every line, and which of them answer."""
        return self.var / "versions"

    @property
    def sounds(self) -> Path:
        """Joined utterances, one content-addressed .alaw file each."""
        return self.var / "sounds"

    @property
    def database(self) -> Path:
        """The SQLite file of the tickets, where no PostgreSQL has them."""
        return self.var / "selfline.db"

    @property
    def store(self) -> Path | str:
        """Where the tickets are: the address of PostgreSQL, or that file."""
        return self.database_address or self.database

    @property
    def texts(self) -> Path:
        """The text messages that have been sent, one JSON object a line, as long as no operator's network is connected."""
        return self.var / "sms" / "sent.jsonl"

    @property
    def secrets(self) -> Path:
        """Folder (mode 0700) of generated secrets: ami, agi_token, data_key."""
        return self.var / "secrets"

    @property
    def heartbeat(self) -> Path:
        """A file that a healthy engine touches every second."""
        return self.var / "engine.heartbeat"

    @property
    def voices_cache(self) -> Path:
        """The neural voice's voices."""
        return self.var / "voices"

    @property
    def console_heartbeat(self) -> Path:
        """A file that a healthy console touches every second."""
        return self.var / "console.heartbeat"

    @property
    def ears_heartbeat(self) -> Path:
        """A file that healthy ears touch five times a second."""
        return self.var / "ears.heartbeat"

    @property
    def grammars(self) -> Path:
        """What may be said at questions, one content-addressed file each, for the ears to read."""
        return self.var / "grammars"

    @property
    def browser_calls(self) -> Path:
        """Where the console and the dialplan tell each other of calls from the telephone in the browser."""
        return self.var / "phone"

    @property
    def callbacks(self) -> Path:
        """Where the dialplan notes what it does for each call back, for the engine to read."""
        return self.spool / "callbacks"

    @property
    def asterisk(self) -> Path:
        """Asterisk's rendered configuration, run, log and database folders."""
        return self.var / "asterisk"


def _seats(seats: int) -> int:
    if not 1 <= seats <= 99:
        raise SettingsError(f"IVR_SEATS must be from 1 to 99, not {seats}")
    return seats


def _trunk(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,40}", name):
        raise SettingsError(f"IVR_TRUNK must be the name of an endpoint, of letters, digits, _ and -, not {name!r}")
    return "" if name == "none" else name


def _number_plan(text: str) -> tuple[str, ...]:
    patterns = tuple(text.split()) or NUMBER_PLAN
    for pattern in patterns:
        try:
            re.compile(pattern, re.ASCII)
        except re.error as error:
            raise SettingsError(f"IVR_NUMBER_PLAN: {pattern!r} is no regular expression: {error}") from None
    return patterns


def _numbers(name: str, text: str) -> tuple[str, ...]:
    numbers = tuple(text.replace(",", " ").split())
    for one in numbers:
        if not re.fullmatch(r"[0-9]{3,20}", one):
            raise SettingsError(f"{name} must be numbers of 3 to 20 digits, not {one!r}")
    return numbers


def _hours(text: str) -> tuple[dt.time, dt.time]:
    """08:00-21:00; 24:00 is the end of the day."""
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", text)
    if found is None:
        raise SettingsError(f"IVR_CALLING_HOURS must look like 08:00-21:00, not {text!r}")
    opening = dt.time(int(found[1]), int(found[2]))
    closing = dt.time(int(found[3]), int(found[4])) if found[3] else dt.time.max
    if closing <= opening:
        raise SettingsError(f"IVR_CALLING_HOURS must end after it begins, not {text!r}")
    return opening, closing


def _one_of(names: Sequence[str], variable: str, text: str) -> str:
    if text not in names:
        raise SettingsError(f"{variable} must be {', '.join(names[:-1])} or {names[-1]}, not {text!r}")
    return text


def _vosk_models(text: str) -> Mapping[str, Path]:
    """Where the model of each language lies."""
    models = _by_language("IVR_VOSK_MODELS", "models", "folder", text)
    for language, folder in models.items():
        if not folder.is_dir():
            raise SettingsError(f"IVR_VOSK_MODELS: there is no folder {folder} with a model for {language}")
    return models


def _by_language(name: str, kind: str, example: str, text: str) -> Mapping[str, Path]:
    """`zh-CN=/folder;en-US=/folder`"""
    paths: dict[str, Path] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        language, equals, path = (piece.strip() for piece in part.partition("="))
        if not (language and equals and path):
            raise SettingsError(f"{name} must look like zh-CN=/{example};en-US=/{example}; {part!r} does not")
        if language in paths:
            raise SettingsError(f"{name} names two {kind} for {language}")
        paths[language] = Path(path).resolve()
    return paths


def _voices(text: str) -> tuple[str, ...] | None:
    """IVR_VOICES: names with commas between, or `none`."""
    names = tuple(name.strip() for name in text.split(",")) if text.strip() else None
    if names is None or names == ("none",):
        return None if names is None else ()
    for name in names:
        if name not in VOICES:
            raise SettingsError(f"IVR_VOICES names {name!r}; there are {', '.join(VOICES)}, and none")
        if names.count(name) > 1:
            raise SettingsError(f"IVR_VOICES names {name} twice")
    return names
