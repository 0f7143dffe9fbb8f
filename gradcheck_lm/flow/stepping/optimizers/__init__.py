"""The optimizers of a watch: their steps, the scaler, the schedules, and averages of the weights."""
