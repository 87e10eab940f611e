"""Why an attempt failed, in the very words that the libraries use."""

import signal
from dataclasses import dataclass
from typing import Any

import pytest

from core.run.failure import TRANSIENT, FailureKind
from daemon.advice import advise
from daemon.diagnosis import Evidence, diagnose

OOM = (
    "CUDA out of memory. Tried to allocate 2.22 GiB. GPU 0 has a total capacity of 23.68 GiB of "
    "which 228.38 MiB is free. Process 4242 has 9.50 GiB memory in use. Including non-PyTorch "
    "memory, this process has 13.93 GiB memory in use. Of the allocated memory 12.28 GiB is "
    "allocated by PyTorch, and 1.14 GiB is reserved by PyTorch but unallocated."
)
NO_CONNECTION = (
    "We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in "
    "the cached files.\nCheck your internet connection or see how to run the library in offline "
    "mode at 'https://huggingface.co/docs/transformers/installation#offline-mode'.: "
)
PEER_CLOSED = (
    "[/__w/pytorch/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by "
    "peer [127.0.0.1]:51878. This is typically caused by a remote worker crashing."
)
PEER_RESET = PEER_CLOSED.replace("closed", "reset")
NCCL_TIMEOUT = (
    "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1, OpType=BROADCAST, "
    "NumelIn=131072000, NumelOut=131072000, Timeout(ms)=600000) ran for 600081 milliseconds "
    "before timing out."
)


@dataclass(frozen=True)
class Told:
    """An exception as the journal tells it, and what is made of it."""

    kind: str
    message: str
    stage: str
    failure: FailureKind
    sentence: str


