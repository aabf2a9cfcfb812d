"""BLIP-2 wrapped: pictures are encoded once, then captioned, asked about and matched."""

from blip2core.models.generator import Generator
from blip2core.models.loading import load_generator, load_matcher
from blip2core.models.matcher import Matcher
from blip2core.models.specs import SPECS, ModelSpec, PromptTemplate, find_spec
from blip2core.models.vision import ImageFeatures

__all__ = [
    "SPECS",
    "Generator",
    "ImageFeatures",
    "Matcher",
    "ModelSpec",
    "PromptTemplate",
    "find_spec",
    "load_generator",
    "load_matcher",
]
