"""The command line. Importing it needs nothing but the base install; running it names the extra that is missing."""

import sys


def main() -> None:
    """Run `notification-ledger`; exit with 0, with the exit code of the error's class, or with 130 on Ctrl-C."""
    try:
        from ledger_infra.cli.app import run  # noqa: PLC0415 - the extra may be missing, and then this says so
    except ModuleNotFoundError as error:
        from ledger_schemas.errors import ExtraMissing  # noqa: PLC0415 - only needed here

        sys.stderr.write(
            f"The command line needs the package {error.name}, which is not installed.\n"
            "Install it with: pip install 'notification-ledger[all]'\n"
        )
        sys.exit(ExtraMissing.exit_code)
    run()
