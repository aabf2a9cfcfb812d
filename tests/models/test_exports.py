"""The public surface of `blip2core.models` is its list."""

import blip2core.models as models


def test_the_list_is_what_is_exported() -> None:
    found = {name: getattr(models, name) for name in models.__all__}
    ours = {
        name
        for name, value in vars(models).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("blip2core")
    }
    assert None not in found.values()
    assert ours <= set(models.__all__)
