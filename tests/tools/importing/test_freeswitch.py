"""FreeSWITCH menus as flows: they load, and keys, silence and wrong keys lead where they led there."""

from __future__ import annotations

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow, TransfersCall
from ivr.errors import UserError
from ivr.tools.modelcheck import prove
from tests.tools.importing import differs, flow_of, of, sample, told

MENU = '<menu name="m" greet-long="say:Press 1." {attributes}><entry action="menu-exit" digits="1"/>{entries}</menu>'


def menu(entries: str = "", attributes: str = "") -> str:
    return MENU.format(entries=entries, attributes=attributes)


@pytest.fixture(scope="module")
def desk() -> Flow:
    return flow_of(sample("ivr_menus.xml", "phrases.xml", "words.xml"))


def test_the_words_of_macros_and_recordings_are_said_if_their_lists_go_along(desk: Flow):
    assert not differs(
        desk,
        "hears: Thank you for calling the harbour office. For a person, press one.",
        "hears: to repeat these options press nine",
        "press: '7'",
        "hears: that was an invalid entry. Person one, desk two, hours three.",
    )


@pytest.mark.parametrize(
    ("keys", "steps"),
    [
        ("1", ["answered", "hears: Thank you for calling"]),  # a bridge comes back to the menu
        ("2", ["answered", "line_ends"]),  # a transfer does not
        ("3", ["hears: We are open from nine to five"]),
        ("5", ["hears: Please leave your message"]),  # a program that is not run
        ("6", ["hears: We are at twenty-four Harbour Street, on the second floor. Thank you for calling"]),
        ("9", ["hears: Thank you for calling"]),
        ("*", ["hears: goodbye", "line_ends"]),
        ("1012", ["answered", "line_ends"]),  # one of the rows of a pattern
    ],
)
def test_each_key_leads_where_it_led(desk: Flow, keys: str, steps: list[str]):
    assert not differs(desk, f"press: '{keys}'", *steps)


def test_three_silences_end_the_call_with_the_exit_sound(desk: Flow):
    assert not differs(desk, "silence", "hears: Person one", "silence", "silence", "hears: goodbye", "line_ends")


def test_three_wrong_keys_end_the_call_with_the_exit_sound(desk: Flow):
    assert not differs(desk, "press: '8'", "hears: invalid entry", "press: '8'", "press: '8'", "hears: goodbye", "line_ends")


def test_a_menu_below_goes_back_to_the_menu_it_was_entered_from(desk: Flow):
    """The branches are entered from two menus, so they are a sub-flow; `menu-top` leaves it for good."""
    assert not differs(desk, "press: '4'", "hears: For the north branch", "press: '*'", "hears: Thank you for calling")
    assert not differs(desk, "press: '3'", "press: '1'", "hears: For the north branch", "press: '*'", "hears: We are open")
    assert not differs(desk, "press: '3'", "press: '1'", "press: '0'", "hears: Thank you for calling")


def test_a_menu_below_that_hears_nothing_goes_back_too(desk: Flow):
    assert not differs(desk, "press: '3'", "press: '1'", "silence", "silence", "silence", "hears: We are open")


def test_nothing_can_be_said_against_the_imported_menus(desk: Flow):
    assert prove(desk, SIGNATURES).proved


def test_the_report_names_what_is_left_to_do_by_its_place():
    told_items = told(sample("ivr_menus.xml", "phrases.xml", "words.xml"))

    assert (
        "ivr_menus.xml:22:5: left out: the program 'lua balance.lua' is not run, and callers come to a message instead: "
        + ("write nodes that do what it did")
        in told_items
    )
    assert "ivr_menus.xml:24:5: note: the pattern /^(10[01][0-9])$/ became 20 choices, 1000 to 1019" in told_items
    assert (
        "ivr_menus.xml:19:46: note: add the extension 'ext_9196' to the context 'transfer' of the dialplan: "
        + ("it stands for 'transfer 9196 XML default'")
        in told_items
    )
    assert "ivr_menus.xml:34:7: note: 2 wrong keys and 3 silences were allowed: selfline counts both together, and allows 2" in told_items


def test_sounds_whose_words_nobody_told_are_said_as_what_they_are():
    imported = sample("ivr_menus.xml")

    assert not differs(flow_of(imported), "hears: Text of main_desk_long.")
    assert told(imported)[0] == (
        "ivr_menus.xml:4:7: left out: the phrase macro 'main_desk_long' is in none of the files: name its file after this one, "
        "or give the flow its words: write them where the flow says 'Text of main_desk_long.'"
    )


