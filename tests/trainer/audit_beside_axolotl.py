"""Run as a script: what `axolotl preprocess` writes for each case, and what the audit says.

Both in one process, since importing Axolotl takes longer than all the cases together.
"""

import json
import logging
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.trainer.audit_cases import (
    ANSWER_CASES,
    CASES,
    FATAL_CASES,
    OTHER_CASES,
    UNREADABLE_CASES,
    Row,
    write_case,
)

ROOT = Path.cwd()
ON_CPU = {
    "bf16": False,
    "fp16": False,
    "tf32": False,
    **{f"lora_{name}_kernel": False for name in ("mlp", "qkv", "o", "embedding")},
}
RUN = {"micro_batch_size": 1, "learning_rate": 1e-3, "num_epochs": 1, "dataset_num_proc": 1}


def preprocess(name: str, keys: Row) -> list[Row]:
    """The rows that a real `axolotl preprocess` writes."""
    from axolotl.cli.args import PreprocessCliArgs
    from axolotl.cli.config import load_cfg
    from axolotl.cli.preprocess import do_preprocess
    from axolotl.utils.dict import DictDefault
    from datasets import load_from_disk

    prepared = ROOT / "prepared" / name
    config = {**keys, **RUN, **ON_CPU, "dataset_prepared_path": str(prepared), "output_dir": "out"}
    cfg = load_cfg(DictDefault(config), is_preprocess=True)
    cfg.is_preprocess = True
    do_preprocess(cfg, PreprocessCliArgs(debug_num_examples=0))
    (folder,) = (path for path in prepared.iterdir() if path.is_dir())
    return load_from_disk(str(folder)).to_list()


def audit(keys: Row) -> Row:
    """What the audit finds, and the rows it is made of."""
    from core.audit.plan import plan_of
    from core.audit.request import asked_keys
    from core.audit.result import to_record
    from core.paths import Workspace
    from core.safe_yaml import dump_yaml
    from trainer.audit import __main__ as module
    from trainer.audit import work as audit_work

    made: list[Any] = []
    count_all = audit_work.count_all

    def spy(work: Any, *arguments: Any) -> Any:
        made.extend(rows_of(work, plan_of(keys)))
        return count_all(work, *arguments)

    audit_work.count_all = spy
    request = ROOT / "request.yaml"
    request.write_text(dump_yaml({"config": asked_keys(keys)}))
    try:
        found = module.answer(Workspace(ROOT), request)
    finally:
        audit_work.count_all = count_all
        logging.disable(logging.NOTSET)
    return {"audit": to_record(found), "rows": made}


def rows_of(work: Any, plan: Any) -> list[Any]:
    """Every row as the audit sees it; nothing of those at which it fails."""
    made = []
    for source in work.sources:
        rows = [row for _, row in source.read(range(len(source)))]
        for found in source.make_all(rows):
            if hasattr(found, "texts"):
                made.append([found.prompt, found.texts, found.length, found.prompt_length])
            elif isinstance(found, list):
                made += [[piece.ids, piece.labels] for piece in found]
    return made


def tell(name: str, case: Row) -> Row:
    keys = write_case(name, case, ROOT)
    found = {"keys": keys, **audit(keys), "written": None, "error": ""}
    if name in OTHER_CASES:
        return found
    try:
        found["written"] = preprocess(name, keys)
    except BaseException as error:
        traceback.print_exc()
        found["error"] = f"{type(error).__name__}: {error}"[:500]
    return found


def save_model_with_bos() -> None:
    """The starter with a tokenizer that puts a token in front of every text."""
    import shutil

    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    folder = ROOT / "models" / "with-bos"
    shutil.copytree(ROOT / "models" / "starter", folder)
    path = str(folder / "tokenizer.json")
    tokenizer = Tokenizer.from_file(path)
    bos = "<|startoftext|>"
    tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
    )
    tokenizer.save(path)


def save_model_without_template() -> None:
    """The starter as a base model comes: it knows of no chats."""
    import shutil

    folder = ROOT / "models" / "plain"
    shutil.copytree(ROOT / "models" / "starter", folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config.pop("chat_template", None)
    path.write_text(json.dumps(config))


def main() -> None:
    from core.paths import Workspace
    from trainer.audit.__main__ import prepare_environment

    save_model_with_bos()
    save_model_without_template()
    prepare_environment(Workspace(ROOT), {"base_model": "./models/starter"})
    import datasets

    from trainer.pool_free import keep_in_process

    keep_in_process()
    datasets.disable_caching()
    cases = CASES | ANSWER_CASES | FATAL_CASES | UNREADABLE_CASES | OTHER_CASES
    wanted = sys.argv[1:] or list(cases)
    found = {name: tell(name, cases[name]) for name in wanted}
    Path("found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
