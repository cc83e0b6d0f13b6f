"""The JSON Schema of conversation files: it and the reader take the same files."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from adapters.backoffice.signatures import SIGNATURES
from ivr.bootstrap.conversations import schema_of_conversations
from ivr.tools.conversation_schema import KEYS, REQUIRED, STEPS, conversation_schema
from ivr.tools.conversations import WITH_TEXT, WORDS, read_script
from tests.conftest import HOME

CHECK = jsonschema.Draft202012Validator(conversation_schema(SIGNATURES))
STEP = {"press": "12#", "later": "10min"}
VALUES = {
    "name": "a", "caller": '"13900001008"', "withheld": "true", "at": '"2026-03-07T12:00"', "language": "en-US",
    "crowded": "true", "slower": "true", "louder": "true",
    "back_office": "{account: [failed, {balance: 1.5}]}", "steps": "[hang_up]", "ticket": "none", "disposition": "failed",
    "milestones": "[told]", "outcome": "none",
}  # fmt: skip


def one(**values: str) -> str:
    written = {"name": "a", "steps": "[]", **values}
    return "flow: f.yaml\nconversations:\n  - {" + ", ".join(f"{key}: {value}" for key, value in written.items()) + "}\n"


def taken(text: str) -> tuple[bool, bool]:
    """By the reader, and by the schema."""
    script, _ = read_script(text, "t.yaml", SIGNATURES)
    return script is not None, CHECK.is_valid(yaml.safe_load(text))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(conversation_schema(SIGNATURES))


def test_every_step_is_explained():
    assert set(STEPS) == {*WORDS, *WITH_TEXT}


@pytest.mark.parametrize("key", KEYS)
def test_reader_and_schema_take_each_key(key: str):
    assert taken(one(**{key: VALUES[key]})) == (True, True)


@pytest.mark.parametrize("key", REQUIRED)
def test_reader_and_schema_need_the_same_keys(key: str):
    text = one().replace(f"{key}: ", f"x_{key}: ")

    assert taken(text) == (False, False)


@pytest.mark.parametrize("step", [*WORDS, *(f"{{{kind}: {STEP.get(kind, 'words')}}}" for kind in WITH_TEXT)])
def test_reader_and_schema_take_each_step(step: str):
    assert taken(one(steps=f"['{step}']" if step in WORDS else f"[{step.replace('12#', chr(34) + '12#' + chr(34))}]")) == (True, True)


@pytest.mark.parametrize(
    "values",
    [
        {"steps": "[hangup]"},
        {"steps": "[later: soon]"},
        {"steps": "[press: abc]"},
        {"steps": "[hears: a, hears]"},
        {"disposition": "happy"},
        {"language": "fr-FR"},
        {"milestones": "told"},
        {"back_office": "{acount: failed}"},
        {"back_office": "{account: {balanse: 1}}"},
        {"back_office": "{account: []}"},
        {"back_office": "{account: perhaps}"},
        {"back_office": "{account: {data_left: 3}}"},
        {"speed": "3"},
    ],
)
def test_reader_and_schema_refuse_the_same(values: dict[str, str]):
    assert taken(one(**values)) == (False, False)


def test_the_shipped_conversations_fit_the_schema():
    """YAML dates are texts here, as they are for an editor."""

    class Plain(yaml.SafeLoader):
        pass

    Plain.yaml_implicit_resolvers = {
        key: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for path in (HOME / "flows" / "tests").glob("*.yaml"):
        assert [error.message for error in CHECK.iter_errors(yaml.load(path.read_text(encoding="utf-8"), Plain))] == []


def test_the_shipped_schema_is_this_one():
    shipped = (HOME / "docs" / "conversation.schema.json").read_text(encoding="utf-8")

    assert shipped == schema_of_conversations(), "run: ivr schema --conversations > docs/conversation.schema.json"
