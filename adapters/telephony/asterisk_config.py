"""Asterisk's configuration: the templates of asterisk_conf/ filled in with the line's settings and secrets."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shlex
import shutil
import socket
import string
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from adapters.telephony.agi_verbs import EARS
from adapters.telephony.seats import telephones
from ivr.config import BROWSER, Settings
from ivr.errors import SettingsError
from ivr.speech import LANGUAGES

LONGEST_CALL = 900  # seconds
AGENT_RINGS, CALLER_RINGS = 25, 40  # seconds, of a call back
TWIN = "1008612"
QUEUE = "agents"  # of queues.conf
LONGEST_WAIT_TOLD = 60  # minutes in the queue; who has to wait longer is told the place only
_LENGTHS = range(1, 33)  # of numbers: a line's name has 32 characters at most
_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 108

# Asterisk calls it an error when these are missing; its defaults suit us.
_DEFAULTS_SUFFICE = ("acl.conf", "ccss.conf", "cel.conf", "features.conf", "pjproject.conf", "queuerules.conf", "udptl.conf")

# Nothing that the dialplan or a shell reads as more than a letter.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+ -]+")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was written: the main file, and the socket on which Asterisk's console will listen."""

    main: Path
    control: Path


class _Template(string.Template):
    """Like string.Template, but with @name@: the dollar sign is the dialplan's."""

    delimiter = "@"
    flags = re.VERBOSE
    pattern = r"@(?: (?P<named>[a-z_]+)@ | (?P<escaped>(?!)) | (?P<braced>(?!)) | (?P<invalid>) )"  # type: ignore[assignment]


