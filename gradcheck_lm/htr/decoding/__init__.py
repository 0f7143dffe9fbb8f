"""From logits to the likeliest strings, to different ones, and to the frames that a string occupies."""
