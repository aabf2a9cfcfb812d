"""A stream with a limit on the bytes it gives, against decompression bombs."""

from typing import BinaryIO

from blip2core.errors import IntakeError


class LimitedStream:
    """Wraps a stream of unpacked bytes; `allow` says how many more may come."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._left = stream, 0
        self.latest = b""
        """What was read last."""

    def allow(self, count: int) -> None:
        """Allow `count` bytes from here on."""
        self._left = count

    def read(self, count: int) -> bytes:
        """Read `count` bytes. Raises IntakeError where they are more than was allowed."""
        if count < 0:  # which would read all there is
            raise IntakeError("The archive gives a size below zero; it is not read on.")
        data = self._stream.read(count)
        self._left -= len(data)
        if self._left < 0:
            raise IntakeError("The archive unpacks to far more than it says; it is not read on.")
        self.latest = data
        return data

    def seek(self, place: int) -> None:
        """Go to a place in the stream; what is passed over does not count."""
        self._stream.seek(place)

    def tell(self) -> int:
        """Return the place in the stream."""
        return self._stream.tell()