EXCEPTIONS = [
    Told(
        "OutOfMemoryError",
        OOM,
        "training",
        FailureKind.GPU_MEMORY,
        "memory: 2.22 GiB more were needed, and 228.38 MiB of 23.68 GiB were free.",
    ),
    Told(
        "AcceleratorError",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "model",
        FailureKind.GPU_MEMORY,
        "The GPU ran out of memory.",
    ),
    Told(
        "RuntimeError",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "training",
        FailureKind.GPU_MEMORY,
        "The GPU ran out of memory.",
    ),
    Told("MemoryError", "", "dataset", FailureKind.HOST_MEMORY, "The machine ran out of memory."),
    Told(
        "_ArrayMemoryError",
        "Unable to allocate 7.11 PiB for an array with shape (1000000000000000,)",
        "dataset",
        FailureKind.HOST_MEMORY,
        "The machine ran out of memory.",
    ),
    Told(
        "RuntimeError",
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 4000000000000000 bytes. Error code 12 (Cannot allocate memory)",
        "model",
        FailureKind.HOST_MEMORY,
        "The machine ran out of memory.",
    ),
    Told(
        "RuntimeError",
        "unable to allocate shared memory(shm) for file </torch_7_1_0>: No space left on device "
        "(28)",
        "training",
        FailureKind.HOST_MEMORY,
        "The shared memory (/dev/shm)",
    ),
    Told(
        "RuntimeError",
        "DataLoader worker (pid 9) is killed by signal: Bus error. It is possible that dataloader's"
        " workers are out of shared memory. Please try to raise your shared memory limit.",
        "training",
        FailureKind.HOST_MEMORY,
        "The shared memory (/dev/shm)",
    ),
    Told(
        "OSError",
        "[Errno 28] No space left on device: './runs/.prepared/x'",
        "dataset",
        FailureKind.DISK_FULL,
        "The disk is full.",
    ),
    Told(
        "SafetensorError",
        "Error while serializing: I/O error: No space left on device (os error 28)",
        "saving",
        FailureKind.DISK_FULL,
        "The disk is full.",
    ),
    Told(
        "RuntimeError",
        "[enforce fail at inline_container.cc:672] . unexpected pos 1225344 vs 1225264",
        "saving",
        FailureKind.DISK_FULL,
        "The disk is full.",
    ),
    Told(
        "OSError",
        "[Errno 122] Disk quota exceeded",
        "saving",
        FailureKind.DISK_FULL,
        "The disk is full.",
    ),
    Told(
        "NotFiniteLoss",
        "the loss was not a finite number at steps 10, 20, 30",
        "training",
        FailureKind.NAN_LOSS,
        "Training went astray: the loss was not a finite number at steps 10, 20, 30.",
    ),
    Told(
        "OSError",
        "You are trying to access a gated repo.\nMake sure to have access to it at "
        "https://huggingface.co/org/gated.\n403 Client Error.\n\nCannot access gated repo for url",
        "config",
        FailureKind.MODEL_GATED,
        "is gated",
    ),
    Told(
        "DatasetNotFoundError",
        "Dataset 'org/gated' is a gated dataset on the Hub. You must be authenticated to "
        "access it.",
        "dataset",
        FailureKind.MODEL_GATED,
        "is gated",
    ),
    Told(
        "OSError",
        "There was a specific connection error when trying to load org/x:\nClient error '401 "
        "Unauthorized' for url 'https://huggingface.co/org/x/resolve/main/config.json'",
        "config",
        FailureKind.MODEL_GATED,
        "does not let this machine read",
    ),
    Told(
        "OSError",
        NO_CONNECTION + "Client error '403 Forbidden' for url 'https://huggingface.co/org/x'",
        "config",
        FailureKind.MODEL_GATED,
        "does not let this machine read",
    ),
    Told(
        "OSError",
        "org/missing is not a local folder and is not a valid model identifier listed on "
        "'https://huggingface.co/models'\nIf this is a private repository, make sure to pass a "
        "token: Client error '401 Unauthorized' for url 'https://huggingface.co/org/missing'",
        "config",
        FailureKind.MODEL_NOT_FOUND,
        "knows no org/missing",
    ),
    Told(
        "OSError",
        "Repo id must be in the form 'repo_name' or 'namespace/repo_name': './models/x'. Use "
        "`repo_type` argument if needed.",
        "config",
        FailureKind.MODEL_NOT_FOUND,
        "./models/x is neither a folder here nor the name of a model",
    ),
    Told(
        "OSError",
        NO_CONNECTION + "Cannot find the requested files in the disk cache and outgoing traffic has"
        " been disabled.",
        "config",
        FailureKind.MODEL_NOT_FOUND,
        "not on this machine",
    ),
    Told(
        "ConnectionError",
        "Couldn't reach 'org/data' on the Hub (OfflineModeIsEnabled)",
        "dataset",
        FailureKind.MODEL_NOT_FOUND,
        "not on this machine",
    ),
    Told(
        "ValueError",
        "Unrecognized model in org/noentry. Should have a `model_type` key in its config.json.",
        "config",
        FailureKind.MODEL_NOT_FOUND,
        "is not complete (ValueError: Unrecognized model in org/noentry.",
    ),
    Told(
        "OSError",
        "Can't load the configuration of 'org/x'. If you were trying to load it from "
        "'https://huggingface.co/models', make sure you don't have a local directory with the same "
        "name.",
        "config",
        FailureKind.MODEL_NOT_FOUND,
        "neither on this machine nor on the Hugging Face Hub",
    ),
    Told(
        "OSError",
        NO_CONNECTION + "[Errno -2] Name or service not known",
        "config",
        FailureKind.NETWORK,
        "could not be reached",
    ),
    Told(
        "OSError",
        NO_CONNECTION + "Client error '429 Too Many Requests' for url 'https://huggingface.co/x'",
        "config",
        FailureKind.NETWORK,
        "refuses to answer for now",
    ),
    Told(
        "OSError",
        NO_CONNECTION + "Server error '503 Service Unavailable' for url 'https://huggingface.co/x'",
        "config",
        FailureKind.NETWORK,
        "refuses to answer for now",
    ),
    Told(
        "FileNotFoundError",
        "Couldn't find any data file at /w/org/data. Couldn't find 'org/data' on the Hugging Face "
        "Hub either: LocalEntryNotFoundError: An error happened while trying to locate the file on "
        "the Hub and we cannot find the requested files in the local cache. Please check your "
        "connection and try again.",
        "dataset",
        FailureKind.NETWORK,
        "could not be reached",
    ),
    Told(
        "ReadTimeout",
        "The read operation timed out",
        "model",
        FailureKind.NETWORK,
        "could not be reached",
    ),
    Told("RuntimeError", PEER_CLOSED, "training", FailureKind.NETWORK, "One rank lost the others."),
    Told(
        "DistBackendError",
        "NCCL error in: ../torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:1970, remote process "
        "exited or there was a network error",
        "training",
        FailureKind.NETWORK,
        "One rank lost the others.",
    ),
    Told(
        "RuntimeError",
        "[Rank 0]: Rank 1 failed to pass monitoredBarrier in 3000 ms",
        "training",
        FailureKind.NETWORK,
        "One rank lost the others.",
    ),
    Told(
        "KeyError",
        "'instruction'",
        "dataset",
        FailureKind.BAD_DATA,
        "A row of the dataset has no 'instruction', which the dataset's `type` needs.",
    ),
    Told(
        "DatasetGenerationError",
        "An error occurred while generating the dataset: JSON parse error: Missing a comma or '}' "
        "after an object member. in row 20",
        "dataset",
        FailureKind.BAD_DATA,
        "After 20 good rows of the dataset comes one that is no valid JSON: Missing a comma or '}' "
        "after an object member.",
    ),
    Told("StopIteration", "", "dataset", FailureKind.BAD_DATA, "The dataset is empty."),
    Told(
        "ValueError",
        'Instruction "train" corresponds to no data!',
        "dataset",
        FailureKind.BAD_DATA,
        "The dataset is empty.",
    ),
    Told(
        "ValueError",
        "The dataset could not be loaded. This could be due to a misconfigured dataset path "
        "(./uploads/x). Try double-check your path / name / data_files.",
        "dataset",
        FailureKind.BAD_DATA,
        "There is no dataset ./uploads/x,",
    ),
    Told(
        "FileNotFoundError",
        "Unable to find '/w/uploads/x/train.jsonl'",
        "dataset",
        FailureKind.BAD_DATA,
        "There is no dataset /w/uploads/x/train.jsonl,",
    ),
    Told(
        "DatasetNotFoundError",
        "Dataset 'org/missing' doesn't exist on the Hub or cannot be accessed.",
        "dataset",
        FailureKind.BAD_DATA,
        "There is no dataset org/missing,",
    ),
    Told(
        "ValueError",
        "unhandled prompt tokenization strategy: alpaca:load_qa. Did you mean alpaca.load_qa?",
        "dataset",
        FailureKind.BAD_DATA,
        "Axolotl knows no dataset `type` called alpaca:load_qa.",
    ),
    Told(
        "ArrowInvalid",
        "Could not convert 'x' with type str: tried to convert to int64",
        "dataset",
        FailureKind.BAD_DATA,
        "does not fit the dataset's `type` (ArrowInvalid: Could not convert 'x' with type str: "
        "tried to convert to int64).",
    ),
    Told(
        "ValidationError",
        "`rl`: Input should be 'dpo'\n`lora_r`: no",
        "config",
        FailureKind.CONFIG,
        "Axolotl refused the config (ValidationError: `rl`: Input should be 'dpo').",
    ),
    Told(
        "ValueError",
        "please set lora_target_modules",
        "config",
        FailureKind.CONFIG,
        "Axolotl refused the config",
    ),
    Told(
        "ImportError",
        "FlashAttention2 has been toggled on, but it cannot be used due to the following error: "
        "the package flash_attn seems to be not installed.",
        "model",
        FailureKind.CONFIG,
        "asks for something that is not installed: FlashAttention2",
    ),
    Told(
        "AcceleratorError",
        "CUDA error: an illegal memory access was encountered",
        "training",
        FailureKind.CRASHED,
        "The GPU or its driver failed (AcceleratorError: CUDA error: an illegal memory access was "
        "encountered).",
    ),
    Told(
        "RuntimeError",
        "One of the subprocesses has abruptly died during map operation.To debug the error, "
        "disable multiprocessing.",
        "dataset",
        FailureKind.CRASHED,
        "A process that loads the data for the training died.",
    ),
    Told(
        "RuntimeError",
        "DataLoader worker (pid 16414) is killed by signal: Segmentation fault. ",
        "training",
        FailureKind.CRASHED,
        "A process that loads the data for the training died.",
    ),
    Told(
        "RuntimeError",
        "CUDA error: device-side assert triggered",
        "training",
        FailureKind.OTHER,
        "a token for which the model has no place",
    ),
    Told(
        "IndexError",
        "index out of range in self",
        "training",
        FailureKind.OTHER,
        "a token for which the model has no place",
    ),
    Told(
        "RuntimeError",
        "No CUDA GPUs are available",
        "config",
        FailureKind.OTHER,
        "The GPU cannot be used",
    ),
    Told(
        "SafetensorError",
        "Error while deserializing header: header too small",
        "model",
        FailureKind.OTHER,
        "The model could not be loaded (SafetensorError: Error while deserializing header: header "
        "too small).",
    ),
    Told(
        "ValueError",
        "odd",
        "training",
        FailureKind.OTHER,
        "The training ended with an error (ValueError: odd).",
    ),
    Told("SystemExit", "0", "training", FailureKind.KILLED, "was interrupted from outside"),
    Told("KeyboardInterrupt", "", "dataset", FailureKind.KILLED, "was interrupted from outside"),
]


