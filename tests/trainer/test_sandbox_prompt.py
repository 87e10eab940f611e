from types import SimpleNamespace

import pytest

from core.errors import SandboxError
from tests.trainer.tiny_model import TEMPLATE, save_tokenizer
from trainer.sandbox.prompt import make_prompt

PLAIN_TURNS = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n###\n"
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
REFUSING = "{{ raise_exception('roles must take turns') }}"


class FakeModel:
    """As much of a model as a prompt needs."""

    def __init__(self, eos_token_id=None, length=4096):
        text_config = SimpleNamespace(max_position_embeddings=length)
        self.config = SimpleNamespace(get_text_config=lambda: text_config)
        self.generation_config = SimpleNamespace(eos_token_id=eos_token_id)


@pytest.fixture
def make_tokenizer(tmp_path):
    def make(template=TEMPLATE):
        from transformers import AutoTokenizer

        save_tokenizer(tmp_path, template)
        return AutoTokenizer.from_pretrained(tmp_path)

    return make


def user(text):
    return [{"role": "user", "content": text}]


def test_the_prompt_is_the_chat_as_the_template_writes_it(make_tokenizer):
    tokenizer = make_tokenizer()
    prompt = make_prompt(tokenizer, FakeModel(), user("hi"))
    assert tokenizer.decode(prompt.tokens) == (
        "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_it_ends_at_every_token_that_ends_a_turn(make_tokenizer):
    tokenizer = make_tokenizer()
    prompt = make_prompt(tokenizer, FakeModel(eos_token_id=[7, 9]), user("hi"))
    ends = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|end|>"])
    assert (prompt.end_tokens, prompt.end_text) == (sorted([7, 9, *ends]), "")


def test_it_ends_at_a_text_where_the_template_ends_turns_with_one(make_tokenizer):
    assert make_prompt(make_tokenizer(PLAIN_TURNS), FakeModel(), user("hi")).end_text == "###"


def test_a_template_that_can_think_writes_the_empty_thoughts_of_training(make_tokenizer):
    closed = "{% if enable_thinking is false %}<think></think>{% endif %}"
    tokenizer = make_tokenizer(TEMPLATE + "{% if add_generation_prompt %}" + closed + "{% endif %}")
    prompt = make_prompt(tokenizer, FakeModel(), user("hi"))
    assert tokenizer.decode(prompt.tokens).endswith("assistant\n<think></think>")


def test_a_template_that_changes_answers_leaves_the_end_of_a_turn_unknown(make_tokenizer):
    changing = "{% for message in messages %}{{ message['content'] | upper }}{% endfor %}"
    prompt = make_prompt(make_tokenizer(changing), FakeModel(eos_token_id=7), user("hi"))
    assert (7 in prompt.end_tokens, prompt.end_text) == (True, "")


def test_without_a_template_the_last_text_of_the_user_is_continued(make_tokenizer):
    tokenizer = make_tokenizer(None)
    messages = [*user("old"), {"role": "assistant", "content": "x"}, *user("Once upon")]
    assert tokenizer.decode(make_prompt(tokenizer, FakeModel(), messages).tokens) == "Once upon"


@pytest.mark.parametrize(
    ("template", "messages", "told"),
    [
        (REFUSING, user("hi"), "roles must take turns"),
        (None, [{"role": "system", "content": "x"}], "no chat template"),
        (None, user(""), "empty"),
        (TEMPLATE, user("x" * 5000), "reads at most 4,096"),
    ],
)
def test_a_chat_that_cannot_be_asked_is_a_sentence(make_tokenizer, template, messages, told):
    with pytest.raises(SandboxError, match=told):
        make_prompt(make_tokenizer(template), FakeModel(), messages)


def test_text_appears_by_whole_characters_and_ends_before_the_end_text(make_tokenizer):
    import torch

    from trainer.sandbox.writer import Growth

    tokenizer = make_tokenizer(PLAIN_TURNS)
    seen, answer = [], SimpleNamespace(is_complete=False)
    answer.grow = lambda text, tokens: seen.append(text)
    growth = Growth(answer, tokenizer, "###")
    growth.put(torch.tensor([[1, 2, 3]]))
    for token in tokenizer("é\nb###c").input_ids:
        growth.put(torch.tensor([token]))
    assert seen == ["", "é", "é\n", "é\nb", "é\nb#", "é\nb##", "é\nb", "é\nb"]
    assert answer.is_complete
