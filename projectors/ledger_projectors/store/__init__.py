"""Keeps one read model file: opens it, writes each batch in one transaction, and keeps what could not be applied."""
