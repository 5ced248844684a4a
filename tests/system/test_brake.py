"""The brake, by a clock of the test: guesses in a minute are counted by hand."""

import threading

from flatdiff.system.brake import ALL_FREE, ALL_MOST_S, CALM_S, CLIENT_MOST_S, MAX_CLIENTS, Brake


class Clock:
    """Goes on when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def guesses(brake: Brake, clock: Clock, seconds: float, clients: list[str]) -> int:
    """How many are looked at of fifty a second, each by the next client."""
    taken = 0
    for number in range(int(seconds * 50)):
        taken += brake.take_turn(clients[number % len(clients)])
        clock.now += 0.02
    return taken


def test_one_client_is_slowed_down() -> None:
    """Of 3000 guesses in a minute: 3 free, waits of 0.25, 0.5, 1, 2, and then one in 4 s."""
    clock = Clock()
    brake = Brake(clock)
    assert guesses(brake, clock, 60, ["a"]) in range(20, 24)
    assert brake.wait_s("a") <= CLIENT_MOST_S
    clock.now += CLIENT_MOST_S
    assert brake.take_turn("a"), "the right password waits some seconds at most"


def test_others_hardly_wait_for_it() -> None:
    """While one guesses, somebody else is let in at his first try."""
    clock = Clock()
    brake = Brake(clock)
    guesses(brake, clock, 30, ["a"])
    assert brake.wait_s("b") <= ALL_MOST_S
    clock.now += ALL_MOST_S
    assert brake.take_turn("b")


def test_many_addresses_are_slowed_down_together() -> None:
    """Each has free guesses; all together are held to two a second."""
    clock = Clock()
    addresses = [f"10.0.0.{number}" for number in range(200)]
    assert guesses(Brake(clock), clock, 60, addresses) <= ALL_FREE + 60 / ALL_MOST_S + 2


def test_a_right_one_begins_anew() -> None:
    """People mistype; and a class that comes in at once is no attack."""
    clock = Clock()
    brake = Brake(clock)
    for number in range(200):
        for _ in range(2):
            assert brake.take_turn(f"student-{number}")
            brake.passed(f"student-{number}")
    assert brake.wait_s("student-0") == 0.0


def test_calm_forgets() -> None:
    """A minute without a guess."""
    clock = Clock()
    brake = Brake(clock)
    guesses(brake, clock, 20, ["a"])
    clock.now += CALM_S + 1
    assert [brake.take_turn("a") for _ in range(4)] == [True] * 4


def test_a_thousand_at_once_are_not_a_thousand() -> None:
    """Threads ask at one moment of the clock."""
    brake = Brake(Clock())
    taken: list[bool] = []
    threads = [
        threading.Thread(target=lambda: taken.append(brake.take_turn("a"))) for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 4


def test_memory_is_bounded() -> None:
    """However many addresses there are."""
    clock = Clock()
    brake = Brake(clock)
    for number in range(MAX_CLIENTS + 10):
        clock.now += 1
        brake.take_turn(str(number))
    assert len(brake._clients) == MAX_CLIENTS
