"""The real sandbox process, with tiny models on a CPU."""

import http.client
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import SandboxBusyError, SandboxError
from core.paths import CODE_ROOT, Workspace
from core.sandbox.client import find_server
from tests.trainer.tiny_model import SPECIAL, VOCABULARY, save_adapter, save_model
from tests.waiting import wait_until

ASK = [{"role": "user", "content": "What is it?"}]
SHORT = {"max_new_tokens": 24}


def make_workspace(root):
    """A run with adapters, one of them with more tokens than its base, and a whole model."""
    workspace = Workspace(root)
    base = workspace.models / "tiny"
    save_model(base)
    lora = workspace.run("1-lora")
    save_adapter(lora.output, base, seed=1)
    save_adapter(lora.checkpoint(20), base, seed=2)
    save_adapter(lora.checkpoint(30), base, seed=3, rows=len(VOCABULARY) + len(SPECIAL) + 29)
    lora.axolotl_config.write_text("base_model: ./models/tiny\nadapter: lora\n")
    lora.checkpoint(40).mkdir()
    (lora.checkpoint(40) / "adapter_config.json").write_text("{}")
    (lora.checkpoint(40) / "adapter_model.safetensors").write_bytes(b"torn")
    full = workspace.run("2-full")
    save_model(full.output, seed=5, context_length=64)
    full.spec.write_text("base_model: ./models/tiny\n")
    return workspace


