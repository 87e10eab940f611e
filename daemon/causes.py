"""What an exception of the training means: its kind of failure, and one sentence.

The wordings are those of PyTorch, Transformers, Datasets, the Hub's client and Axolotl.
"""

import re
from dataclasses import dataclass

from core.run.failure import FailureKind
from core.run.phase import Stage

MAX_OWN_CHARACTERS = 200


@dataclass(frozen=True)
class Cause:
    """An exception by its kind and words, and the stage in which it was raised."""

    kind: str
    message: str
    stage: str = ""

    @property
    def text(self) -> str:
        return f"{self.kind}: {self.message}"

    @property
    def first_line(self) -> str:
        """The first line of its words; its kind when it has none."""
        return self.message.strip().partition("\n")[0].rstrip(".: ") or self.kind

    @property
    def own_words(self) -> str:
        """Its kind and its first line, cut to a sentence's length."""
        line = f"{self.kind}: {self.first_line}" if self.message.strip() else self.kind
        return line if len(line) <= MAX_OWN_CHARACTERS else f"{line[: MAX_OWN_CHARACTERS - 1]}…"

    @property
    def lines(self) -> tuple[str, ...]:
        """Its kind and words as a log would have them."""
        return tuple(line for line in self.text.rstrip(": ").splitlines() if line.strip())


@dataclass(frozen=True)
class Rule:
    """If the words are in an exception, it is of this kind; a stage limits where.

    The sentence may name groups of the words, and `own` for the exception's first line. Without
    `advice` that of the kind holds.
    """

    kind: FailureKind
    words: re.Pattern[str]
    sentence: str
    stage: Stage | None = None
    advice: str = ""


PEER_LOST = re.compile(
    r"gloo|NCCL|DistBackendError|DistNetworkError|DistStoreError|monitoredBarrier"
    r"|remote process exited|collective operation timeout",
    re.IGNORECASE,
)
"""What a rank says when another one has died or does not answer: never the first cause."""

HELPER_DIED = re.compile(
    r"DataLoader worker \(pid.*(?:killed by signal|exited unexpectedly)"
    r"|subprocesses has abruptly died|process pool was terminated abruptly"
    r"|^(?:ConnectionResetError|BrokenPipeError|EOFError):"
)
"""What the training says when a process that loads its data has died."""


def _rule(
    kind: FailureKind, words: str, sentence: str, stage: Stage | None = None, advice: str = ""
) -> Rule:
    return Rule(kind, re.compile(words, re.IGNORECASE), sentence, stage, advice)


HUB_RULES = (
    _rule(
        FailureKind.MODEL_GATED,
        r"gated repo|GatedRepoError|is a gated|Access to \w+ \S+ is restricted",
        "The model or the dataset is gated: its owner must let you in first.",
    ),
    _rule(
        FailureKind.MODEL_NOT_FOUND,
        r"OfflineModeIsEnabled|offline mode is enabled|outgoing traffic has been disabled",
        "The model or the dataset is not on this machine, and the Hub may not be asked for it.",
    ),
    _rule(
        FailureKind.MODEL_NOT_FOUND,
        r"(?P<model>\S+) is not a local folder",
        "The Hugging Face Hub knows no {model}, or shows it only to those who are logged in.",
    ),
    _rule(
        FailureKind.MODEL_NOT_FOUND,
        r"namespace/repo_name': '(?P<model>[^']+)'",
        "{model} is neither a folder here nor the name of a model on the Hugging Face Hub.",
    ),
    _rule(
        FailureKind.MODEL_NOT_FOUND,
        r"does not appear to have (?:a file|files) named|Unrecognized model in"
        r"|no file named \S+ found",
        "The model is not complete ({own}).",
    ),
    _rule(
        FailureKind.NETWORK,
        r"Too Many Requests|Server error '5\d\d|5\d\d Server Error",
        "The Hugging Face Hub refuses to answer for now.",
    ),
    _rule(
        FailureKind.MODEL_GATED,
        r"40[13] Client Error|Client error '40[13]",
        "The Hugging Face Hub does not let this machine read the model or the dataset.",
    ),
    _rule(
        FailureKind.NETWORK,
        r"couldn't connect to|specific connection error|check your connection|Couldn't reach"
        r"|client has been closed|Max retries exceeded|Connection (?:refused|aborted)"
        r"|name resolution|Name or service not known|getaddrinfo failed|Network is unreachable"
        r"|^(?:Connect|Read|Write|Pool)Timeout|^(?:Connect|Read|Proxy|RemoteProtocol|SSL)Error"
        r"|IncompleteRead|RemoteDisconnected|LocalEntryNotFoundError|thrown while requesting",
        "The Hugging Face Hub could not be reached.",
    ),
    _rule(
        FailureKind.MODEL_NOT_FOUND,
        r"Can't load (?:the|tokenizer|image|feature)|404 Client Error|Client error '404",
        "The model or the dataset is neither on this machine nor on the Hugging Face Hub.",
    ),
)
"""What goes wrong between here and the model or the dataset."""

