"""What the records say: checked, tested against each other, and worked out a second time."""
