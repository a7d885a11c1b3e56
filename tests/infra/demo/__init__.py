"""Tests of ledger_infra.demo."""
