"""Fuzzing of the decoder: hostile records of every kind in batches, judged by fastavro alone."""
