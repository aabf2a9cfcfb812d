"""The public surface of `blip2core.models` is its list."""

from types import ModuleType

import blip2core.models as models


def test_the_list_is_what_is_exported():
    public = {
        name
        for name, value in vars(models).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(models.__all__)
