"""What the page of the settings says of notices. Pure: values in, texts out."""

from dataclasses import dataclass
from datetime import datetime

from core.notice.request import Answer
from streamlit_app.code_words import marked
from streamlit_app.display import ago_text, plain

EVENT_WORDS = {
    "completed": ("A run is completed", "It trained to its end and its result is saved."),
    "failed": ("A run failed", "It ended with an error; the notice says which."),
    "cancelled": ("A run was cancelled", "Somebody ended it for good."),
    "needs_help": (
        "A run needs help",
        "It will not go on by itself: the disk is full, a GPU is too hot, or it failed too often.",
    ),
}


@dataclass(frozen=True)
class Example:
    """A service, how its address looks, and where its parts come from."""

    service: str
    address: str
    how: str


EXAMPLES = (
    Example(
        "ntfy",
        "ntfys://my-long-secret-topic",
        "The simplest for a phone: install the app ntfy and subscribe to a topic that nobody "
        "guesses.",
    ),
    Example(
        "Mail",
        "mailtos://user:app-password@gmail.com",
        "Most providers want an app password. For another receiver add ?to=me@example.com.",
    ),
    Example(
        "Telegram",
        "tgram://123456789:bot-token/chat-id",
        "The bot @BotFather gives the token; write to your new bot once before the test.",
    ),
    Example(
        "Discord",
        "discord://webhook-id/webhook-token",
        "In the settings of a channel: Integrations, Webhooks; both are at the end of its address.",
    ),
    Example(
        "Webhook",
        "jsons://example.com/path",
        "Your own server gets a POST with title, message and type as JSON; json:// without TLS.",
    ),
)
MORE = "https://github.com/caronc/apprise/wiki"

DAEMON_DOWN = (
    "The daemon sends notices, and it is not running. Start it with `make run` or "
    "`systemctl start llm-trainer-daemon`, then try again."
)
WAITING = ":material/hourglass_top: Sending a test…"
WAITING_LONG = (
    ":material/hourglass_top: Still trying; a server that does not answer takes up to a minute…"
)
NO_ANSWER = "The daemon gave no answer. Its log, runs/daemon.log, may say why."


def examples_text() -> str:
    """The examples as Markdown."""
    rows = [f"**{one.service}** `{one.address}`  \n{plain(one.how)}" for one in EXAMPLES]
    return "\n\n".join(rows)


def outcome_text(answer: Answer, at: datetime) -> str:
    """How the test went, in a sentence."""
    if answer.is_sent:
        return f"The test was sent {ago_text(answer.at, at)}. Look whether it has arrived."
    reason = answer.reason.rstrip(" .") or "No reason was given"
    return f"The test was not sent. {marked(reason)}."
