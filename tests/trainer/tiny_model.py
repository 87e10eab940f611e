"""A tiny random Llama with a byte-level tokenizer, and an adapter for it."""

from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

VOCABULARY = sorted(pre_tokenizers.ByteLevel.alphabet())
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|end|>"]


def save_tokenizer(folder: Path, template: str | None = TEMPLATE) -> int:
    """Write the tokenizer; how many tokens it has."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(VOCABULARY)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    saved = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>"
    )
    saved.chat_template = template
    saved.save_pretrained(folder)
    return len(saved)


def save_model(folder: Path, seed: int = 0, context_length: int = 4096) -> None:
    """Write a model that never ends its answer by itself, and its tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    size = save_tokenizer(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=context_length,
        initializer_range=0.4,
        eos_token_id=size - 1,
    )
    model = LlamaForCausalLM(config)
    model.lm_head.weight.data[-len(SPECIAL) :] = 0
    model.save_pretrained(folder)


def save_adapter(folder: Path, base: Path, seed: int = 1, rows: int | None = None) -> None:
    """Write a LoRA adapter that changes what the model says; `rows` also grows the embeddings."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    saved = ["embed_tokens", "lm_head"] if rows else None
    if rows:
        model.resize_token_embeddings(rows, mean_resizing=False)
    config = LoraConfig(
        r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, modules_to_save=saved
    )
    adapted = get_peft_model(model, config)
    adapted.save_pretrained(folder, save_embedding_layers=bool(rows))
