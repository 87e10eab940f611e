import datasets
import huggingface_hub
import pytest
from huggingface_hub import constants

from trainer.settling import settle


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a standby, which was born offline."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setattr(datasets.config, name, True)


def test_a_run_that_needs_the_hub_may_ask_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert huggingface_hub.is_offline_mode()
    settle()
    assert not huggingface_hub.is_offline_mode()
    assert not datasets.config.HF_HUB_OFFLINE


@pytest.mark.parametrize("name", ["TRANSFORMERS_OFFLINE", "HF_HUB_OFFLINE"])
def test_a_machine_that_is_to_stay_offline_does(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv(name, "true")
    settle()
    assert huggingface_hub.is_offline_mode()
    assert datasets.config.HF_HUB_OFFLINE


def test_any_other_run_stays_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    settle()
    assert huggingface_hub.is_offline_mode()
    assert datasets.config.HF_HUB_OFFLINE
