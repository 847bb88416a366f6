"""Streams of the backup service: one that counts, one in memory, and what reports how far bytes have come."""

from collections.abc import Callable

from dcops.backup.ports import ByteStream

Report = Callable[[str], None]


class Moved:
    """Counts bytes and reports every 32 MiB, so a person sees that something moves."""

    def __init__(self, report: Report, what: str) -> None:
        self.total = 0
        self._report, self._what = report, what

    def __call__(self, count: int) -> None:
        """Add `count` bytes."""
        step = 32 << 20
        if (self.total + count) // step > self.total // step:
            self._report(f"{self._what}: {(self.total + count) >> 20} MiB")
        self.total += count


class Counting:
    """A stream that remembers its length, and whose length is judged before it counts as finished."""

    def __init__(self, inner: ByteStream, judge: Callable[[int], None]) -> None:
        self._inner, self._judge = inner, judge
        self.total = 0

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes."""
        chunk = self._inner.read(size)
        self.total += len(chunk)
        return chunk

    def finish(self) -> None:
        """Raise when the producer failed, or what the judge of its length raises."""
        self._inner.finish()
        self._judge(self.total)


class Bytestring:
    """Bytes in memory as a stream that cannot fail."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes."""
        chunk, self._content = self._content[:size], self._content[size:]
        return chunk

    def finish(self) -> None:
        """Nothing can have failed."""