def render(settings: Settings, asterisk: Path, twin: Path | None = None, customers: Collection[str] = ()) -> Rendered:
    """Write `<var>/asterisk`, and secrets that are missing. Raises OSError, and SettingsError for a path that cannot be written down.

    `customers` are the numbers that are called back on the telephone in the browser.
    """
    for path in (settings.home, settings.var):
        if not _PLAIN_PATH.fullmatch(str(path)):
            raise SettingsError(f"Asterisk's configuration cannot name the folder {path}: use letters, digits and / . _ + - only")
    folders = {name: settings.asterisk / name for name in ("etc", "log", "state", "data")}
    folders["run"] = _run_folder(settings.asterisk)
    intents = settings.spool / "intents"
    for folder in (
        settings.var,
        settings.spool,
        settings.asterisk,
        *folders.values(),
        settings.recordings,
        intents,
        settings.sounds,
        settings.browser_calls,
        settings.callbacks,
    ):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _lay_out_data(settings, asterisk, folders["data"])
    values: dict[str, str | int | Path] = {
        **folders,
        "modules": _modules_of(asterisk),
        "systemname": re.sub(r"[^A-Za-z0-9]", "", socket.gethostname())[:32] + f"-{settings.sip_port}",
        "calls": max(1, (settings.rtp_last_port - settings.rtp_first_port + 1) // 2),
        "host": settings.host,
        "sip_port": settings.sip_port,
        "rtp_first_port": settings.rtp_first_port,
        "rtp_last_port": settings.rtp_last_port,
        "media": "" if _everywhere(settings.host) else f"media_address = {settings.host}\nbind_rtp_to_media_address = yes",
        "callers_from": "127.0.0.0/8" if _everywhere(settings.host) else f"127.0.0.0/8,{settings.host}",
        "agi_host": "127.0.0.1",  # Asterisk and its engine live on one machine
        "agi_port": settings.agi_port,
        "agi_token": secret(settings, "agi_token"),
        "ears": EARS,
        "ears_port": settings.ears_port,
        "ears_token": secret(settings, "ears_token"),
        "ami_port": settings.ami_port,
        "ami_secret": secret(settings, "ami"),
        "ami_board_secret": secret(settings, "ami_board"),
        "telephones": telephones(secret(settings, "agent"), settings.seats),
        "seats": settings.seats,
        "members": "\n".join(_QUEUE_MEMBER.format(seat) for seat in _seats(settings)),
        "seat_hints": "\n".join(_SEAT_HINT.format(seat) for seat in _seats(settings)),
        "trunk": settings.trunk or "none",
        "to_caller": _TO_BROWSER if settings.trunk == BROWSER else f"PJSIP/${{NUMBER}}@{settings.trunk or 'none'}",
        "browser_aors": f"aors = {','.join(sorted(customers))}" if customers else "",
        "customers": "\n".join(_CUSTOMER.format(number) for number in sorted(customers)),
        "callbacks": settings.callbacks,
        "line_number": next(iter(settings.own_numbers), settings.flow),
        "agent_rings": AGENT_RINGS,
        "caller_rings": CALLER_RINGS,
        "ws_port": settings.ws_port,
        "browser_secret": secret(settings, "browser"),
        "browser_calls": settings.browser_calls,
        "own_number": "" if settings.flow == TWIN else _NUMBER_DIALPLAN.format(settings.flow, settings.flow, "line"),
        "digits": "\n".join(_NUMBER_DIALPLAN.format("_" + "X" * length, "${FILTER(0-9,${EXTEN})}", "published") for length in _LENGTHS),
        "versions": settings.versions,
        "longest_call": LONGEST_CALL,
        "longest_wait_told": LONGEST_WAIT_TOLD,
        "recordings": settings.recordings,
        "intents": intents,
        "sounds": settings.sounds,
        "rescue_apology": settings.sounds / "zh-CN" / "rescue_apology",
        "rescue_saved": settings.sounds / "zh-CN" / "rescue_saved",
        "rescue_script": _write_rescue_script(settings),
        "twin_number": f"exten = {TWIN},1,Goto(twin,s,1)" if twin else "",
        "twin": _TWIN_DIALPLAN.format(file=twin) if twin else "",
    }
    for template in sorted((settings.home / "asterisk_conf").glob("*.conf")):
        text = _Template(template.read_text(encoding="utf-8")).substitute(values)
        _write_private(folders["etc"] / template.name, text)
    for name in _DEFAULTS_SUFFICE:
        _write_private(folders["etc"] / name, "")
    return Rendered(folders["etc"] / "asterisk.conf", folders["run"] / "asterisk.ctl")


def secret(settings: Settings, name: str) -> str:
    """The secret of that name in `settings.secrets`, made when there is none. Nobody else can read it."""
    settings.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.secrets / name
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(made := secrets.token_hex(24))
    return made


def _seats(settings: Settings) -> list[str]:
    return [f"{number:02}" for number in range(1, settings.seats + 1)]


def _everywhere(host: str) -> bool:
    return host in ("0.0.0.0", "")  # noqa: S104 - asked, not bound


def _run_folder(home: Path) -> Path:
    """Where the console's socket lies. The path of a socket is short: a deep folder gets a short one, of this user's own."""
    folder = home / "run"
    if len(str(folder / "asterisk.ctl")) <= _LONGEST_SOCKET_PATH:
        return folder
    short = Path(tempfile.gettempdir()) / f"selfline-{os.getuid()}-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.is_symlink() or short.stat().st_uid != os.getuid():
        raise SettingsError(f"{short} belongs to somebody else; set IVR_VAR to a shorter path")
    return short


def _modules_of(asterisk: Path) -> Path:
    """The modules that belong to a program: of the folder the installer unpacked, or of an installation by prefix."""
    program = asterisk.resolve()
    roots = (program.parent.parent / "usr", program.parent.parent, Path("/usr"), Path("/usr/local"))
    for root in roots:
        for pattern in ("lib/*/asterisk/modules", "lib/asterisk/modules", "lib64/asterisk/modules"):
            for modules in sorted(root.glob(pattern)):
                if (modules / "pbx_config.so").exists():
                    return modules
    raise SettingsError(f"the modules of {asterisk} cannot be found; set IVR_ASTERISK to a program that stands beside its lib folder")


def _documentation_of(asterisk: Path) -> Path | None:
    """Asterisk checks its settings against its own XML documentation, so that must be found."""
    prefix = asterisk.resolve().parent.parent
    places = (prefix / "usr/share/asterisk", prefix / "share/asterisk", Path("/usr/share/asterisk"), Path("/var/lib/asterisk"))
    return next((place / "documentation" for place in places if (place / "documentation").is_dir()), None)


def _lay_out_data(settings: Settings, asterisk: Path, data: Path) -> None:
    """Asterisk's data folder: its documentation, and the one sound that the dialplan names without a folder."""
    link, documentation = data / "documentation", _documentation_of(asterisk)
    if documentation is not None and not (link.is_symlink() and link.readlink() == documentation):
        link.unlink(missing_ok=True)
        link.symlink_to(documentation)
    (data / "sounds" / "en").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(settings.home / "asterisk_conf" / "sounds" / "beep.alaw", data / "sounds" / "en" / "beep.alaw")
    for language in LANGUAGES:  # a place in the queue is told with Asterisk's own names for numbers
        (data / "sounds" / language / "digits").mkdir(parents=True, exist_ok=True)
        for number in (*range(20), *range(20, 100, 10)):
            link = data / "sounds" / language / "digits" / f"{number}.alaw"
            link.unlink(missing_ok=True)
            link.symlink_to(settings.sounds / language / f"number_{number}.alaw")


def _write_rescue_script(settings: Settings) -> Path:
    """What Asterisk runs as a classic AGI script when the engine is away: our Python, our file, our folders."""
    script = settings.asterisk / "rescue"
    words = [
        sys.executable,
        "-B",
        "-m",
        "adapters.telephony.rescue",
        str(settings.spool),
        str(settings.sounds),
        str(settings.min_free_bytes),
    ]
    _write_private(script, f'#!/bin/sh\ncd {shlex.quote(str(settings.home))} && exec {shlex.join(words)} "$@"\n', mode=0o700)
    return script


def _write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Secrets are inside: the file is never readable to others, not even while it is written."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


_TO_BROWSER = "${PJSIP_DIAL_CONTACTS(browser,${NUMBER})}"
_CUSTOMER = "[{0}](customer-aor)"
_QUEUE_MEMBER = "member => Local/{0}@queue-seat/n,0,seat {0},hint:{0}@queue-seat"
_SEAT_HINT = "exten = {0},hint,PJSIP/seat-{0}&PJSIP/seat-{0}-web"

_NUMBER_DIALPLAN = """\
exten = {},1,Set(IVR_DIALLED={})
 same = n,Goto({},s,1)"""

_TWIN_DIALPLAN = """
; --- the same greeting and menu in plain dialplan, to measure the engine against ---------------------------------

[twin]
exten = s,1,Answer()
 same = n,Set(TIMEOUT(response)=5)
 same = n(again),Background({file})
 same = n,WaitExten()
exten = _[0-9*#],1,Goto(s,again)
exten = t,1,Goto(s,again)
exten = i,1,Goto(s,again)
"""
