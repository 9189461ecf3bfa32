"""Token buckets in memory: so many tries, and one more each so many seconds. Pure but for what it remembers."""

from collections import OrderedDict


class Buckets:
    """One bucket a name. Forgets the longest untouched name beyond `names`: memory is bounded whatever is tried."""

    def __init__(self, size: int, seconds_each: float, names: int = 10_000) -> None:
        self._size = size
        self._each = seconds_each
        self._names = names
        self._full: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, now: float) -> float:
        """Use one try. Gives 0, or the seconds until there is one again (then none was used)."""
        left, since = self._full.pop(name, (float(self._size), now))
        left = min(self._size, left + max(0.0, now - since) / self._each)
        wait = 0.0 if left >= 1 else (1 - left) * self._each
        self._full[name] = (left if wait else left - 1, now)
        if len(self._full) > self._names:
            self._full.popitem(last=False)
        return wait

    def give_back(self, name: str) -> None:
        """The last try does not count."""
        left, since = self._full.get(name, (float(self._size), 0.0))
        if name in self._full:
            self._full[name] = (min(float(self._size), left + 1), since)