def fail(kind: str, message: str, stage: str = "training", **found: Any) -> Evidence:
    """An attempt that ended by an exception."""
    error = {"kind": kind, "message": message, "stage": stage}
    return Evidence(error, found.pop("exit", end()), **found)


def end(code: int | None = 1, **record: Any) -> dict[str, Any]:
    """What the keeper wrote."""
    ended = {"attempt": 1, "code": code, "signal": None, "asked": None, "oom_kills": 0}
    return ended | record


@pytest.mark.parametrize(
    "told", EXCEPTIONS, ids=lambda told: f"{told.failure}: {told.message[:30]}"
)
def test_an_exception_is_understood_by_its_words(told: Told) -> None:
    failure = diagnose(fail(told.kind, told.message, told.stage))
    assert (failure.kind, told.sentence in failure.sentence) == (told.failure, True), failure


@pytest.mark.parametrize(
    "told", EXCEPTIONS, ids=lambda told: f"{told.failure}: {told.message[:30]}"
)
def test_an_exception_that_the_log_has_not_is_told_all_the_same(told: Told) -> None:
    lines = diagnose(fail(told.kind, told.message, told.stage)).lines
    assert any(told.kind in line for line in lines)


ENDINGS = [
    (end(None, signal="SIGKILL"), FailureKind.KILLED, "killed from outside (SIGKILL)"),
    (end(None, signal="SIGTERM"), FailureKind.KILLED, "killed from outside (SIGTERM)"),
    (end(None, signal="SIGKILL", oom_kills=1), FailureKind.HOST_MEMORY, "kernel killed"),
    (end(None, signal="SIGTERM", oom_kills=1), FailureKind.KILLED, "from outside (SIGTERM)"),
    (end(None, signal="SIGKILL", asked="stop"), FailureKind.KILLED, "did not stop in time"),
    (end(None, signal="SIGSEGV"), FailureKind.CRASHED, "crashed (SIGSEGV)"),
    (end(None, signal="SIGILL"), FailureKind.CRASHED, "crashed (SIGILL)"),
    (end(3), FailureKind.OTHER, "ended early with exit code 3"),
    (end(0), FailureKind.NO_RESULT, "without a word"),
    (None, FailureKind.VANISHED, "without a trace"),
]


