"""`python -m tests.campaigns <name>`; see the package."""

import sys

import tyro

from tests.campaigns import kills, store_faults

CAMPAIGNS = {"kills": kills.run, "store_faults": store_faults.run}

if __name__ == "__main__":
    sys.exit(tyro.extras.subcommand_cli_from_dict(CAMPAIGNS, description=__doc__))
