"""The public surface of `blip2core.intake` is its list."""

from blip2core import intake

ALIASES = {"SaidColumns"}
"""Of kinds of types, which know no module."""


def test_the_list_is_what_is_exported() -> None:
    ours = {
        name
        for name, value in vars(intake).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("blip2core")
    }
    assert ours | ALIASES == set(intake.__all__)
