"""Mutation testing of the checks: wrong answers made from each solution, and how many of them the checks reject."""
