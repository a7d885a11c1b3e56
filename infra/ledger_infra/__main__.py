"""`python -m ledger_infra` is `notification-ledger`."""

from ledger_infra.cli import main

main()
