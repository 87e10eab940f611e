"""The same training with LLaMA-Factory, a peer with a command of its own, in its own environment.

It knows no `axolotl.yaml`: the spec is told in its words. What differs still: it pads rows to 8
tokens (Axolotl to 64), loads them in the training's own process (Axolotl in a second one), counts
the line break after an answer into the loss, and evaluates once more after the end, where Axolotl
does before the first step.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.command import timed
from bench.daemon_process import environment
from bench.progress import tell
from bench.supervised import Bench
from bench.timing import Timing
from core.paths import CODE_ROOT
from core.safe_yaml import dump_yaml

VENV = CODE_ROOT / ".venv-peer"
PINS = CODE_ROOT / "bench" / "peer-requirements.txt"

SAME = (
    "dataloader_num_workers",
    "eval_steps",
    "gradient_accumulation_steps",
    "learning_rate",
    "logging_steps",
    "lora_alpha",
    "lora_dropout",
    "max_steps",
    "save_steps",
    "save_strategy",
    "save_total_limit",
    "seed",
    "warmup_steps",
)
NAMES = {key: key for key in SAME} | {
    "adapter": "finetuning_type",
    "base_model": "model_name_or_path",
    "eval_batch_size": "per_device_eval_batch_size",
    "lora_r": "lora_rank",
    "lr_scheduler": "lr_scheduler_type",
    "micro_batch_size": "per_device_train_batch_size",
    "num_epochs": "num_train_epochs",
    "optimizer": "optim",
    "sequence_len": "cutoff_len",
}
"""What the peer calls Axolotl's keys."""

FIXED = {"lora_target_linear": True, "pad_to_multiple_of": 8}
"""What the peer does anyway: a spec may say the same, and nothing else."""

DATASETS = {"datasets": "train", "test_datasets": "validation"}
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def train_with_peer(bench: Bench, name: str) -> Timing:
    """`llamafactory-cli train` with the bench's spec, into a folder of its own.

    The first step is told by the loss that the peer logs after it, whatever `logging_steps` is.
    """
    command = obtain_peer()
    root = bench.workspace.root
    folder = root / "peer"
    folder.mkdir(exist_ok=True)
    (folder / "dataset_info.json").write_text(json.dumps(dataset_info(bench.spec, root)))
    path = folder / f"{name}.yaml"
    path.write_text(dump_yaml(peer_config(bench.spec, folder, name)))
    env = environment(bench.workspace) | {"PYTHONUNBUFFERED": "1", "HF_HOME": str(folder / "cache")}
    # Our own packages are not the peer's to import.
    env.pop("PYTHONPATH", None)
    return timed([str(command), "train", str(path)], root, env)


def peer_config(spec: Mapping[str, Any], folder: Path, name: str) -> dict[str, Any]:
    """The spec in the peer's words; ValueError for what it cannot be told.

    A key left out in silence would compare two different trainings.
    """
    told = {key: value for key, value in spec.items() if key not in ("run", *DATASETS)}
    for key, value in FIXED.items():
        if told.pop(key, value) != value:
            raise ValueError(f"the peer cannot train with {key}: {spec[key]}")
    if unknown := sorted(told.keys() - NAMES.keys()):
        raise ValueError(f"the peer has not been told what to do with {', '.join(unknown)}")
    config = {
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "disable_gradient_checkpointing": True,  # as Axolotl, unless asked for
        "seed": 42,  # as the daemon
        "per_device_eval_batch_size": spec["micro_batch_size"],
        "dataset": DATASETS["datasets"],
        "dataset_dir": str(folder),
        "output_dir": str(folder / f"output-{name}"),
        "overwrite_output_dir": True,  # or it would go on from the last checkpoint there
        "logging_first_step": True,
        "report_to": "none",
    }
    if "test_datasets" in spec:
        config |= {"eval_dataset": DATASETS["test_datasets"], "eval_strategy": "steps"}
    return config | {NAMES[key]: value for key, value in told.items()}


def dataset_info(spec: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Where the first dataset of each kind lies, and how its rows are laid out."""
    return {
        name: {
            "file_name": str(root / spec[key][0]["path"]),
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": TAGS,
        }
        for key, name in DATASETS.items()
        if key in spec
    }


def obtain_peer() -> Path:
    """The peer's command; installed when it is not there yet, or with other pins."""
    pins = PINS.read_text()
    installed = VENV / "installed.txt"
    if not installed.exists() or installed.read_text() != pins:
        tell(f"installing LLaMA-Factory into {VENV.name}: once, some minutes and gigabytes")
        install()
        installed.write_text(pins)
    return VENV / "bin" / "llamafactory-cli"


def install() -> None:
    """Make the peer's environment anew."""
    quietly(sys.executable, "-m", "venv", "--clear", VENV)
    pip = (VENV / "bin" / "python", "-m", "pip")
    quietly(*pip, "install", "-r", PINS)
    # Built for CUDA, neither can be loaded beside a torch for the CPU. Training on text needs
    # neither; the peer imports torchaudio all the same, which does without its compiled parts.
    quietly(*pip, "uninstall", "--yes", "torchvision")
    for compiled in VENV.glob("lib/python*/site-packages/torchaudio/lib/*.so"):
        compiled.unlink()


def quietly(*command: str | Path) -> None:
    """Run a command; its output is shown only if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        words = " ".join(map(str, command))
        raise RuntimeError(f"{words} left with {done.returncode}: {done.stdout[-2000:]}")
