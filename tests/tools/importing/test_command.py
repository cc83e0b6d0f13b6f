"""`ivr import` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import HOME
from tests.test_cli import ivr
from tests.tools.importing import SAMPLES

MENUS = str(SAMPLES / "ivr_menus.xml")


def test_the_flow_is_printed_and_the_report_stands_beside_it():
    done = ivr("import", MENUS)

    assert done.returncode == 0
    assert done.stdout.startswith("# yaml-language-server: $schema=../docs/flow.schema.json\n")
    assert f"{MENUS}:22:5: left out: the program 'lua balance.lua' is not run" in done.stderr
    assert done.stderr.endswith("19 of 22 elements are in the flow, 3 are not\n")


def test_the_flow_is_written_to_a_file_that_is_not_there_yet(tmp_path: Path):
    output = tmp_path / "2000.yaml"

    done, again = ivr("import", MENUS, "-o", str(output)), ivr("import", MENUS, "-o", str(output))

    assert (done.returncode, done.stdout) == (0, "")
    assert 'line: "2000"' in output.read_text(encoding="utf-8")
    assert ivr("lint", str(output)).stdout == "1 flow checked, no errors\n"
    assert (again.returncode, again.stderr) == (1, f"ivr: {output} is there already; name another file, or move it away\n")


def test_the_report_for_programs_has_the_same_in_it():
    done = ivr("import", MENUS, "--format", "json", "--name", "desk", "--language", "en-US", "--from", "freeswitch", "--start", "night")

    report = json.loads(done.stderr)

    assert 'line: "desk"' in done.stdout
    assert report["carried"] + report["left_out"] == 22
    assert set(report["items"][0]) == {"path", "line", "column", "kind", "sentence"}


def test_what_is_no_menu_gives_one_sentence(tmp_path: Path):
    hostile = tmp_path / "hostile.xml"
    hostile.write_text('<!DOCTYPE x [<!ENTITY a "b">]><Response>&a;</Response>', encoding="utf-8")

    done, missing = ivr("import", str(hostile)), ivr("import", str(tmp_path / "none.xml"))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ivr: {hostile}:1:1: error: a document type (<!DOCTYPE ...>) is not read; take it out of the file\n"
    assert (missing.returncode, missing.stderr) == (1, f"ivr: cannot read {tmp_path / 'none.xml'}: No such file or directory\n")


def test_the_report_in_the_guide_is_a_real_one(tmp_path: Path):
    (tmp_path / "main.xml").write_bytes((SAMPLES / "ivr_menus.xml").read_bytes())
    block = (HOME / "docs" / "importing.md").read_text(encoding="utf-8").split("```\n")[2]

    done = ivr("import", str(tmp_path / "main.xml"))

    assert len(block.splitlines()) == 2
    assert all(f"{tmp_path}/{line}" in done.stderr for line in block.splitlines())
