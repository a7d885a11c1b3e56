"""Benchmarks: commands that measure and print; no test depends on what they print."""
