"""`python -m tests.campaigns <name>`."""

import sys
from collections.abc import Callable

import tyro

from tests import campaigns
from tests.campaigns.corruptions import corruptions
from tests.campaigns.foreign import foreign
from tests.campaigns.fuzz import fuzz
from tests.campaigns.walk import walk

CAMPAIGNS: dict[str, Callable[..., int]] = {
    "corruptions": corruptions,
    "foreign": foreign,
    "fuzz": fuzz,
    "walk": walk,
}

if __name__ == "__main__":
    sys.exit(
        tyro.extras.subcommand_cli_from_dict(
            CAMPAIGNS, prog="python -m tests.campaigns", description=campaigns.__doc__
        )
    )
