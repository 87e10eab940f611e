"""Whether a notice that was not sent may be tried again."""

import pytest

from core.notice.address import key_of
from core.notice.request import Request
from trainer.notify import send


# Apprise imports what Python will drop one day.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("address", "is_final"),
    [
        ("json://127.0.0.1:9/hush", False),
        ("ntfy://127.0.0.1:9/one", False),
        # One of the two may have it already.
        ("ntfy://127.0.0.1:9/one/two", True),
        ("nosuchscheme://127.0.0.1:9", True),
    ],
)
def test_what_may_have_come_to_some_is_not_sent_to_them_again(address: str, is_final: bool) -> None:
    answer = send(Request("completed", key_of(address), "poems completed", ""), address)
    assert not answer.is_sent
    assert answer.is_final is is_final
