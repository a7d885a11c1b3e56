"""The edge of the ledger: settings, logs, the development broker, composition and the command line."""