def test_a_menu_that_nothing_leads_to_is_imported_by_its_name():
    assert not differs(flow_of(sample("ivr_menus.xml", start="night")), "hears: We are closed.", "press: '1'", "line_ends")

    with pytest.raises(UserError, match="there is no menu 'day'; there are main_desk, opening_hours, branches, night"):
        sample("ivr_menus.xml", start="day")


def test_entries_of_the_same_key_run_one_after_another():
    imported = of(
        x=menu(
            '<entry action="menu-play-sound" digits="2" param="say:First."/>'
            '<entry action="menu-exec-app" digits="2" param="transfer 100"/>'
            '<entry action="menu-play-sound" digits="2" param="say:Never."/>'
        )
    )

    assert not differs(flow_of(imported), "press: '2'", "hears: First.", "not_hears: Never", "answered", "line_ends")
    assert any("the key 2 has led away before this entry" in line for line in told(imported))


def test_menus_that_lead_to_one_another_in_a_circle_are_carried_over():
    imported = of(
        x='<menus><menu name="a" greet-long="say:This is A."><entry action="menu-sub" digits="1" param="b"/></menu>'
        '<menu name="b" greet-long="say:This is B."><entry action="menu-sub" digits="1" param="a"/>'
        '<entry action="menu-sub" digits="2" param="b"/><entry action="menu-sub" digits="3" param="c"/></menu></menus>'
    )

    flow = flow_of(imported)

    assert not differs(flow, "press: '1'", "hears: This is B.", "press: '2'", "hears: This is B.", "press: '1'", "hears: This is A.")
    assert any("the menu 'c' is in none of the files: the key 3 leads to a message" in line for line in told(imported))


def test_where_too_many_failures_led_they_still_lead():
    flow = flow_of(of(x=menu(attributes='max-failures="1" exec-on-max-failures="transfer operator"')))

    assert not differs(flow, "press: '5'", "answered", "line_ends")


def test_failures_that_led_into_the_menu_again_end_in_a_message():
    imported = of(x=menu(attributes='exec-on-max-timeouts="ivr m"'))

    assert not differs(flow_of(imported), "silence", "silence", "silence", "hears: Please leave your message")
    assert any("silence led round for ever" in line for line in told(imported))


def test_where_too_many_failures_led_to_a_menu_they_still_lead():
    imported = of(
        x=f"""<menus>{menu(attributes='exec-on-max-failures="ivr b"')}
        <menu name="b" greet-long="say:This is B."><entry action="menu-exit" digits="1"/></menu></menus>"""
    )

    assert not differs(flow_of(imported), "press: '5'", "press: '5'", "press: '5'", "hears: This is B.", "press: '1'", "line_ends")


def test_a_pattern_may_name_the_menus_it_leads_to():
    imported = of(
        x="<menus>"
        + menu('<entry action="menu-sub" digits="/^([2-3])$/" param="m$1"/>')
        + "".join(f'<menu name="m{key}" greet-long="say:Menu {key}."><entry action="menu-exit" digits="1"/></menu>' for key in "23")
        + "</menus>"
    )

    assert not differs(flow_of(imported), "press: '3'", "hears: Menu three.")


@pytest.mark.parametrize(
    ("application", "steps"),
    [
        ("playback say:Hello.", ["hears: Hello. Press one."]),
        ("speak flite|kal|Hello.", ["hears: Hello. Press one."]),
        ("phrase greeting,x", ["hears: Good day. Press one."]),
        ("say en number pronounced 42", ["hears: forty-two Press one."]),
        ("playback ivr/x.wav", ["hears: Text of x. Press one."]),
        ("gentones %(100,0,1)", ["hears: Press one."]),
        ("answer", ["hears: Press one."]),
        ("set a=b", ["hears: Press one."]),
        ("hangup NORMAL_CLEARING", ["line_ends"]),
        ("record /tmp/x.wav", ["hears: Please leave your message"]),
        ("conference sales@default", ["answered", "line_ends"]),
        ("bridge {a=b}sofia/gateway/gw/100,user/101", ["answered", "hears: Press one."]),
        ("callcenter support@default", ["unanswered", "hears: Please leave a message"]),
        ("transfer -bleg 100", ["answered", "line_ends"]),
        ("", ["hears: Please leave your message"]),
    ],
)
def test_applications_do_what_they_did(application: str, steps: list[str]):
    macro = '<macro name="greeting"><input pattern="(.*)"><match><action function="speak-text" data="Good day."/></match></input></macro>'
    imported = of(x=f"""<include>{menu(f'<entry action="menu-exec-app" digits="2" param="{application}"/>')}{macro}</include>""")

    assert not differs(flow_of(imported), "press: '2'", *steps)


