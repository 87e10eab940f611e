"""Requests to send a notice, and what became of them: files in `runs/.notices`.

A request is for one address, which it names by a key: the address itself stays in the settings.
While the request is there it is not settled; an answer beside it tells of a try that failed.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.clock import from_text, now_text, to_text
from core.errors import RecordError, SpecError
from core.files import load_json, read_untrusted, write_whole
from core.notice.address import key_of
from core.notice.news import News, one_line
from core.paths import Workspace
from core.safe_yaml import dump_yaml, load_yaml_mapping

TEST = "test"
MAX_BYTES = 16 * 1024
MAX_TITLE, MAX_BODY = 200, 2000
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,160}\.[a-p]{8}")
TEST_TITLE = "A test from LLM Trainer"
TEST_BODY = "Notices arrive here: you will be told when a run ends or needs help."


@dataclass(frozen=True)
class Request:
    """A notice for one address, which is named by its key."""

    kind: str
    to: str
    title: str
    body: str


@dataclass(frozen=True)
class Answer:
    """Whether the notice was sent, at the last try; if not, why. `to` is the masked address."""

    is_sent: bool
    to: str
    reason: str
    title: str
    at: datetime
    is_final: bool = True


def ask_test(workspace: Workspace, addresses: Iterable[str]) -> list[str]:
    """Ask for a test notice to each address; the names to look for with `find_answer`."""
    moment = time.time_ns()
    names = []
    for key in map(key_of, addresses):
        names.append(f"{TEST}-{moment}.{key}")
        ask(workspace, names[-1], Request(TEST, key, TEST_TITLE, TEST_BODY))
    return names


def ask_news(workspace: Workspace, news: News, addresses: Iterable[str]) -> None:
    """Ask for the news to be sent to each address that has not been asked or told yet."""
    for address in addresses:
        name = f"{news.news_id}.{key_of(address)}"
        is_known = request_path(workspace, name).exists() or answer_path(workspace, name).exists()
        if not is_known:
            ask(workspace, name, Request(news.kinds[0], key_of(address), news.title, news.body))


def ask(workspace: Workspace, name: str, request: Request) -> None:
    """Write the request."""
    workspace.notices.mkdir(parents=True, exist_ok=True)
    record = {**asdict(request), "at": now_text()}
    write_whole(request_path(workspace, name), dump_yaml(record), mode=0o660)


def read_request(path: Path) -> Request:
    """The request in a file that anyone may have written.

    Raises RecordError or SpecError when it is no honest one.
    """
    if not NAME.fullmatch(path.stem):
        raise SpecError("its name is none of a notice")
    data = load_yaml_mapping(read_untrusted(path, MAX_BYTES))
    texts = {key: data.get(key) for key in ("kind", "to", "title", "body")}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise SpecError(f"its `{key}` is no text")
    if texts["to"] != path.stem.rpartition(".")[2]:
        raise SpecError("its name does not belong to its address")
    lines = [one_line(line, MAX_BODY) for line in str(texts["body"]).splitlines()[:20]]
    title = one_line(str(texts["title"]), MAX_TITLE)
    return Request(str(texts["kind"]), str(texts["to"]), title, "\n".join(lines)[:MAX_BODY])


def answer_record(answer: Answer) -> dict[str, Any]:
    """The answer as it stands in its file."""
    return {**asdict(answer), "at": to_text(answer.at)}


def read_answer(path: Path) -> Answer | None:
    """The answer in the file; None while there is no readable one."""
    try:
        record = load_json(path)
        return Answer(
            is_sent=record["is_sent"] is True,
            to=one_line(str(record.get("to", "")), MAX_TITLE),
            reason=one_line(str(record.get("reason", "")), MAX_BODY),
            title=one_line(str(record.get("title", "")), MAX_TITLE),
            at=from_text(str(record.get("at"))),
            is_final=record.get("is_final") is not False,
        )
    except (OSError, RecordError, KeyError, ValueError):
        return None


def find_answer(workspace: Workspace, name: str) -> Answer | None:
    """The answer to a request that is settled; None while it is not."""
    if request_path(workspace, name).exists():
        return None
    return read_answer(answer_path(workspace, name))


def request_path(workspace: Workspace, name: str) -> Path:
    """Where the request of that name lies."""
    return workspace.notices / f"{name}.yaml"


def answer_path(workspace: Workspace, name: str) -> Path:
    """Where the answer to the request of that name lies."""
    return workspace.notices / f"{name}.json"
