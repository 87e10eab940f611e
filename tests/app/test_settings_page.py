"""The page of the settings: what it saves, what it never shows, and what the daemon answers."""

import stat
from dataclasses import fields

import pytest
from streamlit.testing.v1 import AppTest

from core.clock import now
from core.files import save_json
from core.notice.address import key_of, masked
from core.notice.request import Answer, answer_path, answer_record, request_path
from core.paths import CODE_ROOT
from core.settings import NOTIFIABLE, Settings, load_settings
from streamlit_app import notice_state
from streamlit_app.components.notice_addresses import NONE_YET, names
from streamlit_app.notice_words import DAEMON_DOWN, EVENT_WORDS, EXAMPLES, NO_ANSWER, Example
from streamlit_app.setting_words import GROUPS, value_text
from tests.app.conftest import Open, check, everything, press
from tests.app.furnished import Furnished

ADDRESS = "json://user:hunter2@127.0.0.1:9/hush?token=s3cret"
SECRETS = ("hunter2", "hush", "s3cret")
EDITED_HERE = ("notify", "notify_on", "price_per_kwh", "currency")
SHIPPED = (CODE_ROOT / "configs" / "settings.example.yaml").read_text()


@pytest.fixture(autouse=True)
def shipped(place: Furnished) -> None:
    place.workspace.configs.mkdir()
    place.workspace.settings.write_text(SHIPPED)
    place.beat()


def saved(place: Furnished) -> Settings:
    return load_settings(place.workspace.settings)


def type_address(page: AppTest, address: str) -> AppTest:
    page.text_input(key=notice_state.NEW).set_value(address)
    return press(page, "Add")


def send_test(place: Furnished, page: AppTest) -> None:
    """Press the button while the daemon lives."""
    place.beat()
    press(page, "Send a test")


def sent_to_browser(page: AppTest) -> str:
    """Every message of the page as it goes over the wire, and what the session keeps."""
    return "".join(str(node.proto) for node in page.main) + repr(page.session_state)


def answer(place: Furnished, is_sent: bool, reason: str = "") -> None:
    """The daemon settles the test that was asked for."""
    [request] = place.workspace.notices.glob("*.yaml")
    found = Answer(is_sent, masked(ADDRESS), reason, "A test", now())
    save_json(answer_path(place.workspace, request.stem), answer_record(found))
    request.unlink()


def test_without_an_address_it_teaches_how_one_looks(place: Furnished, open_page: Open) -> None:
    text = everything(open_page("settings"))
    assert NONE_YET in text
    for example in EXAMPLES:
        assert example.address in text


def test_an_address_is_saved_masked_and_nothing_of_its_secrets_is_kept_in_the_page(
    place: Furnished, open_page: Open
) -> None:
    page = type_address(open_page("settings"), f" {ADDRESS} ")
    assert saved(place).notify == (ADDRESS,)
    assert stat.S_IMODE(place.workspace.settings.stat().st_mode) == 0o600
    assert "`json://127.0.0.1:9`" in everything(page)
    assert NONE_YET not in everything(page)
    told = sent_to_browser(page)
    assert "json://127.0.0.1:9" in told
    for secret in SECRETS:
        assert secret not in told
    again = sent_to_browser(open_page("settings"))
    assert not [secret for secret in SECRETS if secret in again]


@pytest.mark.parametrize("typed", ["", "no address", "ntfy://a b", "a" * 3000])
def test_what_is_no_address_is_refused_and_stays_to_be_corrected(
    place: Furnished, open_page: Open, typed: str
) -> None:
    page = type_address(open_page("settings"), typed)
    assert len(page.error) == 1
    assert page.text_input(key=notice_state.NEW).value == typed
    assert place.workspace.settings.read_text() == SHIPPED
    assert not check(page.run()).error


def test_an_address_is_removed_only_after_a_question(place: Furnished, open_page: Open) -> None:
    page = type_address(open_page("settings"), ADDRESS)
    press(page, "Remove")
    assert saved(place).notify == (ADDRESS,)
    press(page, "Keep it")
    assert saved(place).notify == (ADDRESS,)
    press(press(page, "Remove"), "Remove it")
    assert saved(place).notify == ()
    assert NONE_YET in everything(page)
    assert place.workspace.settings.read_text() == SHIPPED


def test_a_test_is_asked_of_the_daemon_and_its_outcome_shown(
    place: Furnished, open_page: Open
) -> None:
    page = type_address(open_page("settings"), ADDRESS)
    send_test(place, page)
    [request] = place.workspace.notices.glob("*.yaml")
    assert not [secret for secret in SECRETS if secret in request.read_text()]
    assert next(one for one in page.button if one.label == "Send a test").disabled
    assert "Sending a test" in everything(page)
    answer(place, True)
    assert "The test was sent just now" in everything(check(page.run()))
    send_test(place, page)
    answer(place, False, "no `luck` <b>[x](y)</b>")
    text = everything(check(page.run()))
    assert "The test was not sent. no `luck` \\<b\\>" in text


