"""Why an attempt failed, told from what it left behind. Reads nothing: all evidence is given."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from core.log_text import clean_log
from core.run.failure import Failure, FailureKind
from daemon.advice import advise
from daemon.attempt_log import MAX_LINES, cap, choose_lines, find_errors
from daemon.causes import ANY, HELPER_DIED, PEER_LOST, Cause, find_rule

CRASH_SIGNALS = frozenset({"SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGSYS"})
"""What ends a process that has done something impossible."""

CRASH_WORDS = re.compile(r"Fatal Python error|terminate called|what\(\):|CUDA error|Watchdog")
CRASH_LINES = 40
"""Of the log of a process that aborted, what may say why."""

REQUEST_FAILED = re.compile(r"thrown while requesting")
HOST_FULL = "The machine ran out of memory, and the kernel killed a process of the training."
REBOOTED = "The machine lost power or was restarted during the training."
VANISHED = "The training vanished without a trace: it was killed together with its keeper."
NO_WORD = "The training ended early without a word and left no result."
SLOW_ADVICE = "It can go on from its last checkpoint; with a smaller `save_steps` less is lost."


@dataclass(frozen=True)
class Evidence:
    """What is known of an attempt that failed: plain values, as they were found.

    `error` and `stage` are the journal's last, `exit` the keeper's record, `lines` the end of the
    attempt's log, `config` what Axolotl was started with, `step` the one that was being trained,
    and `result_trouble` what is wrong with the model of a training that came to its end.
    """

    error: dict[str, Any] | None = None
    exit: dict[str, Any] | None = None
    lines: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    stage: str = ""
    step: int | None = None
    hung: bool = False
    result_trouble: str = ""
    disk_full: bool = False
    rebooted: bool = False

    @property
    def signal(self) -> str:
        """The signal that ended the first rank to fail, if one did."""
        return str((self.exit or {}).get("signal") or "")

    @property
    def code(self) -> int | None:
        """The exit code of the first rank to fail, else 0; None without a record or by a signal."""
        return (self.exit or {}).get("code")

    @property
    def kernel_killed(self) -> bool:
        """Whether the kernel killed processes for want of memory meanwhile."""
        return bool((self.exit or {}).get("oom_kills"))


@dataclass(frozen=True)
class Verdict:
    """What happened, the words by which the lines that tell of it are known, what to try."""

    kind: FailureKind
    sentence: str
    words: re.Pattern[str] | None = None
    advice: str = ""


def diagnose(evidence: Evidence) -> Failure:
    """The failure's kind, what happened in one sentence, what to try, and the decisive lines."""
    cause = _find_cause(evidence)
    verdict = _judge_cause(cause, evidence) if cause else _judge_exit(evidence)
    lines = choose_lines(evidence.lines, verdict.words)
    if cause and not any(cause.first_line in line for line in lines):
        lines = (*lines, *map(cap, cause.lines))[-MAX_LINES:]
    advice = verdict.advice or advise(verdict.kind, evidence.config, cause)
    return Failure(verdict.kind, verdict.sentence, advice, lines, evidence.step)


def _find_cause(evidence: Evidence) -> Cause | None:
    """The exception that ended the attempt; of several ranks', the one that came first.

    None when it was no exception that ended it. What a rank says of the end of another is no cause
    where a better one can be found.
    """
    if evidence.result_trouble:
        return None
    told = _parse_error(evidence.error)
    if told and not _is_of_peers(told):
        return _with_request(told, evidence.lines)
    logged = [Cause(kind, words, evidence.stage) for kind, words in find_errors(evidence.lines)]
    others = [cause for cause in logged if not _is_of_peers(cause)]
    if told and not evidence.hung:
        return others[0] if others else (None if evidence.signal else told)
    return (others or logged)[-1] if logged and evidence.code and not evidence.hung else None


def _parse_error(error: dict[str, Any] | None) -> Cause | None:
    if error is None:
        return None
    kind, message, stage = (str(error.get(key) or "") for key in ("kind", "message", "stage"))
    return Cause(kind or "Error", clean_log(message), stage)


def _is_of_peers(cause: Cause) -> bool:
    return PEER_LOST.search(cause.text) is not None


def _with_request(cause: Cause, lines: tuple[str, ...]) -> Cause:
    """The Hub's client tells of a failed request long before it gives up with other words."""
    failed = next((line for line in reversed(lines) if REQUEST_FAILED.search(line)), "")
    if failed and "Can't load" in cause.message:
        return replace(cause, message=f"{cause.message}\n{failed}")
    return cause


def _judge_cause(cause: Cause, evidence: Evidence) -> Verdict:
    if evidence.kernel_killed and (_is_of_peers(cause) or HELPER_DIED.search(cause.text)):
        return Verdict(FailureKind.HOST_MEMORY, HOST_FULL, HELPER_DIED)
    rule, sentence = find_rule(cause)
    words = rule.words if rule.words.pattern else re.compile(re.escape(cause.kind))
    return Verdict(rule.kind, sentence, words, rule.advice)


def _judge_exit(evidence: Evidence) -> Verdict:
    """What the end itself tells when no exception does."""
    if evidence.result_trouble:
        sentence = f"The training ran to its end, but {evidence.result_trouble}."
        return Verdict(FailureKind.NO_RESULT, sentence)
    if evidence.hung:
        where = f" in step {evidence.step:,}" if evidence.step is not None else ""
        return Verdict(FailureKind.HUNG, f"The training hung{where} and was ended.")
    if evidence.disk_full and not evidence.signal:
        # Where nothing can be written, the end cannot be either.
        return Verdict(FailureKind.DISK_FULL, "The disk is full.")
    if evidence.exit is None:
        return Verdict(FailureKind.VANISHED, REBOOTED if evidence.rebooted else VANISHED)
    if evidence.signal:
        return _judge_signal(evidence)
    if evidence.code:
        sentence = f"The training ended early with exit code {evidence.code}."
        return Verdict(FailureKind.OTHER, sentence)
    return Verdict(FailureKind.NO_RESULT, NO_WORD)


def _judge_signal(evidence: Evidence) -> Verdict:
    name = evidence.signal
    if name == "SIGKILL" and evidence.kernel_killed:
        return Verdict(FailureKind.HOST_MEMORY, HOST_FULL)
    if name in CRASH_SIGNALS:
        return _judge_crash(evidence)
    if (evidence.exit or {}).get("asked"):
        sentence = f"The training did not stop in time and was killed ({name})."
        return Verdict(FailureKind.KILLED, sentence, advice=SLOW_ADVICE)
    return Verdict(FailureKind.KILLED, f"The training was killed from outside ({name}).")


def _judge_crash(evidence: Evidence) -> Verdict:
    """A crash; libraries that abort say in the log what they could not bear."""
    if evidence.signal == "SIGBUS" and evidence.disk_full:
        return Verdict(FailureKind.DISK_FULL, "The disk is full.")
    for line in evidence.lines[-CRASH_LINES:]:
        if CRASH_WORDS.search(line):
            rule, sentence = find_rule(Cause(evidence.signal, line.strip()))
            if rule is not ANY:
                return Verdict(rule.kind, sentence, CRASH_WORDS, rule.advice)
    sentence = (
        f"The training crashed ({evidence.signal}): a fault in a library, the driver or the "
        "hardware."
    )
    return Verdict(FailureKind.CRASHED, sentence, CRASH_WORDS)
