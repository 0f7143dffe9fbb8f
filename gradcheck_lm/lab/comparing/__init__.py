"""The broken penalty and the fixed ones, side by side, in one folder."""
