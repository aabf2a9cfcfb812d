"""Packs `data/` into the wheel as `blip2core/_data`; the rest is in pyproject.toml."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["app*", "blip2core*"]), "blip2core._data"],
    package_dir={"blip2core._data": "data"},
)
