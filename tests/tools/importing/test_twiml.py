"""TwiML pages as flows: they load, and keys, silence and wrong keys lead where they led there."""

from __future__ import annotations

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Collect, Flow, Menu, TakesMessage, TransfersCall
from ivr.errors import UserError
from ivr.tools.modelcheck import prove
from tests.tools.importing import differs, flow_of, of, sample, told

PAGES = tuple(f"twiml/{name}.xml" for name in ("welcome", "menu-1", "menu-2", "menu-3", "menu-4", "message", "thanks"))


@pytest.fixture(scope="module")
def office() -> Flow:
    return flow_of(sample(*PAGES))


@pytest.mark.parametrize(
    ("keys", "steps"),
    [
        ("1", ["hears: We are open from nine to seventeen", "hears: Welcome to the harbour office."]),
        ("2", ["hears: One moment please.", "unanswered", "hears: Nobody could take your call. Please leave your message after the tone"]),
        ("3", ["hears: press pound when you have finished", "leave_message", "hears: Thank you. We will call you back at"]),
        ("4", ["press: '13900001008#'", "hears: Please leave your message"]),  # what the program does is not known
        ("4", ["silence", "line_ends"]),
    ],
)
def test_each_key_leads_to_the_page_that_was_its_answer(office: Flow, keys: str, steps: list[str]):
    assert not differs(office, "hears: Welcome to the harbour office. For opening hours, press one.", f"press: '{keys}'", *steps)


def test_silence_that_led_round_for_ever_is_asked_three_times_and_then_led_to_a_message(office: Flow):
    again = "hears: We didn't receive any input. Welcome to the harbour office. For opening hours"

    assert not differs(office, "silence", again, "silence", again, "silence", "hears: Please leave your message")


def test_nothing_can_be_said_against_the_imported_pages(office: Flow):
    assert prove(office, SIGNATURES).proved


def test_verbs_keep_what_was_said_of_them(office: Flow):
    dial, record, gather = office.nodes["menu_2"], office.nodes["message"], office.nodes["menu_4"]

    assert isinstance(dial, TransfersCall)
    assert (dial.destination, dial.ring_time.total_seconds()) == ("ext_14155550134", 20)
    assert isinstance(record, TakesMessage)
    assert (record.max_length.total_seconds(), record.final_silence.total_seconds()) == (90, 4)
    assert isinstance(gather, Collect)
    assert (gather.min_digits, gather.max_digits) == (1, 11)


def test_the_report_names_what_is_left_to_do_by_its_place():
    lines = told(sample(*PAGES))

    assert "welcome.xml:3:10: left out: the voice 'alice' is not used: selfline speaks with its own" in lines
    assert (
        "menu-4.xml:2:13: left out: what '/voice/subscribe' does with the digits is not known, and leads to a message: "
        + ("save its answer as subscribe.xml")
        in lines
    )
    assert "menu-2.xml:3:24: left out: talks are not recorded: let the extension of the dialplan do it if callers have agreed" in lines


def test_without_the_answers_the_keys_that_the_text_names_lead_to_a_message():
    imported = of(
        x='<Response><Gather numDigits="1" action="/go"><Say>For sales, press 1. To hear more, press star.</Say></Gather></Response>'
    )

    flow = flow_of(imported)

    assert isinstance(flow.nodes["x"], Menu)
    assert not differs(flow, "press: '*'", "hears: Please leave your message")
    assert not differs(flow, "silence", "line_ends")
    assert told(imported) == [
        "x.xml:1:33: left out: what '/go' answers to the keys 1, * is not known, and leads to a message: save it as go-1.xml, go-star.xml"
    ]


def test_keys_may_be_named_before_they_are_gathered():
    flow = flow_of(of(x='<Response><Say>For sales, press 1.</Say><Gather numDigits="1"><Say>Please choose.</Say></Gather></Response>'))

    assert not differs(flow, "hears: For sales, press one. Please choose.", "press: '1'", "hears: Please leave your message")


