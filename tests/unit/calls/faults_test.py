"""Cut, killed and back at any event, without the PBX's history: nothing wrong, nothing twice, nothing made up."""

import os
import random

import pytest

from tests.unit.calls.faults import Broken, Fault

LIVES = int(os.environ.get("PBXCRM_LIVES", "300")) * 2


@pytest.mark.timeout(1800)
def test_whatever_is_missed_nothing_that_is_said_is_wrong() -> None:
    """Calls among colleagues too. What cannot be known is `lost`, or names nobody."""
    made = right = 0
    for seed in range(LIVES):
        broken = Broken(seed)
        found = broken.verdict()
        assert not found.bad, f"seed {seed}, {broken.faults}: {found.problems}"
        made, right = made + found.made, right + found.right
    assert right > 0.2 * made  # most of these gaps are as long as the calls


def test_without_a_fault_every_call_is_right() -> None:
    for seed in range(100):
        found = Broken(seed, []).verdict()
        assert found.right == found.made, f"seed {seed}: {found.problems}"


@pytest.mark.timeout(1800)
def test_whenever_we_come_first_nothing_that_is_said_is_wrong() -> None:
    """Nothing at all was heard of it before the listing."""
    for seed in range(LIVES // 4):
        chance = random.Random(seed)
        for _ in range(3):
            fault = Fault("kill", 0, chance.randrange(len(Broken(seed, []).frames)), 0, 1)
            found = Broken(seed, [fault]).verdict()
            assert not found.bad, f"seed {seed}, {fault}: {found.problems}"


@pytest.mark.parametrize(
    ("seed", "faults"),
    [
        pytest.param(75, [Fault("kill", 0, 39, 0, 1)], id="called outside, passed on: dials as a caller"),
        pytest.param(261, [Fault("kill", 0, 135, 0, 1)], id="a stranger's Local channel dials on"),
        pytest.param(1225, [Fault("kill", 0, 32, 0, 1)], id="a stranger's transferer is called back"),
        pytest.param(22267, [Fault("kill", 0, 7, 0, 1), Fault("cut", 10, 20, 1)], id="a dialling held back, and over"),
        pytest.param(298, [Fault("kill", 0, 59, 0, 1)], id="two calls to one colleague, the first unseen"),
        pytest.param(499, [Fault("kill", 55, 105, 0, 1)], id="the last talker came and went unseen"),
        pytest.param(44, [Fault("kill", 84, 151)], id="and the call ended unseen"),
        pytest.param(917, [Fault("kill", 9, 11, 3)], id="two left unseen: who was the last?"),
        pytest.param(31, [Fault("kill", 53, 73, 0, 1)], id="a mobile nobody can name talked last"),
        pytest.param(1781, [Fault("kill", 43, 45), Fault("kill", 158, 160, 3, 1)], id="once a member's Local"),
        pytest.param(4425, [Fault("kill", 4, 14, 1)], id="found at once, left at once"),
        pytest.param(1639, [Fault("cut", 3, 8, 3)], id="ended before the listing: missed it was not"),
        pytest.param(683, [Fault("cut", 2, 22, 2)], id="ended before the listing: abandoned it was"),
        pytest.param(1094, [Fault("kill", 0, 5, 1), Fault("kill", 9, 9)], id="dialled before the listing"),
        pytest.param(127, [Fault("kill", 8, 10, 3), Fault("cut", 127, 130)], id="called outside unseen"),
        pytest.param(2550, [Fault("kill", 13, 15, 1), Fault("kill", 80, 82)], id="another trunk was tried unseen"),
        pytest.param(6198, [Fault("kill", 16, 36, 3, 3)], id="another trunk, and our side has left"),
        pytest.param(5909, [Fault("cut", 1, 51), Fault("kill", 108, 109)], id="called unseen, our side left"),
        pytest.param(1693, [Fault("cut", 8, 28)], id="who rings for whom, by Linkedid"),
        pytest.param(5511, [Fault("cut", 12, 62)], id="called back to whom they passed on unseen"),
        pytest.param(2658, [Fault("kill", 19, 20, 1), Fault("kill", 102, 103, 3)], id="a consultation told twice"),
        pytest.param(8321, [Fault("kill", 1, 21)], id="called unseen, and passed on"),
        pytest.param(8247, [Fault("kill", 4, 24, 0, 3), Fault("cut", 61, 81, 3)], id="a Local channel dialled unseen"),
        pytest.param(721, [Fault("kill", 5, 6, 3, 1)], id="a colleague's call told twice"),
    ],
)  # fmt: skip
def test_what_the_soak_has_found(seed: int, faults: list[Fault]) -> None:
    found = Broken(seed, faults).verdict()
    assert not found.bad, found.problems
