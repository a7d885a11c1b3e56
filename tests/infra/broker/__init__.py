"""Tests of the native broker."""