def start(workspace, idle_timeout_s=300):
    env = {
        **os.environ,
        "PYTHONPATH": str(CODE_ROOT),
        "LLM_TRAINER_WORKSPACE": str(workspace.root),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-P", "-m", "trainer.sandbox", "--idle-timeout-s"]
    with (workspace.root / "sandbox.log").open("ab") as log:
        return subprocess.Popen(
            [*command, str(idle_timeout_s)], env=env, stdout=log, stderr=log, cwd=workspace.root
        )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def server(workspace):
    process = start(workspace)
    yield wait_until(lambda: find_server(workspace))
    process.kill()
    process.wait()


@pytest.fixture
def other(tmp_path):
    """A process of its own, to be ended by the test."""
    workspace = Workspace(tmp_path)
    (tmp_path / "runs").mkdir()
    started = []

    def begin(**options):
        started.append(start(workspace, **options))
        return workspace, started[0]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def look(server, answer_id):
    """The answer so far; None when the server is too busy to tell, as while torch is imported."""
    with suppress(SandboxBusyError):
        return server.answer(answer_id)


def answer_of(server, model, messages=ASK, **options):
    answer_id = server.ask(model, messages, **{**SHORT, **options})
    return wait_until(lambda: (answer := look(server, answer_id)) and answer.is_ended and answer)


def text_of(server, model, **options):
    answer = answer_of(server, model, **options)
    assert (answer.state, answer.reason) == ("done", "")
    return answer.text


def test_an_answer_can_be_asked_for_before_the_imports_are_done(server):
    assert server.state == "importing"
    answer = answer_of(server, "1-lora/base")
    assert (answer.state, answer.tokens) == ("done", 24)
    assert answer.tokens_per_second > 0


def test_only_the_owner_can_read_the_token(workspace, server):
    assert workspace.sandbox.server.stat().st_mode & 0o777 == 0o600


def test_an_answer_grows_while_it_is_read_and_keeps_its_text_when_stopped(server):
    answer_id = server.ask("1-lora", ASK, max_new_tokens=2048)
    texts = [""]

    def grown():
        text = server.answer(answer_id).text
        if len(text) > len(texts[-1]):
            texts.append(text)
        return len(texts) > 3

    wait_until(grown)
    server.stop(answer_id)
    answer = wait_until(lambda: (a := server.answer(answer_id)).is_ended and a)
    assert answer.state == "stopped" and 0 < answer.tokens < 2048
    assert all(later.startswith(text) for text, later in pairwise(texts))
    assert answer.text.startswith(texts[-1])


def test_each_model_says_its_own_and_the_same_again(server):
    names = ["1-lora/base", "1-lora", "1-lora/checkpoint-20", "1-lora/checkpoint-30", "2-full"]
    first = {name: text_of(server, name) for name in names}
    again = {name: text_of(server, name) for name in reversed(names)}
    assert len(set(first.values())) == len(names)
    assert again == first
    assert text_of(server, "2-full/base") == first["1-lora/base"]


def test_an_adapter_answers_as_it_does_alone_on_its_base(workspace, server):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(workspace.models / "tiny")
    model = PeftModel.from_pretrained(base, workspace.run("1-lora").checkpoint(20)).eval()
    tokenizer = AutoTokenizer.from_pretrained(workspace.models / "tiny")
    prompt = tokenizer.apply_chat_template(
        ASK, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        tokens = model.generate(**prompt, max_new_tokens=24, do_sample=False)[0]
    alone = tokenizer.decode(tokens[prompt["input_ids"].shape[1] :], skip_special_tokens=True)
    assert text_of(server, "1-lora/checkpoint-20") == alone.rstrip("\ufffd")


def test_a_seed_makes_chance_repeat_itself(server):
    one, two, other = (text_of(server, "1-lora", temperature=1.0, seed=seed) for seed in (3, 3, 4))
    assert one == two != other


def test_questions_wait_for_each_other_and_can_be_stopped_while_they_do(server):
    first = server.ask("1-lora", ASK, max_new_tokens=2048)
    second = server.ask("1-lora", ASK, max_new_tokens=2048)
    assert server.answer(second).state == "waiting"
    assert server.stop(second).state == "stopped"
    server.stop(first)
    wait_until(lambda: server.answer(first).is_ended)


def test_a_chat_longer_than_the_context_is_a_sentence(server):
    long = [{"role": "user", "content": "word " * 40}]
    answer = answer_of(server, "2-full", long)
    assert answer.state == "failed" and "reads at most 64" in answer.reason
    assert answer_of(server, "2-full").state == "done"


def test_an_answer_ends_where_the_context_does(server):
    answer = answer_of(server, "2-full", [{"role": "user", "content": "x"}], max_new_tokens=2048)
    assert answer.state == "done" and 0 < answer.tokens < 64


def test_torn_weights_are_a_sentence_and_the_process_lives_on(server):
    answer = answer_of(server, "1-lora/checkpoint-40")
    assert answer.state == "failed" and answer.reason
    assert "Traceback" not in answer.reason
    assert answer_of(server, "1-lora").state == "done"


@pytest.mark.parametrize(
    ("name", "told"),
    [("9-none", "no run 9-none"), ("1-lora/checkpoint-99", "no saved weights")],
)
def test_a_model_that_is_not_there_is_refused_at_once(server, name, told):
    with pytest.raises(SandboxError, match=told):
        server.ask(name, ASK)


@pytest.mark.parametrize("model", ["../x", "1-lora/../2-full", "/etc", "-rf", "1-lora/output"])
def test_a_name_that_leads_elsewhere_is_refused(server, model):
    with pytest.raises(SandboxError, match="names no model"):
        server._call("POST", "/answers", {"model": model, "messages": ASK})


def test_a_wrong_token_is_refused_everywhere(server):
    stranger = replace(server, token="guessed")
    for verb, path in (("POST", "/answers"), ("GET", "/answers/0"), ("DELETE", "/answers/0")):
        with pytest.raises(SandboxError, match="token is wrong"):
            stranger._call(verb, path)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=2)
    connection.request("GET", "/answers/0")
    reply = connection.getresponse()
    assert reply.status == 401 and server.token not in reply.read().decode()
    connection.close()


def test_an_unknown_answer_and_a_body_that_is_no_question_are_sentences(server):
    with pytest.raises(SandboxError, match="unknown or forgotten"):
        server.answer("0123")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=2)
    headers = {"Authorization": f"Bearer {server.token}"}
    connection.request("POST", "/answers", b"{", headers)
    reply = connection.getresponse()
    assert reply.status == 400 and b"not readable as JSON" in reply.read()
    connection.close()


def test_it_is_reached_from_this_machine_alone(server):
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{server.port:04X}") and line.split()[3] == "0A"
    ]
    assert listening == [f"0100007F:{server.port:04X}"]


def test_it_ends_by_itself_when_nobody_asks(other):
    workspace, process = other(idle_timeout_s=0.2)
    assert wait_until(lambda: find_server(workspace)).is_live
    assert process.wait(timeout=40) == 0
    assert not workspace.sandbox.server.exists()


def test_it_ends_in_order_when_told_to(other):
    workspace, process = other()
    wait_until(lambda: find_server(workspace))
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert not workspace.sandbox.server.exists()
