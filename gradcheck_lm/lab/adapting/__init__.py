"""A recogniser taught a hand without labels."""
