"""Random numbers of a program: which operations draw them, and which draw others when they are computed again."""
