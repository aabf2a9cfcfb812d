"""The synthetic world of emoji stickers on painted places: truth, images, texts."""