def test_an_answer_to_any_other_key_is_heard_after_all_other_digits():
    flow = flow_of(
        of(
            x='<Response><Gather numDigits="1" action="/go"><Say>Press 1.</Say></Gather></Response>',
            go__1="<Response><Say>That was one.</Say></Response>",
            go="<Response><Say>That was another.</Say></Response>",
        )
    )

    assert not differs(flow, "press: '1'", "hears: That was one.")
    assert not differs(flow, "press: '5'", "hears: That was another.")


def test_silence_that_was_told_to_the_action_leads_to_its_answer():
    imported = of(
        x='<Response><Gather action="/go" actionOnEmptyResult="true"><Say>Your number?</Say></Gather><Say>Never.</Say></Response>',
        go="<Response><Say>Thank you.</Say></Response>",
    )

    assert not differs(flow_of(imported), "silence", "hears: Thank you.", "line_ends")
    assert "x.xml:1:91: left out: no call comes to this <Say>: <Gather> has led away before it" in told(imported)


def test_gathers_in_a_row_are_asked_in_a_row():
    flow = flow_of(
        of(
            x='<Response><Gather numDigits="1" action="/a"><Say>Press 1.</Say></Gather>'
            '<Gather numDigits="1" action="/a"><Say>Please press 1.</Say></Gather><Say>Goodbye then.</Say></Response>'
        )
    )

    assert not differs(flow, "silence", "hears: Please press one.", "silence", "hears: Goodbye then.", "line_ends")


def test_a_secret_stays_one():
    flow = flow_of(of(x='<Response><Gather numDigits="4"><Say>Please enter your PIN.</Say></Gather></Response>'))

    asked = flow.nodes["x"]

    assert isinstance(asked, Collect)
    assert asked.secret


def test_a_page_that_leads_to_itself_without_the_caller_ends():
    imported = of(x="<Response><Say>Round and round.</Say><Redirect>x.xml</Redirect></Response>")

    assert not differs(flow_of(imported), "hears: Round and round. Please leave your message")
    assert any("this led round for ever, whatever the caller did (x → x): look at 'x'" in line for line in told(imported))


def test_a_recording_that_began_its_page_again_takes_one_message():
    flow = flow_of(of(x='<Response><Say>Speak.</Say><Record action="/x"/></Response>'))

    assert not differs(flow, "hears: Speak.", "leave_message", "hears: Your message is saved", "line_ends")


def test_a_page_that_is_not_there_is_a_message():
    imported = of(x="<Response><Say>Hello.</Say><Redirect>https://example.com/other.php?a=1</Redirect></Response>")

    assert not differs(flow_of(imported), "hears: Hello. Please leave your message")
    assert told(imported) == [
        "x.xml:1:28: left out: what 'https://example.com/other.php?a=1' answers is not known, and callers come to a message: "
        "save its page as other.xml and import it together with this one"
    ]


def test_of_two_pages_with_one_name_the_one_in_the_folder_of_the_address_is_meant():
    from ivr.tools.importing import Source, import_flow

    def page(text: str) -> bytes:
        return f"<Response>{text}</Response>".encode()

    imported = import_flow(
        [
            Source("start.xml", page("<Redirect>/sales/menu</Redirect>")),
            Source("support/menu.xml", page("<Say>Support.</Say>")),
            Source("sales/menu.xml", page("<Say>Sales.</Say>")),
        ]
    )

    assert not differs(flow_of(imported), "hears: Sales.", "line_ends")
    assert "support/menu.xml:1:1: left out: no page leads to 'menu'" in told(imported)


def test_chinese_pages_become_a_chinese_line():
    imported = of(x='<Response><Say language="zh-CN">余额请按1，人工请按0。</Say></Response>')

    assert flow_of(imported).languages == ("zh-CN",)
    assert not differs(flow_of(imported), "hears: 余额请按一，人工请按零。")


def test_numbers_are_written_in_the_language_of_their_text():
    """Whoever translates the text finds it whole, not half in English."""
    imported = of(
        x="""<Response><Say>Welcome to the harbour office.</Say><Say>And welcome again.</Say>
        <Say language="zh-CN">欢迎。预订请按1，其他请按2。</Say><Say>For English, press 1. 中文请按2。</Say></Response>"""
    )

    assert "预订请按一，其他请按二。" in imported.text
    assert "For English, press one. 中文请按二。" in imported.text
    assert told(imported)[:2] == [
        "x.xml:2:9: note: the text is not in en-US, the language of the flow: translate it",
        "x.xml:2:14: note: this was said in zh-CN: the flow speaks en-US",
    ]


