"""Writing AGI lines: Asterisk's own parser reads back exactly what was meant, and nothing else can be said."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.telephony.agi_verbs import (
    MAX_LINE,
    Answer,
    GetData,
    GetOption,
    GetVariable,
    Gosub,
    Hangup,
    Noop,
    RecordFile,
    Roots,
    SetVariable,
    SpeechCreate,
    SpeechDestroy,
    SpeechRecognize,
    SpeechSet,
    StreamFile,
    Variable,
    WaitForDigit,
    encode,
    quote,
    words,
)
from ivr.errors import ChannelFailed, SettingsError
from tests.adapters.telephony.fake_asterisk import parse_args

ROOTS = Roots(PurePosixPath("/srv/line/sounds"), PurePosixPath("/srv/line/recordings"))


@pytest.mark.parametrize(
    ("verb", "line"),
    [
        (Answer(), b"ANSWER\n"),
        (Hangup(), b"HANGUP\n"),
        (Noop(), b"NOOP\n"),
        (StreamFile("a1"), b'STREAM FILE "/srv/line/sounds/a1" ""\n'),
        (StreamFile("a1", "12*#"), b'STREAM FILE "/srv/line/sounds/a1" "12*#"\n'),
        (GetOption("a1", "1#", 5000), b'GET OPTION "/srv/line/sounds/a1" "1#" "5000"\n'),
        (GetData("a1", 5000, 6), b'GET DATA "/srv/line/sounds/a1" "5000" "6"\n'),
        (GetData(None, 5000, 6), b'GET DATA "" "5000" "6"\n'),
        (WaitForDigit(20), b'WAIT FOR DIGIT "20"\n'),
        (RecordFile("m-1", 180000, 5), b'RECORD FILE "/srv/line/recordings/m-1" "alaw" "#" "180000" "BEEP" "s=5"\n'),
        (SetVariable(Variable.DONE, "1"), b'SET VARIABLE "IVR_DONE" "1"\n'),
        (GetVariable(Variable.TRANSFER), b'GET VARIABLE "IVR_TRANSFER"\n'),
        (Gosub("agents", 25), b'GOSUB "transfer" "agents" "1" "25"\n'),
        (Gosub("agents", 25, 600, "en-us"), b'GOSUB "transfer" "agents" "1" "25,600,en-us"\n'),
        (SpeechCreate(), b'SPEECH CREATE "ears"\n'),
        (SpeechSet("a1", 1500, 5000), b'SPEECH SET "grammar" "a1-1500-5000"\n'),
        (SpeechRecognize("a1", 7), b'SPEECH RECOGNIZE "/srv/line/sounds/a1" "7"\n'),
        (SpeechDestroy(), b"SPEECH DESTROY\n"),
    ],
)
def test_each_verb_is_one_line_that_asterisk_reads_back_as_it_was_meant(verb, line):
    command, *arguments = words(verb, ROOTS)

    assert encode(verb, ROOTS) == line
    assert parse_args(line.decode().rstrip("\n")) == [*command.split(), *arguments]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), max_size=8))
def test_asterisk_reads_back_any_quoted_words(arguments):
    assert parse_args(" ".join(["X", *map(quote, arguments)])) == ["X", *arguments]


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet='"\\ \ta,=()$', max_size=30))
def test_asterisk_reads_back_quotes_backslashes_and_spaces(text):
    """The characters its parser gives a meaning to; a tab is refused as a control character."""
    if "\t" in text:
        with pytest.raises(ChannelFailed):
            quote(text)
    else:
        assert parse_args("X " + quote(text) + " Y") == ["X", text, "Y"]


@pytest.mark.parametrize("control", [*map(chr, range(32)), "\x7f", "\ud800"])
def test_control_characters_never_reach_a_line(control):
    with pytest.raises(ChannelFailed):
        quote(f"a{control}b")


@pytest.mark.parametrize(
    "name", ["", "A", "a b", "../x", "x/y", "/etc/passwd", "http://x", "a&b", "%2e%2e", "a\n", "a\0", "x" * 65, "ü", "${SHELL(id)}"]
)
@pytest.mark.parametrize(
    "verb",
    [
        StreamFile,
        lambda name: GetOption(name, "1", 1),
        lambda name: GetData(name, 1, 1),
        lambda name: RecordFile(name, 1, 1),
        lambda name: Gosub(name, 1),
        lambda name: SetVariable(Variable.MESSAGE, name),
        lambda name: SpeechSet(name, 1, 1),
        lambda name: SpeechRecognize(name, 1),
    ],
)
def test_nothing_but_a_token_names_a_file_a_destination_or_a_value(verb, name):
    with pytest.raises(ChannelFailed):
        encode(verb(name), ROOTS)


@pytest.mark.parametrize(
    "verb",
    [
        StreamFile("a", "x"),
        StreamFile("a", '"'),
        GetOption("a", "1", 0),
        GetData("a", 1, 0),
        GetData("a", 1, 256),
        WaitForDigit(-1),
        Gosub("a", 0),
        SpeechSet("a", -1, 1),
        SpeechSet("a", 0, 0),
        SpeechRecognize("a", 0),
    ],
)
def test_keys_and_numbers_have_their_limits(verb):
    with pytest.raises(ChannelFailed):
        encode(verb, ROOTS)


def test_a_variable_that_is_not_ours_cannot_be_named():
    with pytest.raises(ValueError, match="SHELL"):
        encode(GetVariable("SHELL(id)"), ROOTS)  # type: ignore[arg-type]


@pytest.mark.parametrize(("length", "fits"), [(4000, True), (4075, True), (4076, True), (4077, False), (8191, False), (20000, False)])
def test_a_line_stays_under_half_of_what_asterisk_reads_as_one(length, fits):
    """STREAM FILE, quotes, the token "/a" and the empty keys take 19 bytes and the line feed one."""
    roots = Roots(PurePosixPath("/" + "s" * (length - 1)), PurePosixPath("/r"))

    if fits:
        assert len(encode(StreamFile("a"), roots)) <= MAX_LINE
    else:
        with pytest.raises(ChannelFailed, match="4096"):
            encode(StreamFile("a"), roots)


@pytest.mark.parametrize("path", ["sounds", "/srv/../etc", "/srv/a\nb"])
def test_the_folders_must_be_plain_absolute_paths(path):
    with pytest.raises(SettingsError):
        Roots(PurePosixPath(path), PurePosixPath("/r"))