DATASET_RULES = (
    *(
        _rule(FailureKind.BAD_DATA, words, "There is no dataset {path}, or none that can be read.")
        for words in (
            r"^DatasetNotFoundError: Dataset '(?P<path>[^']+)'",
            r"Couldn't find any data file at (?P<path>\S+?)\.?(?:\s|$)",
            r"Unable to find '(?P<path>[^']+)'",
            r"due to a misconfigured dataset path \((?P<path>[^)]+)\)",
        )
    ),
    _rule(
        FailureKind.BAD_DATA,
        r"JSON parse error: (?P<what>.+?)\.? in row (?P<row>\d+)",
        "After {row} good rows of the dataset comes one that is no valid JSON: {what}.",
        advice="Correct the row. In a file of more than 10 MiB the rows are counted within a part.",
    ),
    _rule(
        FailureKind.BAD_DATA,
        r"unhandled prompt tokenization strategy: (?P<type>\S+?)\.?(?:\s|$)",
        "Axolotl knows no dataset `type` called {type}.",
    ),
    _rule(
        FailureKind.BAD_DATA,
        r"^KeyError: (?P<column>.+)",
        "A row of the dataset has no {column}, which the dataset's `type` needs.",
        Stage.DATASET,
    ),
    _rule(
        FailureKind.BAD_DATA,
        r"^StopIteration|corresponds to no data",
        "The dataset is empty.",
        Stage.DATASET,
    ),
    _rule(
        FailureKind.BAD_DATA,
        "",
        "The dataset could not be laid out: a row does not fit the dataset's `type` ({own}).",
        Stage.DATASET,
    ),
)
"""What goes wrong with the rows themselves."""

RULES: tuple[Rule, ...] = (
    _rule(
        FailureKind.KILLED,
        r"^KeyboardInterrupt|^SystemExit: 0$",
        "The training was interrupted from outside.",
    ),
    _rule(
        FailureKind.GPU_MEMORY,
        r"out of memory\. Tried to allocate (?P<wanted>[\d.]+ \w+)\.\s+GPU \d+ has a total capacity"
        r" of (?P<total>[\d.]+ \w+) of which (?P<free>[\d.]+ \w+) is free",
        "The GPU ran out of memory: {wanted} more were needed, and {free} of {total} were free.",
    ),
    _rule(
        FailureKind.GPU_MEMORY,
        r"OutOfMemoryError|(?:CUDA|HIP)\b.*out of memory|(?:CUBLAS|CUDNN)_STATUS_ALLOC_FAILED",
        "The GPU ran out of memory.",
    ),
    _rule(
        FailureKind.HOST_MEMORY,
        r"out of shared memory|insufficient shared memory|shared memory\(shm\) for file",
        "The shared memory (/dev/shm), through which rows are handed over, is full.",
        advice="Try `dataloader_num_workers: 0`, or make /dev/shm larger.",
    ),
    _rule(
        FailureKind.HOST_MEMORY,
        r"^_?(?:Array)?MemoryError|cannot allocate memory|can't allocate memory|std::bad_alloc"
        r"|Unable to allocate [\d.]+ \w+ for an array|unable to mmap memory",
        "The machine ran out of memory.",
    ),
    _rule(
        FailureKind.DISK_FULL,
        # Torch notices by a position in its file that is not where it should be.
        r"no space left on device|disk quota exceeded|os error (?:28|122)\b"
        r"|PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+",
        "The disk is full.",
    ),
    _rule(FailureKind.NAN_LOSS, r"^NotFiniteLoss: (?P<what>.+)", "Training went astray: {what}."),
    *HUB_RULES,
    _rule(
        FailureKind.OTHER,
        r"device-side assert|index out of range in self|srcIndex < srcSelectDimSize",
        "The data holds a token for which the model has no place.",
        advice="Check that the tokenizer is the model's own, and any tokens that the spec adds.",
    ),
    _rule(
        FailureKind.OTHER,
        r"No CUDA GPUs are available|Torch not compiled with CUDA|Found no NVIDIA driver"
        r"|CUDA driver version is insufficient|busy or unavailable|CUDA unknown error",
        "The GPU cannot be used ({own}).",
        advice="See whether `nvidia-smi` finds it; a new driver needs a restart of the machine.",
    ),
    _rule(
        FailureKind.CRASHED,
        r"CUDA error:|cudaError|(?:CUDNN|CUBLAS)_STATUS_\w+|cuda failure|GPU is lost"
        r"|fallen off the bus|device handle for GPU|uncorrectable ECC",
        "The GPU or its driver failed ({own}).",
    ),
    _rule(
        FailureKind.NETWORK,
        PEER_LOST.pattern,
        "One rank lost the others.",
        advice="Look into the log for the rank that fell silent first.",
    ),
    _rule(
        FailureKind.CRASHED,
        HELPER_DIED.pattern,
        "A process that loads the data for the training died.",
        advice="If it happens again, `dataloader_num_workers: 0` and `dataset_num_proc: 1` do "
        "without such processes.",
    ),
    _rule(
        FailureKind.CONFIG,
        r"^(?:ImportError|ModuleNotFoundError): (?P<what>.+)",
        "The config asks for something that is not installed: {what}",
    ),
    *DATASET_RULES,
    _rule(FailureKind.CONFIG, r"^ValidationError", "Axolotl refused the config ({own})."),
    _rule(FailureKind.CONFIG, "", "Axolotl refused the config ({own}).", Stage.CONFIG),
    _rule(FailureKind.OTHER, "", "The model could not be loaded ({own}).", Stage.MODEL),
)
"""The first that fits is the one: what is sure comes before what is likely."""


ANY = _rule(FailureKind.OTHER, "", "The training ended with an error ({own}).")


def find_rule(cause: Cause) -> tuple[Rule, str]:
    """The rule that an exception falls under, and its sentence."""
    for rule in RULES:
        match = rule.words.search(cause.text)
        if match and rule.stage in (None, cause.stage):
            return rule, rule.sentence.format(own=cause.own_words, **match.groupdict())
    return ANY, ANY.sentence.format(own=cause.own_words)
