"""The conformance cases that the CEL project publishes, read from where they are packed: the source archive of cel-python.

The archive is fetched once, by pip, in the version and with the checksum below, into var/cel; nothing of it is kept in this repository.
Its features/*.textproto are the cases of cel-spec 0.24.0, unchanged: Protocol Buffers in text form, read here as far as they use it.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]

PACKAGE, VERSION = "cel-python", "0.5.0"
SHA256 = "3eb0a619e8df0f338d0430cda01427a742e77e3c433a1c7c3ebd409cd804c45a"
FOLDER = HOME / "var" / "cel"

Message = dict[str, list["Message | str"]]  # each field in the order of its values; numbers and words as they are written


@dataclass(frozen=True)
class Case:
    """One published case: an expression, what it reads, and what it must give."""

    name: str  # file/section/test
    text: str
    types: dict[str, Message]
    bindings: dict[str, Message]
    value: Message | None  # None: it must fail
    checked_only: bool

    @property
    def file(self) -> str:
        return self.name.partition("/")[0]


def published_cases() -> list[Case]:
    """All of them. Skips when they are not there and there is no network to fetch them by."""
    found: list[Case] = []
    with tarfile.open(_archive()) as archive:
        for member in archive:
            if re.search(r"/features/\w+\.textproto$", member.name):
                file = archive.extractfile(member)
                assert file is not None
                found += _cases(Path(member.name).stem, read_textproto(file.read().decode("utf-8")))
    return found


def _archive() -> Path:
    path = FOLDER / f"cel_python-{VERSION}.tar.gz"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        wanted = FOLDER / "wanted.txt"
        wanted.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n", encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", PACKAGE, "--require-hashes"]
        ran = subprocess.run([*pip, "-d", FOLDER, "-r", wanted], capture_output=True, text=True, timeout=300, check=False)
        if ran.returncode and "from versions: none" in ran.stderr:
            pytest.skip(f"the published CEL cases are not in {FOLDER.relative_to(HOME)}, and no package index can be reached to fetch them")
        assert ran.returncode == 0, ran.stderr
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256, f"{path} is not what was published: delete it"
    return path


def _cases(file: str, message: Message) -> Iterator[Case]:
    for section in messages(message, "section"):
        for test in messages(section, "test"):
            declared = {text(one, "name"): only(only(one, "ident"), "type") for one in messages(test, "type_env") if "ident" in one}
            bound = {text(one, "key"): only(one, "value") for one in messages(test, "bindings")}
            fails = "eval_error" in test or "any_eval_errors" in test
            value = only(test, "value") if "value" in test else {"bool_value": ["true"]}
            if "typed_result" in test:
                value = only(only(test, "typed_result"), "result") if "result" in only(test, "typed_result") else {}
            bindings = {name: only(one, "value") for name, one in bound.items() if "value" in one}
            name = f"{file}/{text(section, 'name')}/{text(test, 'name')}"
            yield Case(name, text(test, "expr"), declared, bindings, None if fails else value, text(test, "check_only") == "true")


# --- Protocol Buffers in text form ---

_TOKEN = re.compile(
    r"""(?:\s|\#[^\n]*)*(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[\w.+\-/]+)|(?P<sign>[{}:\[\],;<>]))""", re.DOTALL
)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def read_textproto(source: str) -> Message:
    """The message in a text."""
    tokens: list[tuple[str, str]] = []
    position, end = 0, len(re.sub(r"(\s|#[^\n]*)+\Z", "", source))
    while position < end:
        match = _TOKEN.match(source, position)
        assert match is not None, source[position : position + 60]
        tokens.append((match.lastgroup or "", match[match.lastgroup or ""]))
        position = match.end()
    tokens.append(("end", ""))
    return _message(iter(tokens), "")


def _message(tokens: Iterator[tuple[str, str]], closing: str) -> Message:
    found: Message = {}
    name, ahead = "", next(tokens)
    while ahead[1] != closing:
        kind, token = ahead
        assert kind != "end"
        if token in (",", ";", ":"):
            ahead = next(tokens)
        elif token == "[":  # a list of values, or the name of an extension or an Any
            inner = [next(tokens)]
            while inner[-1][1] != "]":
                if inner[-1][1] == "{":
                    found.setdefault(name, []).append(_message(tokens, "}"))
                inner.append(next(tokens))
            name = name or "".join(word for _, word in inner[:-1])
            ahead = next(tokens)
        elif token in ("{", "<"):
            found.setdefault(name, []).append(_message(tokens, "}" if token == "{" else ">"))
            name, ahead = "", next(tokens)
        elif kind == "string":
            whole = b""
            while ahead[0] == "string":  # texts that stand beside each other are one
                whole += _unescaped(ahead[1][1:-1])
                ahead = next(tokens)
            found.setdefault(name, []).append(whole.decode("utf-8", "surrogateescape"))
            name = ""
        elif name:
            found.setdefault(name, []).append(token)
            name, ahead = "", next(tokens)
        else:
            name, ahead = token, next(tokens)
    return found


def _unescaped(written: str) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        hexadecimal, short, long, octal, letter = match.groups()
        if short or long:
            return chr(int(short or long, 16)).encode("utf-8", "surrogatepass")
        if hexadecimal or octal:
            return bytes([int(hexadecimal, 16) if hexadecimal else int(octal, 8)])
        return _LETTERS.get(letter, letter)

    return _ESCAPE.sub(one, written.encode("utf-8"))


def messages(message: Message, name: str) -> list[Message]:
    """The messages under a name."""
    return [one for one in message.get(name, []) if isinstance(one, dict)]


def only(message: Message, name: str) -> Message:
    """The one message under a name."""
    (one,) = messages(message, name)
    return one


def text(message: Message, name: str) -> str:
    """The one text, number or word under a name; "" where there is none."""
    return next((one for one in message.get(name, []) if isinstance(one, str)), "")
