"""Datasets and configs of every kind that the audit must see as Axolotl does."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]
LONG = "A sentence about rivers, mountains and cities of the world. " * 12


def chat(*contents: str, system: str = "", **more: Any) -> Row:
    """A row of turns, the user's and the assistant's by turns."""
    roles = ("user", "assistant")
    turns = [{"role": roles[at % 2], "content": text} for at, text in enumerate(contents)]
    return {"messages": [{"role": "system", "content": system}] * bool(system) + turns, **more}


CHATS = [
    chat("What is the capital of France?", "The capital of France is Paris."),
    chat("Hello", "Hi.", "And Peru?", "Lima.\n\nReally.", system="You know capitals."),
    chat("Grüße, 世界 🌍?", "  The capital … is Tōkyō 🗼 .  "),
    chat("A question alone"),
    chat("An answer with nothing in it", ""),
    chat("Again", "Paris", "Again", "Paris"),
    chat("user", "assistant"),
    chat("Long", LONG),
    chat(LONG, "Short."),
    chat("A mark <|im_end|> inside", "An answer <|im_end|> with one"),
]
CHATS_WITH_COLUMNS = [
    chat("Which city?", "Oslo.", system="", id=1, note=None),
    {"messages": chat("Which city?", "Rome.")["messages"], "id": 2, "note": "x"},
]
SHAREGPT = [
    {
        "conversations": [
            {"from": name, "value": turn["content"]}
            for turn, name in zip(row["messages"], ("human", "gpt") * 4, strict=False)
        ]
    }
    for row in CHATS
    if row["messages"][0]["role"] == "user"
]
ALPACA = [
    {"instruction": "Name the capital of Spain.", "input": "", "output": "Madrid."},
    {"instruction": "Translate.", "input": "Guten Tag", "output": "Good day"},
    {"instruction": "Nothing to answer", "input": None, "output": None},
    {"instruction": "No output at all"},
    {"instruction": "", "input": "", "output": ""},
    {"instruction": LONG, "input": "", "output": "Yes."},
    {"instruction": "Tell a lot.", "input": "", "output": LONG},
    {"instruction": "With mark", "input": "", "output": "Ends by itself<|im_end|>"},
]
ANSWERS = [
    {"question": "Capital of Italy?", "answer": "Rome."},
    {"question": "Long?", "answer": LONG},
]
TEXTS = [
    {"text": "A short text."},
    {"text": LONG},
    {"text": ""},
    {"text": None},
    {"text": "x"},
    {"text": LONG * 3 + "the end"},
]
SEGMENTS = [
    {"segments": [{"label": False, "text": f"{n}+{n}?\n"}, {"label": True, "text": f"{2 * n}."}]}
    for n in (1, 20)
]


def pair(prompt: list[Row], chosen: str, rejected: str, **more: Any) -> Row:
    """A preference as datasets of ours hold it."""
    asked = [turn for turn in prompt if turn["role"] != "system"]
    return {
        "messages": prompt,
        "chosen": [*asked, {"role": "assistant", "content": chosen}],
        "rejected": [*asked, {"role": "assistant", "content": rejected}],
        **more,
    }


PAIRS = [
    pair(chat("Capital of Chile?")["messages"], "Santiago.", "Lima."),
    pair(chat("Hello", "Hi", "Capital of Peru?")["messages"], "Lima.", "Santiago 🌍."),
    pair(chat("Long?")["messages"], LONG, "No."),
    pair(chat(LONG)["messages"], "Yes.", "No."),
    pair(chat("Be kind?", system="Be brief.")["messages"], "Yes", "No", system="Be brief."),
]
LABELLED = [
    {"completion": [*chat("Capital of Egypt?", "Cairo.")["messages"]], "label": True},
    {"completion": [*chat("Capital?", "Which?", "Iran's", LONG)["messages"]], "label": False},
    {"completion": [*chat(LONG, "Yes.", system="Be brief.")["messages"]], "label": True},
]

FROM_VALUE = {
    "field_messages": "conversations",
    "message_property_mappings": {"role": "from", "content": "value"},
}


def case(
    rows: list[Row], kind: Any = "chat_template", entry: Row | None = None, **keys: Any
) -> Row:
    """Rows, and the keys under which they are trained on."""
    return {"rows": rows, "entry": {"type": kind, **(entry or {})}, "keys": keys}


CASES: dict[str, Row] = {
    "chat": case(CHATS),
    "chat with other columns": case(CHATS_WITH_COLUMNS),
    "chat, short rows only": case(CHATS, sequence_len=64),
    "chat, truncated": case(CHATS, sequence_len=64, excess_length_strategy="truncate"),
    "chat, long rows kept": case(CHATS, sequence_len=4096),
    "chat, packed": case(CHATS, sample_packing=True, sequence_len=256),
    "chat, truncated and packed": case(
        CHATS, sample_packing=True, sequence_len=64, excess_length_strategy="truncate"
    ),
    "chat, inputs trained": case(CHATS, train_on_inputs=True),
    "chat, users trained": case(CHATS, entry={"roles_to_train": ["user"]}),
    "chat, all ends trained": case(CHATS, entry={"train_on_eos": "all"}),
    "chat, last end trained": case(CHATS, entry={"train_on_eos": "last"}),
    "chat, another template": case(CHATS, chat_template="llama3"),
    "chat, named end of turn": case(CHATS, chat_template="chatml", eot_tokens=["<|im_end|>"]),
    "chat, template per dataset": case(CHATS, entry={"chat_template": "chatml"}),
    "chat, system dropped": case(CHATS, entry={"drop_system_message": True}),
    "chat, other end of sequence": case(
        CHATS, special_tokens={"eos_token": "<|startoftext|>"}, eot_tokens=["<|im_end|>"]
    ),
    "chat with a first token": case(CHATS, base_model="./models/with-bos"),
    "sharegpt": case(SHAREGPT, entry=FROM_VALUE),
    "alpaca": case(ALPACA, "alpaca"),
    "alpaca, short rows only": case(ALPACA, "alpaca", sequence_len=64),
    "alpaca, inputs trained": case(ALPACA, "alpaca", train_on_inputs=True),
    "alpaca with a first token": case(ALPACA, "alpaca", base_model="./models/with-bos"),
    "question and answer": case(ANSWERS, "alpaca_chat.load_qa"),
    "own format": case(
        ANSWERS,
        {"field_instruction": "question", "field_output": "answer", "format": "Q: {instruction}"},
    ),
    "segments": case(SEGMENTS, "input_output"),
    "text": case(TEXTS, "completion", sequence_len=64),
    "text, cut after 64 pieces": case(TEXTS, "completion", sequence_len=8),
    "text, packed": case(TEXTS, "completion", sequence_len=64, sample_packing=True),
    "text with a first token": case(TEXTS, "completion", base_model="./models/with-bos"),
}

KTO = {"rl": "kto", "remove_unused_columns": False}

ANSWER_CASES: dict[str, Row] = {
    "dpo": case(PAIRS, "chat_template.default", rl="dpo"),
    "dpo, short rows only": case(PAIRS, "chat_template.default", rl="dpo", sequence_len=64),
    "dpo, truncated": case(
        PAIRS,
        "chat_template.default",
        rl="dpo",
        sequence_len=64,
        excess_length_strategy="truncate",
    ),
    "orpo": case(PAIRS, "chat_template.argilla", rl="orpo", sequence_len=128),
    "kto": case(LABELLED, "chatml.argilla_chat", sequence_len=128, **KTO),
    "kto, truncated": case(
        LABELLED,
        "chatml.argilla_chat",
        sequence_len=64,
        excess_length_strategy="truncate",
        **KTO,
    ),
}

GOOD_CHAT, GOOD_ALPACA, GOOD_PAIR = CHATS[0], ALPACA[0], PAIRS[0]

# Rows at which Axolotl dies, each behind a good one: its line is 2.
FATAL_CASES: dict[str, Row] = {
    "no messages": case([GOOD_CHAT, {"messages": None}]),
    "empty messages": case([GOOD_CHAT, {"messages": []}]),
    "only another column": case([GOOD_CHAT, {"text": "x"}]),
    "no instruction": case([{"question": "x"}, {"question": "y"}], "alpaca"),
    "output is a number": case(
        [{"instruction": "x", "output": 1.5}, {"instruction": "y", "output": 2.5}], "alpaca"
    ),
    "no question": case([GOOD_ALPACA, GOOD_ALPACA], "alpaca_chat.load_qa"),
    "no segments": case([SEGMENTS[0], {"segments": None}], "input_output"),
    "rejected is missing": case(
        [GOOD_PAIR, {**GOOD_PAIR, "rejected": None}], "chat_template.default", rl="dpo"
    ),
    "nothing labelled": case(
        [LABELLED[0], {"completion": [], "label": True}], "chatml.argilla_chat", **KTO
    ),
    "unknown role in a pair": case(
        [GOOD_PAIR, {**GOOD_PAIR, "messages": [{"role": "bot", "content": "x"}]}],
        "chat_template.default",
        rl="dpo",
    ),
}


GOOD_LINE = json.dumps(GOOD_CHAT)

# Files that Axolotl cannot even read.
UNREADABLE_CASES: dict[str, Row] = {
    "broken JSON": case(f'{GOOD_LINE}\n{GOOD_LINE}\n{{"messages": [\n{GOOD_LINE}\n'),
    "a list among the rows": case(f"{GOOD_LINE}\n[1, 2]\n"),
    "nothing in the file": case("\n"),
    "no template": case([GOOD_CHAT], base_model="./models/plain"),
    "end of turn of several tokens": case(
        [GOOD_CHAT], chat_template="llama3", eot_tokens=["<|eot_id|>"]
    ),
    "unknown type": case([GOOD_ALPACA], "alpaca_chat.load_nothing"),
}

# What only the audit is asked.
OTHER_CASES: dict[str, Row] = {
    "blank lines": case("\n".join(["", GOOD_LINE, "", "  ", '{"messages": []}', GOOD_LINE, ""])),
    "one of two files": case(
        [GOOD_CHAT],
        test_datasets=[{"path": "./uploads/no-messages.jsonl", "type": "chat_template"}],
    ),
    "spoiled answers": case(
        [GOOD_PAIR, pair(chat("Hi")["messages"], "", "user"), GOOD_PAIR],
        "chat_template.default",
        rl="dpo",
    ),
    "outside": case([GOOD_CHAT], base_model="/etc"),
    "online learning": case([GOOD_CHAT], rl="grpo"),
    "many rows": case([chat(f"Question {n}", f"Answer {n}") for n in range(3000)]),
}


def write_case(name: str, made: Row, root: Path) -> Row:
    """Write the rows down; the Axolotl keys of the case."""
    path = root / "uploads" / f"{name.replace(' ', '-').replace(',', '')}.jsonl"
    path.parent.mkdir(exist_ok=True)
    rows = made["rows"]
    lines = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(lines)
    entry = {"path": f"./uploads/{path.name}", "ds_type": "json", "split": "train"}
    return {
        "base_model": "./models/starter",
        "datasets": [entry | made["entry"]],
        "sequence_len": 512,
        # The order of the file, so that rows can be compared.
        "shuffle_merged_datasets": False,
        **made["keys"],
    }
