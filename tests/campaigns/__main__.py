"""`python -m tests.campaigns <name>`."""

import sys
from collections.abc import Callable

import tyro

from tests import campaigns
from tests.campaigns.clock import clock
from tests.campaigns.cold import cold
from tests.campaigns.corruptions import corruptions
from tests.campaigns.disks import disks
from tests.campaigns.foreign import foreign
from tests.campaigns.fuzz import fuzz
from tests.campaigns.kills import kills
from tests.campaigns.pauses import pauses
from tests.campaigns.sharing import sharing
from tests.campaigns.soak import soak
from tests.campaigns.store_faults import store_faults
from tests.campaigns.versions import versions
from tests.campaigns.walk import walk

CAMPAIGNS: dict[str, Callable[..., int]] = {
    "clock": clock,
    "cold": cold,
    "corruptions": corruptions,
    "disks": disks,
    "foreign": foreign,
    "fuzz": fuzz,
    "kills": kills,
    "pauses": pauses,
    "sharing": sharing,
    "soak": soak,
    "store-faults": store_faults,
    "versions": versions,
    "walk": walk,
}

if __name__ == "__main__":
    sys.exit(
        tyro.extras.subcommand_cli_from_dict(
            CAMPAIGNS, prog="python -m tests.campaigns", description=campaigns.__doc__
        )
    )
