"""The colours of all maps: viridis, perceptually uniform and safe for colour-blind readers."""

import numpy
import numpy.typing as npt

_ANCHORS = (
    "440154 481a6c 472f7d 414487 39568c 31688e 2a788e 23888e "
    "1f988b 22a884 35b779 54c568 7ad151 a5db36 d2e21b fde725"
)
"""16 colours at equal distances; those between lie on straight lines."""


def viridis() -> npt.NDArray[numpy.uint8]:
    """Return the (256, 3) colours, from the least to the most."""
    anchors = numpy.array([list(bytes.fromhex(colour)) for colour in _ANCHORS.split()])
    places = numpy.linspace(0, 255, len(anchors))
    levels = numpy.arange(256)
    bands = [numpy.interp(levels, places, anchors[:, band]) for band in range(3)]
    return numpy.stack(bands, axis=1).round().astype(numpy.uint8)
