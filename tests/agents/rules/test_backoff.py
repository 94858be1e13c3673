from swarmd.agents.rules.backoff import backoff


def test_the_wait_doubles_from_the_first_to_the_cap_and_nothing_is_waited_for_no_loss() -> None:
    assert [backoff(losses, first=500, cap=6_000) for losses in range(7)] == [0, 500, 1_000, 2_000, 4_000, 6_000, 6_000]


def test_many_losses_do_not_make_an_endless_number() -> None:
    assert backoff(10**9, first=1, cap=60_000) == 60_000
