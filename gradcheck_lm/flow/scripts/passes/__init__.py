"""The backward passes of a script: each is met, looked at, asked about, and explained where it is refused."""
