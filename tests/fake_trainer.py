"""A trainer for fault injection: behaves like the real one, in milliseconds, and fails on demand.

What it does is written in the run's `spec.yaml` under `run.owner`, word by word:

| word         | what it does                                                         |
|--------------|----------------------------------------------------------------------|
| `steps-N`    | trains N steps (3)                                                   |
| `pace-N`     | N milliseconds per step (0)                                          |
| `save-N`     | a checkpoint every N steps (none)                                    |
| `keep-N`     | at most N checkpoints are kept (4)                                   |
| `eval-N`     | an evaluation of 20 batches of `pace` before every Nth step          |
| `slow-N`     | N milliseconds before training begins                                |
| `kill-N`     | killed with SIGKILL in step N, in the first attempt only             |
| `poison-N`   | killed with SIGKILL in step N, in every attempt                      |
| `crash-N`    | SIGSEGV in step N, in the first attempt only                         |
| `torn-N`     | killed while it saves the checkpoint of step N, first attempt only   |
| `oom-N`      | out of GPU memory as long as the micro batch is N or larger          |
| `fail`       | an error that comes again                                            |
| `full`       | the disk is full, in the first attempt only                          |
| `silent`     | leaves with 0 and no result                                          |
| `no-result`  | says done but saves nothing                                          |
| `deaf`       | ignores SIGTERM, and wishes                                          |
| `orphan`     | leaves a grandchild in a session of its own                          |
| `nameless`   | leaves one there whose environment is empty                          |
| `lingering`  | leaves one there that ignores SIGTERM and is stopped                 |
| `breeding`   | leaves one there that starts children of its own all the time        |
| `stopped`    | stops itself with SIGSTOP in step 2                                  |
| `hang`       | trains until it is ended, with signs of life                         |
| `freeze-N`   | in step N no sign of life any more, in the first attempt only        |

Every process of it says in the run's `lives.jsonl` that it was born, in which attempt, and which
others of the run were alive at that moment.
"""

import json
import os
import re
import shutil
import signal
import struct
import sys
import time
import zipfile
from pathlib import Path

from core.paths import RunPaths
from core.run.phase import Stage
from core.safe_yaml import load_yaml_mapping
from tests.lives import ORPHANS, leave_orphan, tell_birth
from trainer.journal import Journal, find_journal
from trainer.wishes import WISHES


class FakeTrainer:
    """One attempt."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.paths: RunPaths = journal.paths
        owner = re.search(r"owner: (.*)", self.paths.spec.read_text())
        self.words = owner.group(1).strip("'\"").split() if owner else []
        self.config = load_yaml_mapping(self.paths.axolotl_config.read_bytes())
        self.is_first = journal.attempt == 1
        self.pace_s = self.number("pace", 0) / 1000
        self.total = self.number("steps", 3)

    def number(self, word: str, default: int) -> int:
        found = (re.fullmatch(rf"{word}-(\d+)", known) for known in self.words)
        return next((int(match.group(1)) for match in found if match), default)

    def train(self) -> None:
        self.journal.stage(Stage.IMPORTS)
        time.sleep(self.number("slow", 0) / 1000)
        for word in ORPHANS.keys() & set(self.words):
            leave_orphan(self.paths, self.journal.attempt, word)
        if "silent" in self.words:
            return
        self.journal.write("plugin")
        self.journal.stage(Stage.MODEL)
        begin = self.resumed_step()
        self.beat(begin)
        self.journal.write("plan", step=begin, total_steps=self.total)
        self.journal.stage(Stage.TRAINING)
        if self.steps_from(begin + 1):
            self.finish()

    def resumed_step(self) -> int:
        checkpoint = self.config.get("resume_from_checkpoint")
        if not checkpoint:
            return 0
        state = json.loads(Path(checkpoint, "trainer_state.json").read_text())
        return int(state["global_step"])

    def steps_from(self, first: int) -> bool:
        """Whether it trained to the end, not stopped on the way."""
        step = first
        while step <= self.total or "hang" in self.words:
            self.beat(step)
            self.mishap(step)
            self.evaluate(step)
            time.sleep(max(self.pace_s, 0.02 if "hang" in self.words else 0))
            if step <= self.total:
                row = {"step": step, "total_steps": self.total, "loss": 1 / step, "epoch": 1.0}
                self.journal.metric(row)
            stops = WISHES.stop and "deaf" not in self.words and step != self.total
            every = self.number("save", 0)
            if stops or WISHES.checkpoint or (every and step % every == 0):
                WISHES.checkpoint = False
                self.save(step)
            if stops:
                self.journal.write("stopped", step=step)
                return False
            step += 1
        return True

    def mishap(self, step: int) -> None:
        if step == self.number("poison", 0) or (self.is_first and step == self.number("kill", 0)):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.is_first and step == self.number("crash", 0):
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.is_first and step == self.number("freeze", 0):
            time.sleep(600)
        if "stopped" in self.words and step == 2:
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.number("oom", 1 << 30) <= int(self.config.get("micro_batch_size", 1)):
            self.error("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB.")
        if "fail" in self.words:
            self.error("ValueError", "the data is not what it says")
        if "full" in self.words and self.is_first:
            self.error("OSError", "[Errno 28] No space left on device: 'optimizer.pt'")

    def error(self, kind: str, message: str) -> None:
        print(f"Traceback (most recent call last):\n{kind}: {message}", flush=True)
        self.journal.fail(kind, message)
        sys.exit(1)

    def evaluate(self, step: int) -> None:
        every = self.number("eval", 0)
        if not every or step % every:
            return
        self.journal.stage(Stage.EVALUATING)
        for batch in range(20):
            self.journal.write("evaluation", done=batch, total=20)
            self.beat(step)
            time.sleep(self.pace_s)
        self.journal.stage(Stage.TRAINING)

    def save(self, step: int) -> None:
        """A checkpoint, its files in the order in which the real one writes them."""
        self.journal.stage(Stage.SAVING)
        folder = self.paths.checkpoint(step)
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text("{}")
        write_zip(folder / "optimizer.pt")
        if self.is_first and step == self.number("torn", 0):
            os.kill(os.getpid(), signal.SIGKILL)
        write_zip(folder / "scheduler.pt")
        write_zip(folder / "rng_state.pth")
        state = {"global_step": step, "max_steps": self.total}
        (folder / "trainer_state.json").write_text(json.dumps(state))
        self.rotate()
        self.journal.write("checkpoint", step=step, path=folder.name)
        self.journal.stage(Stage.TRAINING)

    def rotate(self) -> None:
        numbered = (path.name.rpartition("-")[2] for path in self.paths.output.glob("checkpoint-*"))
        steps = sorted(int(number) for number in numbered if number.isdigit())
        for step in steps[: -self.number("keep", 4)]:
            shutil.rmtree(self.paths.checkpoint(step))

    def finish(self) -> None:
        if "no-result" not in self.words:
            self.paths.output.mkdir(exist_ok=True)
            write_weights(self.paths.output / "adapter_model.safetensors")
        self.journal.write("done", step=self.total)

    def beat(self, step: int) -> None:
        self.paths.beat.write_text(str(step))


def write_weights(path: Path) -> None:
    """A safetensors file with one small tensor."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))


def write_zip(path: Path) -> None:
    """What `torch.save` writes is a zip file."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")


def main() -> None:
    WISHES.listen()
    journal = find_journal()
    assert journal is not None, "started without a run"
    tell_birth(journal.paths, journal.attempt)
    trainer = FakeTrainer(journal)
    if "deaf" in trainer.words:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    trainer.train()


if __name__ == "__main__":
    main()
