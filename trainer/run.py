"""One attempt of a run, inside its own process: `python -P -m trainer.run`.

Runs Axolotl's own entry with the run's `axolotl.yaml`. Which run, the environment says
(`LLM_TRAINER_RUN`, `LLM_TRAINER_ATTEMPT`), since Axolotl reads the command line itself.
"""

import atexit
import os
import sys
import traceback
from typing import Any, NoReturn

from core.files import sync_tree
from core.run.phase import Stage
from trainer.journal import Journal, find_journal
from trainer.long_imports import long_imports
from trainer.wishes import WISHES


def main() -> None:
    """Train, and journal how it ended. Raises what Axolotl raised."""
    WISHES.listen()
    journal = find_journal()
    if journal is None:
        sys.exit("trainer.run is started by the daemon; by hand use `axolotl train <axolotl.yaml>`")
    journal.tell_start()
    try:
        train(journal)
    except BaseException as error:
        journal.fail(type(error).__name__, describe(error))
        raise


def train(journal: Journal) -> None:
    """Run Axolotl from its config to the saved result."""
    journal.stage(Stage.IMPORTS)
    with long_imports():
        from axolotl.cli.args import TrainerCliArgs
        from axolotl.cli.config import load_cfg
        from axolotl.cli.train import do_train

        from trainer.pool_free import keep_in_process
    keep_in_process()

    journal.stage(Stage.CONFIG)
    cfg = load_cfg(str(journal.paths.axolotl_config))
    reporter = find_reporter()
    do_train(cfg, TrainerCliArgs())
    if reporter.trained:
        sync_tree(journal.paths.output)
        journal.write("done", step=reporter.last_step)


def find_reporter() -> Any:
    """Our plugin's callback; raises RuntimeError when Axolotl went on without the plugin."""
    from axolotl.integrations.base import PluginManager

    from trainer.plugin import RunPlugin

    for plugin in PluginManager.get_instance().plugins.values():
        if isinstance(plugin, RunPlugin) and plugin.reporter:
            return plugin.reporter
    raise RuntimeError("the plugin did not report in, so the run would be blind; it was stopped")


def describe(error: BaseException) -> str:
    """The error in at most 2,000 characters: pydantic's field by field, else with its cause."""
    errors = getattr(error, "errors", None)
    if callable(errors):
        lines = [f"`{'.'.join(map(str, e['loc']))}`: {e['msg']}" for e in errors()]
        return "\n".join(lines)[:2000]
    cause = error
    # A worker process hands its whole traceback over as a cause; that is in the log.
    while cause.__cause__ is not None and "Traceback (" not in str(cause.__cause__):
        cause = cause.__cause__
    own = str(error) if cause is error else f"{error}: {cause}"
    return own[:2000]


def leave(code: int) -> NoReturn:
    """End the process without taking the interpreter apart.

    That takes half a second and fills the end of the log with leak reports of the libraries.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run_and_leave() -> NoReturn:
    """Train, tell what went wrong, and end the process."""
    try:
        main()
    except BaseException:
        traceback.print_exc()
        leave(1)
    leave(0)


if __name__ == "__main__":
    run_and_leave()
