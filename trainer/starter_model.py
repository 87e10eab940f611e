"""The starter model: a Llama small enough to train on any machine, and its tokenizer."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 42
VOCABULARY_SIZE = 1536
CONTEXT_LENGTH = 2048
BOS, EOS, PAD, TURN_START = "<|startoftext|>", "<|im_end|>", "<|pad|>", "<|im_start|>"
CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)


def save_starter_model(folder: Path, text: list[str]) -> None:
    """Write the model, its weights drawn from a fixed seed, and a tokenizer learned from `text`."""
    tokenizer = train_tokenizer(text)
    tokenizer.save_pretrained(folder)
    make_model(tokenizer).save_pretrained(folder)
    # safetensors lets only the owner read; the daemon may run as somebody else.
    (folder / "model.safetensors").chmod(0o644)


def train_tokenizer(text: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with chat markers; any text has tokens, so none are unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[BOS, EOS, PAD, TURN_START],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        additional_special_tokens=[TURN_START],
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT_LENGTH,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained model for the tokenizer's vocabulary, the same at every call."""
    marks = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(architecture(len(tokenizer), marks))
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=64, **marks)
    return model


def architecture(vocabulary_size: int, marks: dict[str, int]) -> LlamaConfig:
    """About a million parameters in four layers."""
    return LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT_LENGTH,
        tie_word_embeddings=True,
        # 1 / sqrt(hidden_size). Llama's 0.02 suits wide models; here it would keep the logits
        # so small that a LoRA, which leaves the embeddings as they are, could not learn.
        initializer_range=0.088,
        dtype="float32",
        **marks,
    )
