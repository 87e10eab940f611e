"""The numbers of a run in TensorBoard, which the app is compared with."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from bench.app_process import Server, serving
from bench.process_use import read_memory

KEYS = ("loss", "eval_loss", "learning_rate", "grad_norm", "tokens_per_second")
CHART = "line-chart canvas"


def write_events(folder: Path, metrics: Path) -> None:
    """The log events of a run as TensorBoard's own file."""
    writer = EventFileWriter(str(folder))
    with metrics.open() as file:
        for line in file:
            row = json.loads(line)
            values = [Summary.Value(tag=key, simple_value=row[key]) for key in KEYS if key in row]
            writer.add_event(Event(step=row["step"], summary=Summary(value=values)))
    writer.close()


@contextmanager
def serving_board(folder: Path) -> Iterator[Server]:
    """TensorBoard on that file."""
    arguments = ["-m", "tensorboard.main", "--logdir", str(folder), "--port", "{port}"]
    with serving(arguments, {}) as server:
        yield server


def memory_mb(pid: int) -> float:
    """Of the server and its helper that holds the data."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(read_memory(int(one)).rss for one in (str(pid), *children))
