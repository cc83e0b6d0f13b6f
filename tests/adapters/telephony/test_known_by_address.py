"""Who is let in by an address: callers of this machine, and the carrier of docs/operations.md. No name that somebody gives helps."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from adapters.telephony.asterisk_process import AsteriskProcess
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for

pytestmark = pytest.mark.asterisk

OPERATIONS = Path(__file__).resolve().parents[3] / "docs" / "operations.md"


def test_neither_callers_nor_the_documented_carrier_are_known_by_a_name(tmp_path: Path) -> None:
    async def story() -> dict[str, str]:
        settings = settings_for(tmp_path)
        etc = settings.asterisk / "etc"
        etc.mkdir(mode=0o700, parents=True)
        [trunk] = re.findall(r"^```\n(\[carrier\]\n.*?)^```$", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        (etc / "pjsip_local.conf").write_text(trunk, encoding="ascii")
        async with AsteriskProcess(settings, asterisk_program()) as asterisk:
            return {name: await asterisk.command(f"pjsip show endpoint {name}") for name in ("callers", "carrier")}

    shown = asyncio.run(story())

    for name, match in (("callers", "127.0.0.0/8"), ("carrier", "203.0.113.10/32")):
        assert re.search(r"^ identify_by +: ip$", shown[name], re.MULTILINE)
        assert re.search(rf"^ +Match: {re.escape(match)}$", shown[name], re.MULTILINE)
