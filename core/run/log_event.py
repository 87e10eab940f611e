"""A log event of a training as it stands in `metrics.jsonl`."""

METRIC_NAMES = {
    "loss": "loss",
    "eval_loss": "eval_loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "tokens/total": "tokens",
    "tokens/trainable": "trainable_tokens",
    "tokens/train_per_sec_per_gpu": "tokens_per_second",
    "memory/max_allocated (GiB)": "gpu_memory_gib",
}
"""Axolotl's names of what it logs, and ours."""
