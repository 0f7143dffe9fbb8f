"""The side-by-side: recognisers trained with the broken penalty and with the fixed ones, measured the same way."""
