"""Publishes read model files: replays the log into a new one, compares, swaps, and copies one for analysts."""
