"""When a training stops and saves: as wished, from time to time, and never at the wrong moment."""

from types import SimpleNamespace

import pytest
from transformers import TrainerControl, TrainerState
from transformers.trainer_utils import SaveStrategy

from tests.clock import Clock
from trainer.steering import SAVE_EVERY_S, SAVE_SHARE, Steering
from trainer.wishes import Wishes

STEPS, EPOCH_STEPS = 20, 5


class Loop:
    """The trainer's loop as far as steering sees it."""

    def __init__(self) -> None:
        self.wishes = Wishes()
        self.clock = Clock()
        self.steering = Steering(self.wishes, self.clock)
        self.args = SimpleNamespace(save_strategy=SaveStrategy.STEPS)
        self.state = TrainerState(max_steps=STEPS)
        self.steering.on_train_begin(self.args, self.state, TrainerControl())

    def end_step(self, step: int, **asked: bool) -> TrainerControl:
        """What is done after the step; `asked` is what the config brings there."""
        self.state.global_step = step
        self.state.epoch = step / EPOCH_STEPS
        control = TrainerControl(**asked)
        self.steering.on_step_end(self.args, self.state, control)
        return control

    def end_epoch(self, control: TrainerControl, **asked: bool) -> TrainerControl:
        for name, value in asked.items():
            setattr(control, name, value)
        self.steering.on_epoch_end(self.args, self.state, control)
        return control

    def save(self, took_s: float = 0.0) -> None:
        self.clock.now += took_s
        self.steering.on_save(self.args, self.state, TrainerControl())


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_without_a_wish_nothing_changes(loop: Loop) -> None:
    assert loop.end_step(1) == TrainerControl()
    assert loop.end_step(2, should_save=True) == TrainerControl(should_save=True)
    assert not loop.steering.stopping


def test_a_wish_to_stop_saves_and_stops(loop: Loop) -> None:
    loop.wishes.stop = True
    control = loop.end_step(3)
    assert control.should_save and control.should_training_stop
    assert loop.steering.stopping


def test_what_stops_in_the_middle_of_an_epoch_does_not_end_it(loop: Loop) -> None:
    loop.wishes.stop = True
    control = loop.end_step(3)
    loop.save()
    loop.end_epoch(control, should_evaluate=True, should_save=True, should_log=True)
    assert not (control.should_evaluate or control.should_save or control.should_log)


def test_a_checkpoint_that_was_dropped_on_the_way_is_saved_before_the_end(loop: Loop) -> None:
    """Where only the best is saved, an evaluation decides anew whether to save."""
    loop.wishes.stop = True
    control = loop.end_step(3)
    control.should_save = False
    assert loop.end_epoch(control).should_save


def test_where_an_epoch_ends_the_checkpoint_waits_for_what_belongs_to_it(loop: Loop) -> None:
    loop.wishes.stop = True
    control = loop.end_step(EPOCH_STEPS)
    assert control.should_training_stop and not control.should_save
    loop.end_epoch(control, should_evaluate=True)
    assert control.should_evaluate and control.should_save


def test_where_only_the_best_is_saved_no_checkpoint_is_put_off(loop: Loop) -> None:
    loop.args.save_strategy = SaveStrategy.BEST
    loop.wishes.stop = True
    assert loop.end_step(EPOCH_STEPS).should_save


def test_the_last_step_is_not_stopped(loop: Loop) -> None:
    loop.wishes.stop = True
    loop.end_step(STEPS)
    assert not loop.steering.stopping


def test_a_wish_for_a_checkpoint_is_granted_once(loop: Loop) -> None:
    loop.wishes.checkpoint = True
    assert loop.end_step(1) == TrainerControl(should_save=True)
    assert loop.end_step(2) == TrainerControl()


def test_a_checkpoint_is_saved_from_time_to_time(loop: Loop) -> None:
    loop.clock.now = SAVE_EVERY_S - 1
    assert not loop.end_step(1).should_save
    loop.clock.now = SAVE_EVERY_S
    assert loop.end_step(2).should_save
    loop.save()
    loop.clock.now += SAVE_EVERY_S - 1
    assert not loop.end_step(3).should_save
    loop.clock.now += 1
    assert loop.end_step(4).should_save


def test_any_checkpoint_counts(loop: Loop) -> None:
    loop.clock.now = SAVE_EVERY_S - 1
    loop.end_step(1, should_save=True)
    loop.save()
    loop.clock.now += SAVE_EVERY_S - 1
    assert not loop.end_step(2).should_save


def test_large_checkpoints_are_saved_less_often(loop: Loop) -> None:
    took_s = SAVE_EVERY_S / 10
    loop.end_step(1, should_save=True, should_evaluate=True)
    loop.clock.now += 5000  # an evaluation, which is not the checkpoint's fault
    loop.steering.on_evaluate(loop.args, loop.state, TrainerControl())
    loop.save(took_s)
    loop.clock.now += SAVE_SHARE * took_s - 1
    assert not loop.end_step(2).should_save
    loop.clock.now += 1
    assert loop.end_step(3).should_save
