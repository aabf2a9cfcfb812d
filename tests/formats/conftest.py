"""The same pairs as the tests of exports have."""

from tests.exports.conftest import make_pairs, store, written  # noqa: F401 - fixtures
