"""Decodes records: whole groups of one writer schema to Arrow columns, and single records by the reference decoder."""
