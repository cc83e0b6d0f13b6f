"""The data key: callers' numbers lie in the database encrypted, and are compared by a keyed hash.

One file of 32 random bytes (mode 0600), from which three keys are derived: for encryption (AES-256-GCM), for comparing callers, and for
the chain of ticket events. Who has the database without the file has no numbers and cannot rewrite the history unnoticed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from adapters.storage.durable import sync_folder
from ivr.errors import StoreFailed, UserError

KEY_BYTES = 32
_NONCE = 12
SEALING = _NONCE + 16  # by how many bytes what is encrypted is longer: nonce and tag


class DataKey:
    """What can be done with the key; the key itself cannot be had from it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(_derive(key, b"encrypt"))
        self._join = _derive(key, b"join")
        self._chain = _derive(key, b"chain")
        self.check = _derive(key, b"check")  # kept in the database: tells whether this is its key

    def encrypt(self, text: str) -> bytes:
        return self.seal(text.encode())

    def decrypt(self, data: bytes) -> str:
        try:
            return self.open(data).decode()
        except InvalidTag:
            raise StoreFailed("a number in the database was not encrypted with this data key") from None

    def seal(self, data: bytes, name: str = "") -> bytes:
        """Encrypted; what was sealed under a name opens under that name only."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, name.encode() or None)

    def open(self, data: bytes, name: str = "") -> bytes:
        """What was sealed. Raises InvalidTag."""
        return self._cipher.decrypt(data[:_NONCE], data[_NONCE:], name.encode() or None)

    def joinable(self, text: str) -> bytes:
        """The same for the same text, and nothing else to be learnt from it."""
        return hmac.digest(self._join, text.encode(), hashlib.sha256)

    def link(self, previous: bytes, body: str) -> bytes:
        """The next hash of a chain."""
        return hmac.digest(self._chain, previous + body.encode(), hashlib.sha256)


def read_data_key(path: Path) -> DataKey:
    """The key in that file. Raises UserError."""
    try:
        key = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the data key {path}: {error.strerror}") from error
    if len(key) != KEY_BYTES:
        raise UserError(f"{path} is not a data key: it has {len(key)} bytes instead of {KEY_BYTES}")
    return DataKey(key)


def make_data_key(path: Path) -> None:
    """Make the file unless it is there; two processes that do so at once end up with one key. Raises UserError."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            return
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        finally:
            temporary.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise UserError(f"cannot make the data key {path}: {error.strerror}") from error


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=32, info=b"selfline " + purpose).derive(key)
