"""Training: both stages of BLIP-2, fine-tuning, and the small models they stand on."""
