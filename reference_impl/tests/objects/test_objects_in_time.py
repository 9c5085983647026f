"""What is taken when: the window of numbers and the times, held against a model."""

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st
from object_scene import NOW, STATEMENT, Scene

from picosec.objects.inbox import MAX_AGE, MAX_AHEAD, WINDOW

SCENE = Scene()
#: Objects by number, signed once.
SIGNED = [SCENE.signed(replace(STATEMENT, sequence=number)) for number in range(3 * WINDOW)]


@given(st.lists(st.integers(min_value=0, max_value=len(SIGNED) - 1), max_size=60))
@example([63, 0, 64, 0, 1])
@example([64, 0, 1, 1, 0])
def test_a_number_is_taken_once_and_not_from_far_behind(numbers):
    """Hops deliver in any order, and again."""
    scene, taken = Scene(), set()
    for number in numbers:
        fresh = number not in taken and (not taken or number > max(taken) - WINDOW)
        assert scene.refusal(SIGNED[number]) == (None if fresh else "REPLAYED")
        if fresh:
            taken.add(number)


@given(
    st.integers(min_value=-2 * MAX_AGE, max_value=2 * MAX_AHEAD),
    st.none() | st.integers(min_value=-2 * MAX_AGE, max_value=2 * MAX_AGE),
)
@example(MAX_AHEAD, None)
@example(MAX_AHEAD + 1, None)
@example(-MAX_AGE, None)
@example(-MAX_AGE - 1, None)
@example(-60, 0)
@example(-60, -1)
@example(-2 * MAX_AGE, 0)
def test_an_object_has_its_time(issued, expires):
    """Neither from the future nor after its end, which is 30 days after its making if it names none."""
    scene = Scene()
    said = replace(STATEMENT, issued=NOW + issued, expires=None if expires is None else NOW + expires)
    end = issued + MAX_AGE if expires is None else expires
    in_time = issued <= MAX_AHEAD and end >= 0

    assert scene.refusal(scene.signed(said)) == (None if in_time else "STALE")
    assert Scene().refusal(scene.signed(said), None) is None


def test_one_sender_does_not_use_up_the_numbers_of_another():
    scene = Scene()
    ahead = scene.signed(replace(STATEMENT, sequence=10**6))
    other = scene.signed(replace(STATEMENT, sender=b"\x02", sequence=0))

    assert scene.refusal(ahead) is None
    assert scene.refusal(other) is None
    assert scene.refusal(SIGNED[7]) == "REPLAYED"


def test_stale_object_leaves_its_number():
    """It may come again with a better clock."""
    scene = Scene()
    early = scene.signed(replace(STATEMENT, issued=NOW + 1000))

    assert scene.refusal(early) == "STALE"
    assert scene.refusal(early, NOW + 1000) is None
