import pytest

from core.errors import SandboxError
from tests.trainer.tiny_model import save_model
from trainer.sandbox import room


@pytest.fixture
def base(tmp_path):
    save_model(tmp_path / "base")
    return str(tmp_path / "base")


def set_free(monkeypatch, tmp_path, kilobytes):
    (tmp_path / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable:   {kilobytes} kB\n")
    monkeypatch.setattr(room, "MEMORY", tmp_path / "meminfo")


def test_a_model_that_does_not_fit_into_free_memory_is_refused(base, tmp_path, monkeypatch):
    set_free(monkeypatch, tmp_path, 100)
    with pytest.raises(SandboxError, match=r"needs about .* GB on the CPU and .* wait until"):
        room.check_room(base)
    set_free(monkeypatch, tmp_path, 10_000)
    room.check_room(base)


def test_what_cannot_be_known_is_let_through(base, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MEMORY", tmp_path / "none")
    room.check_room(base)
    set_free(monkeypatch, tmp_path, 1)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    room.check_room("org/never-fetched")


def test_the_process_offers_itself_to_the_kernel(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "SACRIFICE", tmp_path / "oom_score_adj")
    room.be_first_to_go()
    assert room.SACRIFICE.read_text() == "1000"
    monkeypatch.setattr(room, "SACRIFICE", tmp_path / "none/oom_score_adj")
    room.be_first_to_go()
