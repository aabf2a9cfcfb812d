"""Colour profiles, built by the formulas of ICC.1:2001, as cameras and printers embed them."""

import struct
from collections.abc import Callable

D50 = (0.9642, 1.0, 0.8249)
P3_PRIMARIES = (
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
)
"""Display P3: XYZ of red, green and blue, adapted to D50."""
SRGB_PRIMARIES = (
    (0.43607, 0.22249, 0.01392),
    (0.38515, 0.71687, 0.09708),
    (0.14307, 0.06061, 0.71410),
)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def matrix_profile(primaries: tuple[tuple[float, float, float], ...]) -> bytes:
    """A profile of three primaries and the tone curve of sRGB."""
    curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + b"".join(map(_fixed, SRGB_CURVE))
    tags = {b"wtpt": _xyz(D50)}
    for letter, values in zip(b"rgb", primaries, strict=True):
        tags[bytes([letter]) + b"XYZ"] = _xyz(values)
        tags[bytes([letter]) + b"TRC"] = curve
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def gray_profile(gamma: float) -> bytes:
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(D50), b"kTRC": curve})


def ink_profile(lab: Callable[[int, int, int, int], tuple[float, float, float]]) -> bytes:
    """A CMYK profile by a table of its 16 corners: inks of 0 or 1 -> Lab of what they print."""
    straight = bytes(range(256))
    table = bytearray()
    for corner in range(16):
        lightness, a, b = lab(*(corner >> shift & 1 for shift in (3, 2, 1, 0)))
        table += bytes([round(lightness * 2.55), round(a + 128), round(b + 128)])
    unit = b"".join(_fixed(float(value)) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + unit + straight * 4 + table + straight * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(D50), b"A2B0": lut})


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    table, body, start = b"", b"", 132 + 12 * (len(tags) + 2)
    for tag, value in {b"desc": name, b"cprt": b"text\0\0\0\0-\0", **tags}.items():
        table += tag + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI", start + len(body), b"test", 0x02200000) + kind + space + connection
    head = head.ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + b"".join(map(_fixed, D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags) + 2) + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))
