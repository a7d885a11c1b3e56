"""The tour of the ledger, and its input: five vendors' own samples and a realistic stream."""
