"""The penalties' speed, growth, and gradients against the exact one."""