def test_macros_that_do_more_than_speak_are_told():
    macro = """<macro name="g"><input pattern="a"><match>
        <action function="play-file" data="ivr/a.wav"/><action function="say" data="$1" type="number"/>
        <action function="phrase" phrase="h"/><action function="sleep" data="100"/></match><nomatch/></input>
        <input pattern="b"/><odd/></macro>
        <macro name="h"><input><match><action function="speak-text" data="And H."/></match></input></macro><macro name="h"/>"""
    imported = of(x=f'<include><menu name="m" greet-long="phrase:g"><entry action="menu-exit" digits="1"/></menu>{macro}</include>')

    assert not differs(flow_of(imported), "hears: Text of a. And H.")
    for sentence in (
        "the macro says a number ('$1'): write it as {{ value | kind }} where it belongs",
        "'sleep 100' is not heard",
        "what is said when a value does not fit has no place in a prompt: use a 'branch'",
        "a macro that says different things for different values is said in the first way: use a 'branch'",
        "<odd> means nothing in a macro",
        "a macro 'h' is there already",
    ):
        assert any(sentence in line for line in told(imported)), sentence


def test_a_pattern_for_too_many_rows_is_told_and_not_guessed():
    imported = of(x=menu(r'<entry action="menu-exec-app" digits="/^(\d{3,5})$/" param="transfer $1"/>'))

    assert len(flow_of(imported).nodes) == 5
    assert any("stands for more rows of keys than a menu can have" in line for line in told(imported))


def test_the_extensions_to_add_are_told_in_true_rows():
    imported = of(
        x=menu(
            '<entry action="menu-exec-app" digits="/^(2[0-4]|2[67]|3[01])$/" param="transfer $1"/>'
            '<entry action="menu-exec-app" digits="4" param="conference room1"/>'
            '<entry action="menu-exec-app" digits="5" param="park room1"/>'
        )
    )

    assert [line.partition("note: ")[2] for line in told(imported)] == [
        "the pattern /^(2[0-4]|2[67]|3[01])$/ became 9 choices, 20 to 24, 26, 27, 30 and 31",
        "add the extensions 'ext_20' to 'ext_24', 'ext_26', 'ext_27', 'ext_30' and 'ext_31' to the context 'transfer' of the dialplan, "
        "9 of them: 'ext_20' stands for 'transfer 20'",
        "add the extension 'room1' to the context 'transfer' of the dialplan: it stands for 'conference room1'",
        "add the extension 'room1_2' to the context 'transfer' of the dialplan: it stands for 'park room1'",
    ]


def test_a_user_is_one_extension_whether_bridged_or_transferred_to():
    imported = of(
        x=menu(
            '<entry action="menu-exec-app" digits="2" param="bridge user/1000@${domain_name}"/>'
            '<entry action="menu-exec-app" digits="/^(10[0-4][0-9])$/" param="transfer $1 XML default"/>'
            '<entry action="menu-exec-app" digits="3" param="bridge sofia/gateway/far/1000"/>'
        )
    )

    flow = flow_of(imported)

    assert {node.destination for node in flow.nodes.values() if isinstance(node, TransfersCall)} == {
        *(f"ext_{number}" for number in range(1000, 1050)),
        "ext_1000_2",
    }
    assert [line.partition("note: ")[2] for line in told(imported) if "add the" in line] == [
        "add the extension 'ext_1000' to the context 'transfer' of the dialplan: "
        "it stands for 'bridge user/1000@${domain_name}' and 'transfer 1000 XML default'",
        "add the extensions 'ext_1000' to 'ext_1049' to the context 'transfer' of the dialplan, 50 of them: "
        "'ext_1000' stands for 'transfer 1000 XML default'",
        "add the extension 'ext_1000_2' to the context 'transfer' of the dialplan: it stands for 'bridge sofia/gateway/far/1000'",
    ]
    assert not differs(flow, "press: '2'", "answered", "hears: Press one.")
    assert not differs(flow, "press: '1000'", "answered", "line_ends")


