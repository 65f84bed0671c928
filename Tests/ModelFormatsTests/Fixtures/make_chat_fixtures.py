"""Renders conversations with every FOLDER/*.jinja by transformers' apply_chat_template and writes
what came of it to FOLDER/expected.json (transformers 5.24.0, jinja2 3.1.6, Python 3.11).

    python3 make_chat_fixtures.py [FOLDER]

FOLDER is `chat`, whose templates are our own, in the manner of the families that they are named
for. Real templates are other people's and not in this repository: for any folder of them, made up
by this script, `HEBB_CHAT_TEMPLATES=FOLDER` has the tests read it as well.

"conversations"  what is rendered: messages, tools, documents, variables, a generation prompt.
"outcomes"       for each template, for each conversation: a text, or {"raised": message} for
                 raise_exception, or {"failed": the kind of exception}.
"""
import datetime
import json
import logging
import pathlib
import sys

import jinja2
import transformers
from tokenizers import Tokenizer, models
from transformers.utils import chat_template_utils

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


class FixedDay(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 6, 15, 4, 5)


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather \"now\" & later <b>",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "A city, e.g. Cork"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": ["integer", "null"], "minimum": 1},
                "at": {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
                       "required": ["lat"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["city"],
        },
        "return": {"type": "string", "description": "The weather"},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "Zeit", "parameters": {"type": "object", "properties": {}}}}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def call(name, arguments, number=1):
    return {"id": f"call0000{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


SYSTEM = {"role": "system", "content": "You are terse."}
RESULT = {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "{\"sky\": \"grey\"}"}
ASK = user("How is it in Cork?")
PARTS = [{"type": "text", "text": "First "}, {"type": "text", "text": "second"}]
IMAGE = [{"type": "image"}, {"type": "text", "text": "What is it?"}]

CONVERSATIONS = [
    {"messages": [user("Hi")], "prompt": True},
    {"messages": [user("Hi")], "prompt": False},
    {"messages": [SYSTEM, user("Hi")], "prompt": True},
    {"messages": [SYSTEM, user("Hi"), assistant("Hello."), user("And?")], "prompt": True},
    {"messages": [user("Hi"), assistant("Hello."), user("And?"), assistant("So.")], "prompt": False},
    {"messages": [user("  spaced \n\n"), assistant("\n out \n"), user("\tx ")], "prompt": True},
    {"messages": [user("naïve café \U0001f600 你好 <|im_end|> </s> {{ x }} {% y %}")], "prompt": True},
    {"messages": [user("")], "prompt": True},
    {"messages": [SYSTEM, user(""), assistant(""), user("x")], "prompt": True},
    {"messages": [user(PARTS), assistant("ok"), user(PARTS)], "prompt": True},
    {"messages": [{"role": "system", "content": PARTS}, user(IMAGE)], "prompt": True},
    {"messages": [user("a"), user("b")], "prompt": True},
    {"messages": [assistant("a"), user("b")], "prompt": True},
    {"messages": [SYSTEM], "prompt": True},
    {"messages": [user("a"), {"role": "critic", "content": "b"}], "prompt": False},
    {"messages": [user("Q"), assistant("A", reasoning_content="think\nhard"), user("R"), assistant("B", reasoning_content="again")], "prompt": False},
    {"messages": [user("Q"), assistant("<think>\nhm\n</think>\n\nA"), user("R")], "prompt": True},
    {"messages": [user("Q")], "prompt": True, "variables": {"enable_thinking": False}},
    {"messages": [SYSTEM, user("Q")], "prompt": True, "variables": {"enable_thinking": True, "thinking": True, "reasoning_effort": "high"}},
    {"messages": [ASK], "tools": [WEATHER], "prompt": True},
    {"messages": [SYSTEM, ASK], "tools": [WEATHER, CLOCK], "prompt": True},
    {"messages": [ASK, assistant(None, tool_calls=[call("get_weather", {"city": "Cork", "days": 2, "é": [1.5, None, True]})]), RESULT], "tools": [WEATHER], "prompt": True},
    {"messages": [ASK, assistant("", tool_calls=[call("get_weather", {"city": "Cork"})]), RESULT, assistant("Grey."), user("Thanks")], "tools": [WEATHER], "prompt": True},
    {"messages": [ASK, assistant("Let me see.", tool_calls=[call("get_weather", "{\"city\": \"Cork\"}")]), RESULT], "tools": [WEATHER], "prompt": True},
    {"messages": [ASK, assistant("", tool_calls=[call("get_weather", {"city": "Cork"}), call("clock", {}, 2)]), RESULT, {"role": "tool", "tool_call_id": "call00002", "content": "15:04"}], "tools": [WEATHER, CLOCK], "prompt": True},
    {"messages": [SYSTEM, ASK, assistant("", reasoning_content="r", tool_calls=[call("get_weather", {"city": "Cork"})]), RESULT, assistant("Grey.", reasoning_content="s")], "tools": [WEATHER], "prompt": False},
    {"messages": [user("Who?")], "documents": [{"title": "T", "text": "Some text"}, {"title": "U", "text": "More"}], "prompt": True},
    {"messages": [user("Q")], "prompt": True, "variables": {"date_string": "1 Jan 2025", "tools_in_user_message": False, "custom_tools": None}},
    {"messages": [{"role": "developer", "content": "Be kind."}, user("Q")], "prompt": True},
    {"messages": [{"role": "user", "content": "Q", "name": "ann"}, {"role": "assistant", "content": "A", "name": None, "tool_calls": None}], "prompt": False},
]


def outcome(tokenizer, template, conversation):
    try:
        return tokenizer.apply_chat_template(
            conversation["messages"], tools=conversation.get("tools"), documents=conversation.get("documents"),
            chat_template=template, add_generation_prompt=conversation["prompt"], tokenize=False,
            **conversation.get("variables", {}))
    except jinja2.exceptions.TemplateError as error:
        if type(error) is jinja2.exceptions.TemplateError:
            return {"raised": str(error)}
        return {"failed": type(error).__name__}
    except Exception as error:
        return {"failed": type(error).__name__}


def main():
    here = pathlib.Path(__file__).parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "chat"
    logging.disable(logging.WARNING)
    chat_template_utils.datetime = FixedDay
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **TOKENS)
    outcomes = {}
    for path in sorted(folder.glob("*.jinja")):
        # As bytes: a template's line ends are its own.
        template = path.read_bytes().decode("utf-8")
        outcomes[path.name] = [outcome(tokenizer, template, conversation) for conversation in CONVERSATIONS]
    document = {"tokens": TOKENS, "conversations": CONVERSATIONS, "outcomes": outcomes}
    (folder / "expected.json").write_text(json.dumps(document, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    flat = [o for os in outcomes.values() for o in os]
    print(len(outcomes), "templates,", len(flat), "outcomes,", sum(isinstance(o, str) for o in flat), "texts,",
          sum("raised" in o for o in flat if isinstance(o, dict)), "raised")


main()
