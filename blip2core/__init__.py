"""BLIP-2 as a library: models, explanation, CapFilt, curation, training, evaluation.

It imports nothing here, so that storage and settings load without torch.
"""
