"""How BLIP-2 answers: the way of an image to words, with the figures of the visitor's own."""