def test_without_a_daemon_no_test_is_asked_for(place: Furnished, open_page: Open) -> None:
    page = type_address(open_page("settings"), ADDRESS)
    place.beat(age_s=60)
    press(page, "Send a test")
    assert DAEMON_DOWN.split(",")[0] in everything(page)
    assert not place.workspace.notices.exists()


def test_a_daemon_that_never_answers_is_not_waited_for_for_ever(
    place: Furnished, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = type_address(open_page("settings"), ADDRESS)
    send_test(place, page)
    monkeypatch.setattr(notice_state, "GIVE_UP_S", 0.0)
    assert NO_ANSWER.split(".")[0] in everything(check(page.run()))
    [name] = [path.stem for path in place.workspace.notices.glob("*.yaml")]
    assert request_path(place.workspace, name).exists()


def test_what_is_told_is_saved_at_each_click(place: Furnished, open_page: Open) -> None:
    page = open_page("settings")
    boxes = {box.label.split(" :gray")[0]: box for box in page.checkbox}
    assert all(box.value for box in boxes.values())
    check(boxes[EVENT_WORDS["cancelled"][0]].uncheck().run())
    assert saved(place).notify_on == ("completed", "failed", "needs_help")
    type_address(page, ADDRESS)
    for kind in ("completed", "failed", "needs_help"):
        check(page.checkbox(key=f"told of {kind}").uncheck().run())
    assert saved(place).notify_on == ()
    assert "Nothing is chosen, so nothing is sent." in everything(page)


def test_price_and_currency_are_saved_and_can_be_emptied(place: Furnished, open_page: Open) -> None:
    page = open_page("settings")
    page.number_input(key="kwh price").set_value(0.315)
    page.text_input(key="kwh currency").set_value("CHF")
    press(page, "Save")
    assert (saved(place).price_per_kwh, saved(place).currency) == (0.315, "CHF")
    assert [toast.value for toast in page.toast] == ["The price is saved; it counts for every run."]
    page = open_page("settings")
    assert page.number_input(key="kwh price").value == 0.315
    page.number_input(key="kwh price").set_value(None)
    page.text_input(key="kwh currency").set_value("EUR")
    press(page, "Save")
    assert place.workspace.settings.read_text() == SHIPPED


def test_a_broken_file_is_told_without_its_secrets_and_nothing_can_be_changed(
    place: Furnished, open_page: Open
) -> None:
    place.workspace.settings.write_text(f"notify_on: ['{ADDRESS}']\n")
    page = open_page("settings")
    assert "may hold completed" in page.error[0].value
    assert not [secret for secret in SECRETS if secret in sent_to_browser(page)]
    assert not page.button


def test_a_file_that_breaks_while_the_page_is_open_is_not_written_over(
    place: Furnished, open_page: Open
) -> None:
    page = open_page("settings")
    place.workspace.settings.write_text("notify: [\n")
    type_address(page, ADDRESS)
    assert place.workspace.settings.read_text() == "notify: [\n"
    assert page.error


def test_addresses_that_look_the_same_are_numbered() -> None:
    addresses = ["ntfy://one", "json://127.0.0.1/x", "ntfy://two"]
    assert names(addresses) == ["`ntfy://…` 1", "`json://127.0.0.1`", "`ntfy://…` 2"]
    assert len({key_of(address) for address in addresses}) == 3


def test_every_setting_is_on_the_page_and_every_event_has_words(
    place: Furnished, open_page: Open
) -> None:
    listed = [told.key for rows in GROUPS.values() for told in rows]
    assert sorted([*listed, *EDITED_HERE]) == sorted(field.name for field in fields(Settings))
    assert set(EVENT_WORDS) == set(NOTIFIABLE)
    told = "".join(one.proto.body for one in open_page("settings").get("html"))
    assert "sandbox_idle_s</code>" in told and "5 min" in told


@pytest.mark.parametrize(
    ("key", "settings", "told"),
    [
        ("cancel_grace_s", Settings(), "10 s"),
        ("poll_interval_s", Settings(), "0.5 s"),
        ("hang_after_s", Settings(), "30 min"),
        ("busy_gpu_mib", Settings(), "2,048 MiB"),
        ("keep_gpu_days", Settings(), "30 days"),
        ("max_gpu_temperature_c", Settings(), "no limit"),
        ("max_gpu_temperature_c", Settings(max_gpu_temperature_c=85.0), "85 °C"),
        ("resume_gpu_temperature_c", Settings(max_gpu_temperature_c=85.0), "70 °C"),
        ("training_hours", Settings(), "always"),
        ("allowed_folders", Settings(), "none"),
        ("allowed_plugins", Settings(allowed_plugins=("a.*", "b")), "a.*, b"),
        ("warm_standby", Settings(), "yes"),
        ("hub", Settings(hub="offline"), "never used"),
    ],
)
def test_a_value_is_told_with_its_unit(key: str, settings: Settings, told: str) -> None:
    assert value_text(key, settings) == told


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.service)
def test_apprise_takes_addresses_such_as_the_examples(example: Example) -> None:
    apprise = pytest.importorskip("apprise")
    # Some tokens must have a certain form, which words for people do not have.
    address = example.address.replace("bot-token", "A" * 35).replace("chat-id", "12345")
    assert apprise.Apprise.instantiate(address) is not None
