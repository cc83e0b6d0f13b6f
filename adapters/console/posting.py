"""Sends what webhooks are told: the port Poster, over HTTP.

Whoever may add a webhook must not make this machine ask its own network for something. So, unless the operator allows more, an address is
https and of the public internet, and so is all that its name stands for at the moment of sending, of which one is then used. Redirects are
not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping

import httpx

from ivr.desk.webhooks import GONE

DEADLINE = 5.0  # seconds for all of it
_LONGEST_ANSWER = 64 * 1024  # nobody reads more of it
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes


class HttpPoster:
    """The port Poster. `allow_private` lets it send to this network, and without https."""

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._tls: ssl.SSLContext | None = None

    def trouble_with(self, address: str) -> str:
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, TypeError):
            return "that is no address"
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.fragment or (url.port or 1) > 65535:
            return "an address looks like https://crm.example/selfline, without a name and password"
        if self._allow_private:
            return ""
        if url.scheme != "https":
            return "an address begins with https:// (IVR_WEBHOOKS_PRIVATE=1 allows others)"
        if _is_literal(url.host) and not is_public(url.host):
            return "that address is not of the public internet (IVR_WEBHOOKS_PRIVATE=1 allows it)"
        return ""

    async def post(self, address: str, headers: Mapping[str, str], body: bytes) -> str:
        if trouble := self.trouble_with(address):
            return trouble
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._post(httpx.URL(address), headers, body)
        except TimeoutError:
            return f"no answer within {DEADLINE:.0f} s"
        except (OSError, UnicodeError):
            return "the name is not known"
        except httpx.HTTPError as error:
            return f"not reached: {type(error).__name__}"

    async def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> str:
        found = await _addresses(url)
        if not self._allow_private and not all(is_public(one) for one in found):
            return "its name leads to an address that is not of the public internet"
        if self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        there = url.copy_with(host=found[0])
        asked = {**headers, "Host": url.netloc.decode(), "User-Agent": "selfline"}
        named = {"sni_hostname": url.raw_host.decode()}  # the certificate is that of the name
        async with (
            httpx.AsyncClient(verify=self._tls, trust_env=False, follow_redirects=False, timeout=DEADLINE) as client,
            client.stream("POST", there, headers=asked, content=body, extensions=named) as answer,
        ):
            return await _outcome(answer)


async def _outcome(answer: httpx.Response) -> str:
    read = 0
    async for chunk in answer.aiter_raw():
        read += len(chunk)
        if read > _LONGEST_ANSWER:
            break
    if answer.is_success:
        return ""
    return GONE if answer.status_code == 410 else f"answered {answer.status_code}"


async def _addresses(url: httpx.URL) -> list[str]:
    """What its name stands for now. Raises OSError."""
    port = url.port or (443 if url.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


def is_public(text: str) -> bool:
    """Whether an address is of the public internet, also inside of one that stands for another."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _TRANSLATED:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