def test_the_report_tells_the_words_that_the_flow_says():
    imported = of(x="<Response><Say>We open at 10:30. The score is 16:9. Call 10086.</Say></Response>")

    assert "We open at ten thirty. The score is one six:nine. Call one zero zero eight six." in imported.text
    assert told(imported) == [
        f"x.xml:1:11: note: the {number} was written '{words}': see that this is how it should be spoken"
        for number, words in (
            ("time 10:30", "ten thirty"),
            ("number 16", "one six"),
            ("number 9", "nine"),
            ("number 10086", "one zero zero eight six"),
        )
    ]


def test_text_messages_are_sent_with_their_digits():
    imported = of(x="<Response><Sms>Your code is 42.</Sms><Say>Sent.</Say></Response>")

    assert "{en-US: Your code is 42.}" in imported.text
    assert not differs(flow_of(imported), "hears: Sent.", "line_ends")


def test_text_messages_may_go_to_another_number_after_words():
    imported = of(x="<Response><Say>Hello.</Say><Sms to='13900000002'>Hi.</Sms></Response>")

    assert "to: '\"13900000002\"'" in imported.text
    assert not differs(flow_of(imported), "hears: Hello.", "line_ends")


@pytest.mark.parametrize("number", ["+8613900000002", "+86 139 0000 0002", "008613900000002", "86-13900000002", "139 0000 0002"])
def test_a_chinese_mobile_number_is_written_as_in_china(number: str):
    imported = of(x=f"<Response><Sms to='{number}'>Hi.</Sms></Response>")

    assert "to: '\"13900000002\"'" in imported.text
    assert told(imported) == []


@pytest.mark.parametrize("number", ["+1 415 555 0134", "010-88880000", "+8612900000002", "10086", "86139000000021"])
def test_a_text_message_to_any_other_number_is_not_sent_and_told(number: str):
    """Not to the caller either, for whom it was not meant."""
    imported = of(x=f"<Response><Sms to='{number}'>Hi.</Sms><Say>Hello.</Say></Response>")

    assert "sms:" not in imported.text
    assert not differs(flow_of(imported), "hears: Hello.", "line_ends")
    assert told(imported) == [
        f"x.xml:1:11: left out: text messages go to Chinese mobile numbers only, and '{number}' is none: this one is not sent"
    ]


def test_a_menu_that_may_not_be_cut_short_is_not():
    flow = flow_of(of(x='<Response><Gather numDigits="1" bargeIn="false"><Say>Press 1.</Say></Gather></Response>'))

    asked = flow.nodes["x"]

    assert isinstance(asked, Menu)
    assert not asked.barge_in


def test_a_start_page_is_taken_by_its_name():
    imported = sample(*PAGES, start="message")

    assert not differs(flow_of(imported), "hears: Please leave your message after the tone, and press pound")
    with pytest.raises(UserError, match="there is no page 'x'; there are welcome, menu-1"):
        sample(*PAGES, start="x")


