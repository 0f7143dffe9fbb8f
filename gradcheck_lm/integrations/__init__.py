"""The debugger where people already are: in pytest, and as a callback of trainers."""
