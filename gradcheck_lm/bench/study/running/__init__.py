"""Which runs the experiments consist of, and running them."""
