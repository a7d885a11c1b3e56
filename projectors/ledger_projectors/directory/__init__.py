"""The directory: the log of credentials, settings, teams and devices, folded into small tables and kept in memory."""
