"""The program run again with a value changed: what takes in another number, and does the loss move?"""
