"""One-line faults in the debugger, and whether its tests see them."""