@pytest.mark.parametrize(("record", "kind", "sentence"), ENDINGS)
def test_an_ending_without_an_exception_is_told_by_its_record(
    record: dict | None, kind: FailureKind, sentence: str
) -> None:
    failure = diagnose(Evidence(exit=record, lines=("the last line",)))
    assert (failure.kind, sentence in failure.sentence) == (kind, True), failure
    assert failure.lines == ("the last line",)


def test_every_signal_gets_a_sentence() -> None:
    for name in (number.name for number in signal.Signals):
        failure = diagnose(Evidence(exit=end(None, signal=name)))
        assert name in failure.sentence
        assert failure.kind in TRANSIENT


def test_a_restart_of_the_machine_is_told_as_such() -> None:
    failure = diagnose(Evidence(exit=None, rebooted=True))
    assert failure.kind is FailureKind.VANISHED
    assert "lost power or was restarted" in failure.sentence


def test_a_training_that_hung_says_at_which_step() -> None:
    failure = diagnose(Evidence(exit=end(None, signal="SIGKILL"), hung=True, step=1200))
    assert (failure.kind, failure.step) == (FailureKind.HUNG, 1200)
    assert "in step 1,200" in failure.sentence


def test_what_a_rank_says_when_its_hung_peer_is_killed_is_not_the_cause() -> None:
    record = end(None, signal="SIGKILL")
    assert diagnose(fail("RuntimeError", PEER_RESET, exit=record, hung=True)).kind is (
        FailureKind.HUNG
    )


def test_an_error_is_the_cause_even_if_the_process_then_hung_at_its_exit() -> None:
    assert diagnose(fail("ValueError", "odd", hung=True)).kind is FailureKind.OTHER