@pytest.mark.parametrize(
    ("param", "nodes", "extensions"),
    [
        ("transfer 5000 XML default", 1, 1),
        ("bridge {dialled=$1}[a=b]user/5000", 1, 1),
        ("bridge user/$1", 50, 50),
        ("transfer 5000 XML to_$1", 50, 50),
        ("bridge ${number_$1}", 50, 50),
        ("lua directory.lua $1", 0, 0),
    ],
)
def test_a_pattern_becomes_as_many_nodes_as_it_has_destinations(param: str, nodes: int, extensions: int):
    imported = of(x=menu(f'<entry action="menu-exec-app" digits="/^(10[0-4][0-9])$/" param="{param}"/>'))

    made = [node.destination for node in flow_of(imported).nodes.values() if isinstance(node, TransfersCall)]

    assert (len(made), len(set(made))) == (nodes, extensions)
    assert len(told(imported)) == 2  # what the pattern became, and what is to be done for all of its keys


def test_a_program_for_all_keys_of_a_pattern_is_told_once_as_it_was_written():
    imported = of(x=menu('<entry action="menu-exec-app" digits="/^(10[0-4][0-9])$/" param="lua directory.lua $1"/>'))

    assert told(imported)[1] == (
        "x.xml:1:81: left out: the program 'lua directory.lua $1' is not run, and callers come to a message instead: "
        "write nodes that do what it did"
    )


def test_chinese_menus_become_a_chinese_line():
    imported = of(x='<menu name="m" greet-long="say:查话费请按1，人工请按0，返回请按*。"><entry action="menu-exit" digits="1"/></menu>')

    assert flow_of(imported).languages == ("zh-CN",)
    assert not differs(flow_of(imported), "hears: 查话费请按一，人工请按零，返回请按星号键。")


def test_global_variables_of_the_file_are_filled_in():
    imported = of(
        x='<include><X-PRE-PROCESS cmd="set" data="desk=reception"/>'
        + menu('<entry action="menu-exec-app" digits="2" param="transfer $${desk}"/>')
        + "</include>"
    )

    assert not differs(flow_of(imported), "press: '2'", "answered", "line_ends")
    assert "reception" in flow_of(imported).nodes


@pytest.mark.parametrize(
    ("attributes", "entry", "sentence"),
    [
        ('pin="1234"', "", "the PIN is not asked: put a 'collect' with 'secret: true' and a look-up before this menu"),
        ('confirm-macro="c"', "", "entries are not read back in a menu: ask with 'collect' and 'confirm' where that matters"),
        ('timeout="soon"', "", "'soon' is not a number: the flow has 10000"),
        ('max-failures="99"', "", "99 failures were allowed: selfline allows 9"),
        ('colour="red"', "", "the attribute 'colour' of <menu> means nothing to this importer"),
        ("", '<entry action="menu-fly" digits="2"/>', "'menu-fly' is no action of a menu here: the key 2 leads to a message"),
        ("", '<entry action="menu-exit"/>', "the entry has no keys"),
        ("", '<entry action="menu-exit" digits="12345"/>', "the entry has '12345', and a menu has rows of one to four keys without #"),
        ("", '<entry action="menu-exec-app" digits="2" param="sleep 100"/>', "'sleep 100' is not done; the key goes on without it"),
        ("", '<entry action="menu-exec-app" digits="2" param="voicemail default x 1"/>', "became a message with a ticket"),
        (
            "",
            '<entry action="menu-play-sound" digits="2" param="say:Hi ${name}"/>',
            "the text fills in 'name', which selfline does not know",
        ),
        ("", "<button/>", "<button> means nothing in a menu"),
        ("", '<entry action="menu-exit" digits="#"/>', "# ends what is keyed in FreeSWITCH, so that this entry was never chosen there"),
        ('greet-short="file_string://silence_stream://1!"', "", "'silence_stream://1' is a pause, and is not heard"),
    ],
)
def test_what_cannot_be_carried_over_is_told(attributes: str, entry: str, sentence: str):
    imported = of(x=menu(entry, attributes))

    flow_of(imported)
    assert any(sentence in line for line in told(imported)), told(imported)
