"""The numbers of a run in TensorBoard, which the app is compared with."""

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from google_crc32c import value as crc32c
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from bench.app_process import Server, serving
from bench.process_use import read_memory

KEYS = ("loss", "eval_loss", "learning_rate", "grad_norm", "tokens_per_second")
CHART = "line-chart canvas"


def write_events(folder: Path, metrics: Path) -> None:
    """The log events of a run as TensorBoard's own file."""
    folder.mkdir()
    with (folder / "events.out.tfevents.0.bench").open("wb") as events, metrics.open() as file:
        events.write(framed(Event(file_version="brain.Event:2")))
        for line in file:
            row = json.loads(line)
            values = [Summary.Value(tag=key, simple_value=row[key]) for key in KEYS if key in row]
            events.write(framed(Event(step=row["step"], summary=Summary(value=values))))


def framed(event: Event) -> bytes:
    """The event as it lies in the file. TensorBoard's own writer takes minutes for a million."""
    body: bytes = event.SerializeToString()
    length = struct.pack("<Q", len(body))
    return length + masked(length) + body + masked(body)


def masked(content: bytes) -> bytes:
    """The check sum of a TFRecord: https://www.tensorflow.org/tutorials/load_data/tfrecord."""
    crc = int(crc32c(content))
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


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
