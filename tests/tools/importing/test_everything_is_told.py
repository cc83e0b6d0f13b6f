"""Nothing goes unsaid: whatever a document holds, the flow loads, and each element is in the flow or in the report."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core.marks import Mark
from ivr.tools.importing import Imported, Source, import_flow
from ivr.tools.importing.document import Element, read_document
from tests.conftest import load

TEXTS = st.one_of(
    st.sampled_from(
        (
            "Press 1 for sales.",
            "For support, press 2 or 3. Press star.",
            "查话费请按1，人工请按0。",
            "null",
            "hello",
            "{{From}} and {{x}} and }} {{",
            "${caller_id_number} ${x} $${y}",
            'It\'s: #1 - [a], {b} & *c* | "d" 100% @ 9:30, $20.50',
            "x" * 1200,
            "Long sentences. " * 60,
            "",
        )
    ),
    st.text(st.characters(min_codepoint=32, blacklist_categories=("Cs",), blacklist_characters="\ufffe\uffff"), max_size=30),
)
NAMES = st.sampled_from(("a", "b", "c", "back", "leave", "九", "The End", "1", "x" * 80, "exit"))
KEYS = st.sampled_from(("1", "2", "3", "12", "*", "#", "0", "", "12345", "abc", "/^(1[0-3])$/", "/^.*$/", "/(((/", "/^[0-9]{9}$/"))
URLS = st.sampled_from(("p0", "/p1?x=1", "p2.xml", "http://e.x/p0-1", "", "/", "nowhere", "http://[", "p0-2", "https://e.x/p3.php"))
NUMBERS = st.sampled_from(("1", "3", "5", "0", "-1", "99999999", "", "many", "١"))


@st.composite
def elements(draw: st.DrawFn, tag: str, attributes: dict[str, st.SearchStrategy[str]], content: str = "") -> str:
    chosen = [name for name in attributes if draw(st.booleans())]
    written = "".join(f" {name}={quoteattr(draw(attributes[name]))}" for name in chosen)
    return f"<{tag}{written}>{content}</{tag}>"


SOUNDS = st.one_of(
    TEXTS.map(lambda text: f"say:{text}"),
    st.sampled_from(("phrase:one", "phrase:two:3", "ivr/x-1.wav", "digits/4.wav", "silence_stream://9", "file_string://a.wav!b.wav", "")),
)
PARAMS = st.one_of(
    NAMES,
    SOUNDS,
    st.sampled_from(
        (
            "transfer 100 XML default",
            "bridge user/100@x",
            "transfer $1",
            "ivr a",
            "ivr b",
            "hangup",
            "lua x.lua",
            "sleep 1",
            "",
            "playback a.wav",
        )
    ),
)
ACTIONS = st.sampled_from(
    ("menu-exec-app", "menu-sub", "menu-top", "menu-back", "menu-exit", "menu-play-sound", "menu-say-phrase", "menu-exec-api", "")
)
ENTRIES = st.one_of(
    elements("entry", {"action": ACTIONS, "digits": KEYS, "param": PARAMS, "odd": TEXTS}),
    elements("other", {"action": ACTIONS}, "<inner/>"),
)


@st.composite
def menus(draw: st.DrawFn) -> str:
    inside = "".join(draw(st.lists(ENTRIES, max_size=6)))
    name = draw(NAMES)
    sounds = dict.fromkeys(("greet-long", "greet-short", "invalid-sound", "exit-sound"), SOUNDS)
    counts = dict.fromkeys(("timeout", "inter-digit-timeout", "max-failures", "max-timeouts", "digit-len", "pin"), NUMBERS)
    more = dict.fromkeys(("exec-on-max-failures", "exec-on-max-timeouts", "colour"), PARAMS)
    return draw(elements("menu", sounds | counts | more, inside)).replace("<menu", f"<menu name={quoteattr(name)}", 1)


MACRO = (
    '<macro name="one"><input><match><action function="speak-text" data="One."/><action function="say" data="$1"/></match></input></macro>'
)
FREESWITCH = st.lists(st.one_of(menus(), st.sampled_from((MACRO, "<extension/>", "<macro/>"))), max_size=6).map(
    lambda some: f'<include><menu name="a">{"".join(some)}</menu><menus>{"".join(some)}</menus></include>'
)

SPOKEN = st.one_of(
    TEXTS.map(lambda text: f"<Say>{escape(text)}<break/></Say>"),
    elements("Play", {"loop": NUMBERS, "digits": KEYS}, "https://e.x/a.mp3"),
    elements("Pause", {"length": NUMBERS}),
)
COUNTED = dict.fromkeys(("timeout", "numDigits", "maxLength", "loop", "odd"), NUMBERS)
VERBS = st.one_of(
    SPOKEN,
    st.lists(SPOKEN, max_size=3).flatmap(
        lambda inside: elements(
            "Gather",
            COUNTED | {"action": URLS, "actionOnEmptyResult": st.just("true"), "finishOnKey": KEYS, "input": TEXTS},
            "".join(inside),
        )
    ),
    elements("Record", COUNTED | {"action": URLS, "transcribe": TEXTS}),
    elements("Dial", COUNTED | {"action": URLS}, "<Number>+1 415 555 0134</Number><Client>jenny<Odd/></Client>"),
    elements("Dial", COUNTED | {"action": URLS}, "<Queue>x</Queue>"),
    elements("Enqueue", COUNTED | {"action": URLS}, "support"),
    URLS.map(lambda url: f"<Redirect>{escape(url)}</Redirect>"),
    TEXTS.map(lambda text: f"<Sms>{escape(text)}</Sms>"),
    st.sampled_from(("<Hangup/>", "<Reject/>", "<Leave/>", "<Pay><Prompt/></Pay>", "stray", "<Odd><Say>x</Say></Odd>")),
)
PAGES = st.lists(st.lists(VERBS, max_size=6), min_size=1, max_size=5).map(
    lambda pages: [f"<Response>{''.join(verbs)}</Response>" for verbs in pages]
)
PAGE_NAMES = ("p0.xml", "p0-1.xml", "p0-2.xml", "p1.xml", "voice/p2.xml")


def all_told(sources: list[Source], imported: Imported) -> None:
    """The flow loads; elements = carried + left out; each that is left out stands in the report, itself or with what it is in."""
    loaded = load(imported.text)
    assert [str(problem) for problem in loaded.problems] == [], imported.text
    places = {item.mark for item in imported.items}
    there: set[Mark] = set()
    for source in sources:
        root = read_document(source.data, source.path)
        there |= {element.mark for element in root.everything()}
        told_of(root, imported, places, within=False)
    assert not imported.carried & imported.left_out
    assert imported.carried | imported.left_out == there


def told_of(element: Element, imported: Imported, places: set[Mark], *, within: bool) -> None:
    told = within or element.mark in places or any(mark in places for mark in element.marks.values())
    if element.mark in imported.left_out and element.tag != "macro":  # of macros that nobody uses, one line tells
        assert told, element.mark
    for child in element.children:
        told_of(child, imported, places, within=element.mark in imported.left_out)


@given(FREESWITCH)
@settings(max_examples=150, deadline=None)
def test_of_any_menus_everything_is_in_the_flow_or_told(text: str):
    sources = [Source("x.xml", text.encode())]

    all_told(sources, import_flow(sources))


@given(PAGES)
@settings(max_examples=150, deadline=None)
def test_of_any_pages_everything_is_in_the_flow_or_told(texts: list[str]):
    sources = [Source(name, text.encode()) for name, text in zip(PAGE_NAMES, texts, strict=False)]

    all_told(sources, import_flow(sources))
