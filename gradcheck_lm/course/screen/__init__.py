"""What the learner sees: tables, code, pictures, curves, the board of lessons."""
