"""The public surface of `blip2core.curation` is its list; importing and deciding need no torch."""

import subprocess
import sys

import blip2core.curation as curation


def test_the_list_is_what_is_exported() -> None:
    assert None not in {name: getattr(curation, name) for name in curation.__all__}.values()


def test_importing_and_deciding_load_no_torch() -> None:
    code = (
        "import sys; from blip2core.curation import apply_rules, import_images, set_rules; "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