def test_a_training_that_says_done_but_saved_nothing_has_no_result() -> None:
    failure = diagnose(Evidence(exit=end(0), result_trouble="it left no model"))
    assert failure.kind is FailureKind.NO_RESULT
    assert failure.sentence == "The training ran to its end, but it left no model."


def test_a_full_disk_explains_an_end_that_could_not_be_written_down() -> None:
    assert diagnose(Evidence(exit=end(1), disk_full=True)).kind is FailureKind.DISK_FULL
    bus_error = end(None, signal="SIGBUS")
    assert diagnose(Evidence(exit=bus_error, disk_full=True)).kind is FailureKind.DISK_FULL
    assert diagnose(Evidence(exit=bus_error)).kind is FailureKind.CRASHED


RANK_LOG = (
    "[rank1]: Traceback (most recent call last):",
    '[rank1]:   File "/x/train.py", line 9, in <module>',
    "[rank1]:     loss = model(batch)",
    "[rank1]:            ^^^^^^^^^^^^",
    f"[rank1]: torch.OutOfMemoryError: {OOM}",
    "Traceback (most recent call last):",
    '  File "/x/distributed_c10d.py", line 3252, in all_reduce',
    "    work.wait()",
    f"RuntimeError: {PEER_CLOSED}",
)


def test_of_several_ranks_the_first_error_is_the_cause() -> None:
    failure = diagnose(fail("RuntimeError", PEER_CLOSED, lines=RANK_LOG))
    assert failure.kind is FailureKind.GPU_MEMORY
    assert failure.lines[0].startswith("[rank1]: torch.OutOfMemoryError: CUDA out of memory.")
    assert not any("File" in line or "^^^" in line for line in failure.lines)


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (end(None, signal="SIGKILL"), FailureKind.KILLED),
        (end(None, signal="SIGKILL", oom_kills=1), FailureKind.HOST_MEMORY),
        (end(None, signal="SIGSEGV"), FailureKind.CRASHED),
        (end(1, oom_kills=1), FailureKind.HOST_MEMORY),
        (end(1), FailureKind.NETWORK),
    ],
)
def test_how_a_rank_died_tells_more_than_the_complaint_of_its_peer(
    record: dict, kind: FailureKind
) -> None:
    log = (f"RuntimeError: {PEER_RESET}",)
    assert diagnose(fail("RuntimeError", PEER_RESET, exit=record, lines=log)).kind is kind


@pytest.mark.parametrize(
    "message",
    [
        "DataLoader worker (pid 16380) is killed by signal: Killed. ",
        "DataLoader worker (pid(s) 16407) exited unexpectedly",
        "One of the subprocesses has abruptly died during map operation.",
    ],
)
def test_a_helper_that_the_kernel_killed_tells_of_too_little_memory(message: str) -> None:
    failure = diagnose(fail("RuntimeError", message, exit=end(oom_kills=1)))
    assert failure.kind is FailureKind.HOST_MEMORY


def test_a_kill_elsewhere_on_the_machine_changes_nothing_about_a_clear_error() -> None:
    failure = diagnose(fail("KeyError", "'text'", "dataset", exit=end(oom_kills=2)))
    assert failure.kind is FailureKind.BAD_DATA


def test_a_failed_request_in_the_log_tells_that_the_hub_was_out_of_reach() -> None:
    log = (
        "'[Errno 111] Connection refused' thrown while requesting HEAD https://huggingface.co/x",
        "Retrying in 1s [Retry 1/5].",
    )
    vague = "Can't load the configuration of 'org/x'. If you were trying to load it from"
    assert diagnose(fail("OSError", vague, "config", lines=log)).kind is FailureKind.NETWORK
    # But for a clear error an earlier request does not matter.
    assert diagnose(fail("KeyError", "'x'", "dataset", lines=log)).kind is FailureKind.BAD_DATA


ABORTS = [
    ((f"[E1218 ProcessGroupNCCL.cpp:629] {NCCL_TIMEOUT}",), FailureKind.NETWORK, "One rank lost"),
    (
        (
            "terminate called after throwing an instance of 'c10::AcceleratorError'",
            "  what():  CUDA error: an illegal memory access was encountered",
        ),
        FailureKind.CRASHED,
        "The GPU or its driver failed",
    ),
    (("  what():  std::bad_alloc",), FailureKind.HOST_MEMORY, "ran out of memory"),
    (("terminate called without an active exception",), FailureKind.CRASHED, "(SIGABRT)"),
    (("{'loss': '7.67'}", "gloo is fine"), FailureKind.CRASHED, "(SIGABRT)"),
]


