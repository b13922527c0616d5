"""Every worker's images of every step."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.errors import UserError
from chansearch.transfer.batches import BatchPlan, micro_batches, plan_batches

plans = st.builds(
    lambda workers, accumulation, micro, steps, rest: BatchPlan(
        workers * accumulation * micro * steps + rest % (workers * accumulation * micro), workers, accumulation, micro
    ),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(2, 6),
    st.integers(1, 6),
    st.integers(0, 200),
)


def all_workers(plan: BatchPlan, seed: int, epoch: int, first_step: int = 0) -> dict[int, list[int]]:
    """Indices by the number of their micro-batch, over all workers."""
    found = {}
    for rank in range(plan.workers):
        for micro in micro_batches(plan, rank, seed, epoch, first_step):
            assert micro.number not in found
            found[micro.number] = micro.indices
    return found


@given(plans, st.integers(0, 3), st.integers(1, 3))
def test_an_epoch_shows_each_image_at_most_once_and_leaves_out_less_than_a_batch(plan, seed, epoch):
    shown = list(itertools.chain.from_iterable(all_workers(plan, seed, epoch).values()))
    assert len(shown) == len(set(shown)) == plan.steps_per_epoch * plan.batch_size
    assert set(shown) <= set(range(plan.images))
    assert plan.images - len(shown) < plan.batch_size


@given(plans, st.integers(0, 3))
def test_workers_and_accumulation_leave_the_micro_batches_as_they_are(plan, seed):
    alone = BatchPlan(plan.images, 1, plan.workers * plan.accumulation, plan.micro_batch)
    assert all_workers(plan, seed, epoch=1) == all_workers(alone, seed, epoch=1)


@given(plans, st.data())
def test_a_resumed_epoch_is_the_rest_of_a_whole_one(plan, data):
    first = data.draw(st.integers(0, plan.steps_per_epoch))
    for rank in range(plan.workers):
        whole = list(micro_batches(plan, rank, seed=1, epoch=2))
        assert list(micro_batches(plan, rank, 1, 2, first)) == whole[first * plan.accumulation :]


def test_epochs_and_seeds_have_orders_of_their_own():
    plan = BatchPlan(images=64, workers=1, accumulation=1, micro_batch=64)
    orders = [all_workers(plan, seed, epoch)[0] for seed, epoch in ((0, 1), (0, 2), (1, 1))]
    assert all(sorted(order) == list(range(64)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]


@given(st.integers(2, 600), st.integers(2, 200), st.integers(1, 9))
def test_a_plan_is_what_was_asked_or_a_refusal(batch_size, micro_batch, workers):
    try:
        plan = plan_batches(1000, batch_size, micro_batch, workers)
    except UserError:
        share = batch_size // workers
        assert batch_size % workers or all(share % size for size in range(2, micro_batch + 1))
        return
    assert plan.batch_size == batch_size
    assert plan.workers == workers
    assert 2 <= plan.micro_batch <= micro_batch
    # No fewer accumulation steps would do.
    fewer = range(1, plan.accumulation)
    assert all((batch_size // workers) % count or batch_size // workers // count > micro_batch for count in fewer)


@pytest.mark.parametrize(
    ("batch_size", "micro_batch", "workers", "words"),
    [
        (512, 128, 3, ["recipe.batch_size: 512", "3 workers", "510 or 513"]),
        (2000, 128, 1, ["recipe.batch_size: 2000", "at most 1000"]),
        (134, 64, 2, ["67 images a step", "recipe.micro_batch=64"]),
    ],
)
def test_what_cannot_be_shared_out_is_refused_with_what_can(batch_size, micro_batch, workers, words):
    with pytest.raises(UserError) as caught:
        plan_batches(1000, batch_size, micro_batch, workers)
    for word in words:
        assert word in str(caught.value)


def test_the_papers_batch_on_four_gpus_two_and_one():
    plans = [plan_batches(1_281_167, 512, 128, workers) for workers in (4, 2, 1)]
    assert [plan.accumulation for plan in plans] == [1, 2, 4]
    assert {plan.micro_batch for plan in plans} == {128}
    assert {plan.steps_per_epoch for plan in plans} == {2502}
