"""What the tests of the web side stand on."""


class Clock:
    """Time as the test says it is (epoch seconds)."""

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def on(self, seconds: float) -> None:
        self.now += seconds


BOTH = ["sqlite", "postgres"]
