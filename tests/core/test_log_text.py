import pytest

from core.log_text import clean_log


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("", ""),
        ("one\ntwo\n", "one\ntwo"),
        ("\x1b[1;32mgreen\x1b[0m", "green"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("  0%|  \r 50%|##\r100%|####\n", "100%|####"),
        ("100%\r\n", "100%"),
        ("bell\x07 and nul\x00", "bell and nul"),
        ("up\x1b[2A\x1b[Kdown", "updown"),
        ("\u202eevil", "evil"),
        ("tab\tstays", "tab\tstays"),
        ("cut \x1b[3", "cut"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_a_log_is_plain_characters(raw: str, shown: str) -> None:
    assert clean_log(raw) == shown


def test_only_the_last_lines_are_kept() -> None:
    assert clean_log("\n".join(map(str, range(1000))), 3) == "997\n998\n999"


def test_carriage_returns_do_not_make_lines() -> None:
    bar = "\r".join(f"{percent}%" for percent in range(101))
    assert clean_log(f"start\n{bar}\nend\n", 2) == "100%\nend"


def test_tokens_of_accounts_are_not_shown() -> None:
    text = "login with hf_abcdefghijABCDEFGHIJ12 and sk-abcdefghijABCDEFGHIJ12 failed"
    assert clean_log(text) == "login with hf_… and sk-… failed"
