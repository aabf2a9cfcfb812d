"""The public surface of `blip2core.capfilt` is its list, and rules need no torch."""

import subprocess
import sys

import blip2core.capfilt as capfilt


def test_the_list_is_what_is_exported() -> None:
    assert None not in {name: getattr(capfilt, name) for name in capfilt.__all__}.values()


def test_a_threshold_moves_without_torch() -> None:
    code = (
        "import sys; from blip2core.capfilt import decide; from blip2core.config import "
        "FilterConfig; decide([], FilterConfig()); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
