"""The training loop, the terms of its loss, and what each step did."""
