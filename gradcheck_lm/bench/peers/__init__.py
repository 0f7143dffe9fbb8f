"""Other debuggers' public cases, under this debugger and under those."""