@pytest.mark.parametrize(("log", "kind", "sentence"), ABORTS)
def test_a_library_that_aborts_has_said_why(
    log: tuple[str, ...], kind: FailureKind, sentence: str
) -> None:
    failure = diagnose(Evidence(exit=end(None, signal="SIGABRT"), lines=log))
    assert (failure.kind, sentence in failure.sentence) == (kind, True), failure


def test_an_error_that_only_the_log_has_is_found_there() -> None:
    log = ("OSError: [Errno 28] No space left on device", "ValueError: later")
    failure = diagnose(Evidence(exit=end(1), lines=(log[1], log[0])))
    assert failure.kind is FailureKind.DISK_FULL
    # One that was caught long before a kill is none.
    killed = diagnose(Evidence(exit=end(None, signal="SIGKILL"), lines=log))
    assert killed.kind is FailureKind.KILLED


def test_every_field_that_axolotl_refused_is_among_the_lines() -> None:
    error = fail("ValidationError", "`rl`: Input should be 'dpo'\n`lora_r`: too small", "config")
    assert diagnose(error).lines == (
        "ValidationError: `rl`: Input should be 'dpo'",
        "`lora_r`: too small",
    )


def test_an_endless_or_coloured_message_becomes_readable_lines() -> None:
    failure = diagnose(fail("ValueError", "\x1b[31mred\x1b[0m " + "x" * 5000))
    assert failure.lines[0].startswith("ValueError: red xxx")
    assert len(failure.lines[0]) == 300
    assert len(failure.sentence) < 300


def test_the_error_of_a_rank_that_keeps_no_journal_is_understood_by_the_stage() -> None:
    log = ("KeyError: 'text'", f"RuntimeError: {PEER_CLOSED}")
    failure = diagnose(Evidence(exit=end(1), lines=log, stage="dataset"))
    assert failure.kind is FailureKind.BAD_DATA
    assert "no 'text'" in failure.sentence


def advice(message: str = "CUDA out of memory.", **config: Any) -> str:
    return diagnose(fail("OutOfMemoryError", message, config=config)).advice


def test_advice_on_gpu_memory_starts_from_what_the_run_was_started_with() -> None:
    told = advice(micro_batch_size=8, gradient_accumulation_steps=2, sequence_len=4096)
    assert "`micro_batch_size: 4` instead of 8" in told
    assert "`gradient_accumulation_steps: 4` instead of 2" in told
    assert "`sequence_len` below 4,096" in told
    assert "`gradient_checkpointing: true`" in told
    assert "`adapter: lora` instead of training every weight" in told


def test_advice_on_gpu_memory_does_not_propose_what_is_done_already() -> None:
    told = advice(
        micro_batch_size=1, gradient_checkpointing=True, adapter="qlora", load_in_4bit=True
    )
    assert told == "Try a smaller base model."
    assert "qlora" in advice(adapter="lora")


def test_advice_on_gpu_memory_names_who_else_is_on_the_gpu() -> None:
    assert "process 4242 holds 9.50 GiB" in advice(OOM)
    # In a container torch calls the training itself by a number.
    alone = OOM.replace(
        "Including non-PyTorch memory, this process has 13.93 GiB memory in use.", ""
    )
    assert "Others" not in advice(alone)


def test_advice_on_gpu_memory_in_an_evaluation_names_its_batch() -> None:
    error = fail("OutOfMemoryError", "CUDA out of memory.", "evaluating")
    assert diagnose(error).advice.startswith("Try `eval_batch_size: 1`, ")


@pytest.mark.parametrize("kind", FailureKind)
def test_advice_survives_a_config_of_the_wrong_types(kind: FailureKind) -> None:
    keys = ("micro_batch_size", "sequence_len", "save_total_limit", "learning_rate", "adapter")
    for value in ("auto", None, [1], {"a": 1}, True, -1, 0, 1.5):
        assert isinstance(advise(kind, dict.fromkeys(keys, value)), str)


def test_advice_on_a_loss_that_is_no_number_names_the_present_rate() -> None:
    error = ("NotFiniteLoss", "the loss was not a finite number at steps 1, 2, 3")
    told = diagnose(fail(*error, config={"learning_rate": 0.01, "fp16": True})).advice
    assert "a lower `learning_rate` than 0.01" in told
    assert "`bf16: true` instead of `fp16`" in told