@pytest.mark.parametrize(
    ("verbs", "sentence"),
    [
        ("<Pay/>", "<Pay>: card numbers are not taken: transfer the call to a service that may; the call goes on with the next verb"),
        ("<Connect><Stream url='wss://x'/></Connect>", "<Connect>: a stream or another service took the call over"),
        ("<Fly/>", "<Fly>: this importer does not know the verb; the call goes on with the next verb"),
        ("<Pause length='3'/>", "there is no pause of 3 s: prompts have their own pauses"),
        ("<Say loop='0'>Hi.</Say>", "'loop=0' is not done: it is heard once"),
        ("<Say>Hi <prosody rate='slow'>there</prosody>.</Say>", "<prosody> has no effect: its text is said as it is written"),
        ("<Say>Order {{OrderId}} is ready.</Say>", "the text fills in 'OrderId', which selfline does not know"),
        ("<Say>Call 415-555-0134.</Say>", "the number 415-555-0134 was written 'four one five, five five five, zero one three four'"),
        (
            "<Say>你好。</Say><Say>Hello there.</Say><Say>And more.</Say>",
            "the text is not in en-US, the language of the flow: translate it",
        ),
        ("<Play digits='12'/>", "the keys 12 are not sent down the line"),
        ("<Dial/>", "nobody is named who is called: the flow calls 'agents'"),
        ("<Dial action='/next'>100</Dial>", "what '/next' answers is not known, and the call ends after the talk"),
        ("<Dial><Number url='/whisper'>100</Number></Dial>", "whoever answers hears nothing before the talk"),
        ("<Enqueue waitUrl='/music'>support</Enqueue>", "what callers hear while they wait is decided by the extension of the dialplan"),
        ("<Gather input='speech'><Say>Speak.</Say></Gather>", "callers spoke here: let the words ask for keys"),
        ("<Gather finishOnKey='*'><Say>Number?</Say></Gather>", "what is keyed ends with # here, not with *"),
        ("<Reject reason='busy'/>", "the call was never answered here: selfline answers, and ends it"),
        ("<Say language='fr-FR'>Bonjour tout le monde.</Say><Say>Hi there.</Say>", "this was said in fr-FR: the flow speaks en-US"),
        ("<Record finishOnKey='*'/>", "a message ends with #, not with '*': see that the words say so"),
        ("<Dial><Number statusCallback='/s'>100</Number></Dial>", "no web server is told"),
        ("<Redirect>x<Odd/></Redirect>", "<Odd> means nothing in <Redirect>"),
        ("<Record><Say>Hi.</Say></Record>", "<Record> has nothing in it"),
        ("<Record maxLength='long'/>", "'long' is no number of seconds, and is left to selfline"),
        ("<Sms to='nobody'>Hi.</Sms>", "'nobody' is no number: the text message goes to the caller"),
        ("<Sms/>", "the text message is empty, and is not sent"),
        ("<Message><Body>Hi.</Body><Media>x</Media></Message>", "text messages have no <Media>"),
        ("<Dial><Queue>waiting</Queue></Dial>", "agents took waiting callers from a queue here: that is not a part of a line"),
        ("<Enqueue><Task>x</Task></Enqueue>", "<Task> means nothing in <Enqueue>"),
        ("<Enqueue workflowSid='WW1'/>", "add the extension 'ww1' to the context 'transfer' of the dialplan: it stands for the queue WW1"),
        ("<Dial>one</Dial><Dial>On-e</Dial><Dial>on e</Dial>", "add the extension 'on_e_2' to the context"),
        ("<Redirect>/</Redirect>", "what '/' answers is not known, and callers come to a message: give its page a name to import it by"),
        ("<Gather><Say>Hi?</Say><Odd/></Gather>", "<Odd> means nothing in <Gather>"),
        ("<Gather/>", "keys were awaited without a word: say what is asked for where the flow says 'Text of x.'"),
        ("<Gather input='dtmf speech'><Say>Speak.</Say></Gather>", "callers could speak here: let the words ask for keys only"),
        ("<Gather numDigits='few'><Say>Hi?</Say></Gather>", "'few' is no number of digits: any number is taken"),
        ("<Gather timeout='auto'><Say>Hi?</Say></Gather>", "'auto' is no number of seconds: the flow waits 5 s"),
        ("<Play>https://e.x/a.mp3<Odd/></Play>", "<Odd> means nothing in <Play>"),
        ("<Say>Hi <sub alias='there'>thr<break/></sub>.</Say>", "another text is said in its place"),
        ("<Say>Hi <Odd>there</Odd>.</Say>", "<Odd> is no markup that is known here"),
        ("<Say>--</Say>", "nothing of the text '--' can be spoken"),
        ("<Record playBeep='false'/>", "a tone is heard before a message is taken"),
        ("stray words", "the text 'stray words' stands in no verb, and is not said"),
    ],
)
def test_what_cannot_be_carried_over_is_told(verbs: str, sentence: str):
    imported = of(x=f"<Response>{verbs}</Response>")

    flow_of(imported)
    assert any(sentence in line for line in told(imported)), told(imported)
