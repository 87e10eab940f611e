import json
import os
import subprocess
import sys

import pytest

from core.paths import CODE_ROOT, Workspace
from tests.trainer.tiny_model import TEMPLATE, save_model, save_tokenizer


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    save_model(workspace.models / "tiny")
    return workspace


def check(workspace, base_model, **env):
    """What the real process finds."""
    out = workspace.root / "answer.json"
    command = [sys.executable, "-P", "-m", "trainer.model_check"]
    done = subprocess.run(
        [*command, f"--base-model={base_model}", f"--out={out}"],
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
            "PYTHONPATH": str(CODE_ROOT),
            "LLM_TRAINER_WORKSPACE": str(workspace.root),
            "HF_HOME": str(workspace.root / "cache"),
            "HF_HUB_OFFLINE": "1",
            **env,
        },
        cwd=workspace.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text())


def save_config(workspace, name, **config):
    """A model that is a config and a tokenizer."""
    folder = workspace.models / name
    save_tokenizer(folder, config.pop("template", TEMPLATE))
    (folder / "config.json").write_text(json.dumps(config))
    return f"./models/{name}"


def test_a_good_model_is_described(workspace):
    found = check(workspace, "./models/tiny")
    assert found["ok"] and found["reason"] == ""
    assert (found["architecture"], found["model_type"]) == ("LlamaForCausalLM", "llama")
    assert (found["vocab_size"], found["context_length"]) == (259, 4096)
    assert found["parameters"] == 2 * 259 * 32 + 2 * (4 * 32 * 32 + 3 * 32 * 64 + 2 * 32) + 32
    assert (found["eos_token"], found["pad_token"]) == ("<|end|>", "<|end|>")
    assert found["has_chat_template"]
    assert found["example"]["text"].endswith("<|im_start|>assistant\nParis.<|im_end|>\n")
    assert found["example"]["tokens"] > 10
    assert found["turn_end"] == "<|im_end|>"


def test_the_estimate_agrees_with_the_saved_weights(workspace):
    config = json.loads((workspace.models / "tiny/config.json").read_text())
    name = save_config(workspace, "weightless", **config)
    assert check(workspace, name)["parameters"] == check(workspace, "./models/tiny")["parameters"]


def test_a_model_without_a_template_has_no_example(workspace):
    name = save_config(workspace, "plain", model_type="llama", template=None)
    found = check(workspace, name)
    assert (found["ok"], found["has_chat_template"], found["example"]) == (True, False, None)


def test_a_folder_that_is_no_model_is_told_of(workspace):
    assert "there is no folder ./gone" in check(workspace, "./gone")["reason"]
    assert "no config.json" in check(workspace, ".")["reason"]
    (workspace.models / "bare").mkdir()
    (workspace.models / "bare/config.json").write_text('{"model_type": "llama"}')
    assert "no tokenizer" in check(workspace, "./models/bare")["reason"]


def test_a_model_that_writes_no_text_is_told_of(workspace):
    name = save_config(workspace, "bert", model_type="bert", architectures=["BertModel"])
    assert "does not generate text" in check(workspace, name)["reason"]


def test_code_that_comes_with_a_model_is_not_run(workspace):
    auto = {"AutoConfig": "configuration_own.OwnConfig"}
    name = save_config(workspace, "own", model_type="own", auto_map=auto)
    ran = workspace.models / "own/ran"
    (workspace.models / "own/configuration_own.py").write_text(f"open({str(ran)!r}, 'w')")
    assert "its own Python code" in check(workspace, name)["reason"]
    assert not ran.exists()


def test_a_torn_tokenizer_is_told_of(workspace):
    name = save_config(workspace, "torn", model_type="llama")
    (workspace.models / "torn/tokenizer.json").write_text('{"model":')
    found = check(workspace, name)
    assert not found["ok"] and "tokenizer of ./models/torn cannot be read" in found["reason"]


@pytest.mark.parametrize("env", [{}, {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}])
def test_a_hub_that_cannot_be_reached_is_told_of(workspace, env):
    reason = check(workspace, "org/name", **env)["reason"]
    assert reason == (
        "no connection to the Hugging Face Hub, and org/name is not in the local cache"
    )


def test_a_name_that_is_none_is_told_of(workspace):
    assert "begins with a dash" in check(workspace, "-rf")["reason"]


def test_a_folder_outside_of_the_workspace_is_not_looked_at(workspace, tmp_path):
    save_tokenizer(tmp_path / "model")
    for name in (str(tmp_path / "model"), "../other", "~/model", "/etc"):
        found = check(workspace, name)
        assert not found["ok"] and "outside the workspace" in found["reason"]


def test_a_template_that_ends_turns_with_plain_text_or_changes_the_answer_has_no_turn_end(
    workspace,
):
    for number, end in enumerate(["message['content'] }}###", "message['content'] | upper }}"]):
        template = "{% for message in messages %}{{ " + end + "{% endfor %}"
        name = save_config(workspace, f"odd{number}", model_type="llama", template=template)
        assert check(workspace, name)["turn_end"] == ""


def test_gated_and_unknown_models_are_told_apart():
    import httpx
    from huggingface_hub import errors

    from trainer.model_trouble import explain

    response = httpx.Response(403, request=httpx.Request("GET", "http://hub"))
    gated = OSError("You are trying to access a gated repo.")
    gated.__cause__ = errors.GatedRepoError("gated", response=response)
    unknown = OSError("not found")
    unknown.__cause__ = errors.RepositoryNotFoundError("404", response=response)
    assert "HF_TOKEN" in explain(gated, "org/name", "config.json")
    assert "is gated" in explain(gated, "org/name", "config.json")
    assert "knows no org/name" in explain(unknown, "org/name", "config.json")
