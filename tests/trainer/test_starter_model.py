import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.dataset.card import find_dataset
from core.paths import WORKSPACE_VARIABLE, find_workspace
from trainer.exact_answers import answers, count_exact, load, read_rows, until
from trainer.starter import build, size_bytes


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKSPACE_VARIABLE, str(tmp_path_factory.mktemp("workspace")))
        found = find_workspace()
        build(found)
        yield found


@pytest.fixture(scope="module")
def folder(workspace):
    return workspace.models / "starter"


@pytest.fixture(scope="module")
def tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def model(folder):
    return AutoModelForCausalLM.from_pretrained(folder).eval()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_model_takes_at_most_eight_megabytes(folder):
    assert size_bytes(folder) <= 8_000_000


def test_only_finished_folders_are_left(workspace):
    assert [path.name for path in workspace.models.iterdir()] == ["starter"]
    assert [path.name for path in workspace.uploads.iterdir()] == ["capitals"]


def test_every_token_has_an_embedding(model, tokenizer):
    assert model.get_input_embeddings().num_embeddings == len(tokenizer)


@pytest.mark.parametrize(
    "text",
    ["Grüße aus Köln", "🙂 👩‍🚀 🇪🇺", "  two  spaces\n\tand a tab ", "日本語, ελληνικά, \x00"],
)
def test_any_text_survives_the_tokenizer(tokenizer, text):
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_no_token_is_unknown_and_each_mark_is_one_token(tokenizer):
    assert tokenizer.unk_token is None
    for mark in (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token, "<|im_start|>"):
        assert len(tokenizer(mark).input_ids) == 1


def test_the_chat_template_marks_every_turn_and_opens_the_answer(tokenizer):
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_conversation_is_closed_by_the_end_of_sequence_token(tokenizer):
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    assert text.endswith(f"Hi{tokenizer.eos_token}\n")


def test_the_model_says_which_tokens_begin_end_and_pad(model, tokenizer):
    for settings in (model.config, model.generation_config):
        assert settings.bos_token_id == tokenizer.bos_token_id
        assert settings.eos_token_id == tokenizer.eos_token_id
        assert settings.pad_token_id == tokenizer.pad_token_id


def test_the_dataset_has_a_card_that_tells_of_its_rows(workspace):
    dataset = find_dataset(workspace, "capitals")
    assert dataset.is_converted and not dataset.problem
    assert (dataset.name, dataset.format, dataset.rows) == ("capitals", "messages", 400)


def test_a_second_build_leaves_what_is_there(workspace, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    build(workspace)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_forced_build_gives_the_same_bytes_and_keeps_the_dataset_card(workspace, folder):
    dataset = workspace.dataset("capitals")
    dataset.card.write_text("name: capitals\n")
    before = contents(folder) | contents(dataset.folder)
    build(workspace, force=True)
    assert contents(folder) | contents(dataset.folder) == before


def test_a_folder_with_a_file_missing_is_built_again(workspace, folder):
    (folder / "tokenizer.json").unlink()
    build(workspace)
    assert (folder / "tokenizer.json").is_file()


def test_an_interrupted_build_leaves_nothing(workspace, tmp_path, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    monkeypatch.setattr("trainer.starter.write_model", fail)
    with pytest.raises(KeyboardInterrupt):
        build(find_workspace())
    assert list((tmp_path / "models").iterdir()) == []


def test_the_dataset_holds_all_rows(workspace):
    dataset = workspace.dataset("capitals")
    assert dataset.original("jsonl").read_bytes() == dataset.train.read_bytes()
    assert len(read_rows(dataset.train)) == 400
    assert len(read_rows(dataset.validation, limit=7)) == 7


def test_the_untrained_model_knows_nearly_nothing(workspace, model, tokenizer):
    rows = read_rows(workspace.dataset("capitals").train, limit=60)
    assert count_exact(model, tokenizer, rows) <= 1


def test_an_answer_the_model_has_learned_counts(folder, tokenizer):
    model = AutoModelForCausalLM.from_pretrained(folder)
    row, other = ask("Who is there?", "It is me."), ask("Who is there?", "It is")
    learn(model, tokenizer, row)
    assert count_exact(model, tokenizer, [row]) == 1
    assert count_exact(model, tokenizer, [other, row, other]) == 1


def test_an_adapter_is_put_on_the_model(folder, tokenizer, tmp_path):
    row = ask("Who is there?", "It is me.")
    base = AutoModelForCausalLM.from_pretrained(folder)
    adapted = get_peft_model(base, LoraConfig(r=64, target_modules="all-linear"))
    learn(adapted, tokenizer, row)
    adapted.save_pretrained(tmp_path)
    assert count_exact(*load(folder, tmp_path), [row]) == 1
    assert count_exact(*load(folder), [row]) == 0


def test_padding_on_the_left_does_not_change_an_answer(model, tokenizer):
    short, long = ask("Hi", "x" * 30), ask("Tell me the capital city of Peru, please.", "x" * 30)
    together = answers(model, tokenizer, [short, long])
    alone = answers(model, tokenizer, [short]) + answers(model, tokenizer, [long])
    assert together == alone


def test_an_answer_stops_before_the_first_end_token():
    assert until([5, 6, 1, 7, 1], {1, 2}) == [5, 6]
    assert until([5, 6], {1}) == [5, 6]


def ask(question, answer):
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


def learn(model, tokenizer, row):
    """Train the model on one row until it knows it by heart."""
    text = tokenizer.apply_chat_template(row["messages"], tokenize=False)
    ids = tokenizer(text, return_tensors="pt").input_ids
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=0.003)
    for _ in range(25):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
