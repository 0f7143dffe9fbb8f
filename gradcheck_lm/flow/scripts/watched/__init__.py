"""What is looked at while a script runs: its calls, its modules and variables, its optimizers."""
