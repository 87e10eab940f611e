"""Specs that are wrong, hostile or out of date, on their whole way through the daemon."""

import os
import shutil
from pathlib import Path

import pytest

from core.run.phase import Verb
from core.safe_yaml import dump_yaml, load_yaml
from tests.core.test_safe_yaml import ALIAS_BOMB
from tests.faults.scene import Scene
from tests.supervision import spec_text

UNREADABLE = [
    b"",
    b"null",
    b"# nothing but this",
    b"---\n...\n",
    b"just words",
    b"- a\n- b",
    b"a: b\n---\nc: d",
    b"a: 1\n\tb: 2",
    b"\xff\xfea\x00:\x001\x00",
    b"a: \x00",
    b"a: \xc3\x28",
    b"a: !!python/object/apply:os.system ['touch pwned']",
    b"a: !!python/name:os.system",
    b"a: !!binary '?'",
    b"a: &a [*a]",
    ALIAS_BOMB.encode(),
    b"a: " + b"[" * 500,
    b"a: " + b"[" * 100_000,
    b"a: " + b"{a: " * 400,
    b"a: " + b"9" * 1_000_000,
    b"x" * 5_000_000,
    b"a: 1\na: 2",
    b"1: 2",
    b"? [a]\n: b",
    b"a: .nan",
    b"a: 1e400",
    b"<<: 5",
    b"a: *b",
]
"""Bytes that are no mapping of keys that anybody could mean."""

REFUSED = [
    {"learning_rte": 1e-4},
    {"learning_rate": -1},
    {"micro_batch_size": 0},
    {"output_dir": "../../x"},
    {"base_model": "./models/../../etc"},
    {"base_model": "-rf"},
    {"base_model": "./models/tiny\0"},
    {"base_model": "https://example.org/x"},
    {"plugins": ["os.system"]},
    {"trust_remote_code": True},
    {"deepspeed": "/elsewhere/x.json"},
    {"hf_token": "hf_" + "a" * 34},
    {"wandb_project": "hf_" + "a" * 34},
    {"run": {"name": "../x"}},
    {"run": {"name": "a/b"}},
    {"run": {"name": "a\u2025b"}},
    {"run": {"gpus": 9999}},
    {"run": []},
    {"datasets": [{"path": "./uploads/../../x", "type": "completion"}]},
    {"datasets": [{"path": "./uploads/qa/train.jsonl", "type": "../../evil"}]},
]
"""What is changed in a spec that would run otherwise."""

SPECS = UNREADABLE + [
    dump_yaml({**load_yaml(spec_text("x")), **changes}).encode() for changes in REFUSED
]


def test_bad_specs_are_all_put_aside_as_they_were_each_with_its_reason(scene: Scene) -> None:
    for number, text in enumerate(SPECS):
        (scene.workspace.queue / f"bad-{number:02}.yaml").write_bytes(text)
        scene.witness.dropped[text] += 1
    scene.drop("good")
    scene.until(lambda: len(scene.store.rejected()) == len(SPECS))
    scene.until_phase("good", "completed")
    assert all(rejected.reason.strip() for rejected in scene.store.rejected())
    assert [run.status.name for run in scene.store.runs()] == ["good"]
    assert not list(scene.workspace.root.rglob("*pwned*"))


def test_a_secret_in_a_spec_is_in_no_file_but_the_one_that_was_dropped(scene: Scene) -> None:
    secret = "hf_" + "s" * 34
    scene.drop_text("a", spec_text("a") + f"wandb_project: {secret}\n")
    scene.drop_text("b", spec_text("b") + f"hf_token: {secret}\n")
    scene.until(lambda: len(scene.store.rejected()) == 2)
    holders = {path for path in all_files(scene) if secret.encode() in path.read_bytes()}
    assert holders == {rejected.path for rejected in scene.store.rejected()}


def all_files(scene: Scene) -> list[Path]:
    return [path for path in scene.workspace.root.rglob("*") if path.is_file()]


def test_specs_of_every_harmless_form_run(scene: Scene) -> None:
    plain = spec_text("plain", "steps-1")
    forms = {
        "windows": spec_text("windows", "steps-1").replace("\n", "\r\n"),
        "marked": "\ufeff" + spec_text("marked", "steps-1"),
        "framed": "---\n" + spec_text("framed", "steps-1") + "...\n",
        "quoted": spec_text("quoted", "steps-1").replace("1.0e-04", "'1e-4'"),
        "x" * 64: spec_text("x" * 64, "steps-1"),
        "Case": spec_text("Case", "steps-1"),
        "case": spec_text("case", "steps-1"),
    }
    for number, text in enumerate([plain, *forms.values()]):
        (scene.workspace.queue / f"spec-{number}.yml").write_bytes(text.encode())
        scene.witness.dropped[text.encode()] += 1
    scene.let_rest()
    names = ("plain", *forms)
    scene.until(lambda: all(scene.phase(name) == "completed" for name in names))
    assert scene.store.rejected() == []


def test_a_waiting_run_whose_dataset_is_gone_stops_no_other(scene: Scene) -> None:
    scene.drop("first", "hang")
    scene.until(lambda: scene.began("first"))
    other = scene.workspace.dataset("other").folder
    shutil.copytree(scene.workspace.dataset("qa").folder, other)
    scene.drop_text("orphaned", spec_text("orphaned").replace("uploads/qa", "uploads/other"))
    scene.until_phase("orphaned", "queued")
    scene.drop("good")
    scene.until_phase("good", "queued")
    shutil.rmtree(other)
    scene.ask("first", Verb.CANCEL)
    scene.until_phase("good", "completed")


def test_a_request_by_a_name_of_255_bytes_does_not_stop_the_others(scene: Scene) -> None:
    scene.drop("a", "hang")
    scene.until(lambda: scene.began("a"))
    trap = scene.paths("a").requests / ("0" * 250 + ".yaml")
    trap.write_text("nonsense")
    os.utime(trap, (0, 0))
    scene.ask("a", Verb.CANCEL)
    for _ in range(3):
        scene.supervisor.tick()
    assert scene.phase("a") != "running"


@pytest.mark.parametrize("place", ["a file", "a link", "nothing"])
def test_requests_that_are_no_folder_stop_nobody(scene: Scene, place: str) -> None:
    scene.drop("a", "hang")
    scene.drop("b")
    scene.until(lambda: scene.began("a") and scene.phase("b") == "queued")
    requests = scene.paths("b").requests
    requests.rmdir()
    if place == "a file":
        requests.write_text("no folder")
    elif place == "a link":
        requests.symlink_to(scene.workspace.root)
    scene.ask("a", Verb.CANCEL)
    scene.until_phase("b", "completed")
