"""The experiments: a plan of runs, the runs, their statistics, and the page a sceptic can read."""
