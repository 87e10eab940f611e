"""Writing answers token by token. Importing this module takes seconds."""

import sys
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer
from transformers.utils import logging as transformers_logging

from core.errors import SandboxError
from core.sandbox.question import Question
from trainer.long_imports import long_imports
from trainer.model_trouble import one_line
from trainer.sandbox.answers import Answer
from trainer.sandbox.models import Models, free_memory
from trainer.sandbox.prompt import Prompt, context_length, make_prompt

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


class TorchWriter:
    """Loads models onto one device and writes answers with them."""

    def __init__(self, device: str) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise SandboxError("no GPU can be used here; start the sandbox with --device cpu")
        self._device = device
        self._models = Models(device)

    def write(self, answer: Answer) -> None:
        """Write the whole answer, or as much as comes before it is stopped."""
        with self._models.use(answer.source) as (model, tokenizer):
            prompt = make_prompt(tokenizer, model, answer.question.messages)
            if not answer.stop_wanted:
                answer.begin()
                generate(answer, model, tokenizer, prompt)

    def explain(self, error: Exception) -> str:
        """One sentence for people on why there is no answer, and what to do."""
        return explain(error, self._device)

    def free_memory(self) -> None:
        """Give back what a failed answer used; its error must be gone, for it holds on to it."""
        free_memory()

    def warm_up(self) -> None:
        """Import what the first adapter will need, while nobody waits."""
        with long_imports():
            import peft  # noqa: F401


@torch.inference_mode()
def generate(answer: Answer, model: Any, tokenizer: Any, prompt: Prompt) -> None:
    """Let the model continue the prompt; the answer grows as it does."""
    question = answer.question
    if question.seed is not None:
        torch.manual_seed(question.seed)
    tokens = torch.tensor([prompt.tokens], device=model.device)
    room = (context_length(model) or sys.maxsize) - len(prompt.tokens)
    model.generate(
        input_ids=tokens,
        attention_mask=torch.ones_like(tokens),
        max_new_tokens=min(question.max_new_tokens, room),
        **sampling(question),
        eos_token_id=prompt.end_tokens or None,
        pad_token_id=pad_token(tokenizer, prompt),
        streamer=Growth(answer, tokenizer, prompt.end_text),
        stopping_criteria=StoppingCriteriaList([StopWanted(answer)]),
    )


def sampling(question: Question) -> dict[str, Any]:
    """How the next token is chosen; what is not asked for stays as the model's maker set it."""
    if question.temperature == 0:
        return {"do_sample": False}
    return {"do_sample": True, "temperature": question.temperature, "top_p": question.top_p}


def pad_token(tokenizer: Any, prompt: Prompt) -> int:
    """A token to pad with; a single prompt needs none, but generate() asks for one."""
    ends = prompt.end_tokens
    return tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (ends or [0])[0]


class StopWanted(StoppingCriteria):
    """Ends the generation when somebody wants the answer stopped, or it is complete."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        stop = self._answer.stop_wanted or self._answer.is_complete
        return torch.full((input_ids.shape[0],), stop, dtype=torch.bool, device=input_ids.device)


class Growth(BaseStreamer):
    """Puts each new token into the answer as text."""

    def __init__(self, answer: Answer, tokenizer: Any, end_text: str) -> None:
        self._answer = answer
        self._tokenizer = tokenizer
        self._end_text = end_text
        self._prompt_seen = False
        self._lines = ""
        self._line: list[int] = []
        self._count = 0

    def put(self, value: torch.Tensor) -> None:
        """Called by generate() with the prompt, then with each token."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        self._line += value.flatten().tolist()
        self._count += value.numel()
        self._show(self._decode())

    def _decode(self) -> str:
        # Only the line in work is decoded, so a token costs the same in a long answer.
        line = self._tokenizer.decode(self._line, skip_special_tokens=True)
        if line.endswith("\n"):
            self._lines, self._line = self._lines + line, []
            return self._lines
        return self._lines + line

    def _show(self, text: str) -> None:
        # Half of a character of several bytes is decoded as U+FFFD until the rest is there.
        text = text.rstrip("\ufffd")
        if self._end_text and self._end_text in text:
            text = text.partition(self._end_text)[0]
            self._answer.is_complete = True
        self._answer.grow(text, self._count)

    def end(self) -> None:
        """Called by generate() after the last token."""


def explain(error: Exception, device: str) -> str:
    """One sentence for people on why there is no answer, and what to do."""
    text = one_line(error)
    if isinstance(error, SandboxError):
        return str(error)
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return (
            "the GPU has too little free memory for this model and chat; "
            "shorten the chat, choose a smaller model, or wait until the GPU is free"
        )
    if isinstance(error, MemoryError):
        return "the machine has too little memory for this model; choose a smaller one"
    if isinstance(error, OSError):
        return f"the model's files cannot be read ({text}); check that they are complete"
    where = "runs/.sandbox/sandbox.log"
    return f"the model could not answer on {device}: {type(error).__name__}: {text}; see {where}"
