"""`schema`: which fields a measurement has in a file, of what type, and what they mean."""

import json
from typing import Annotated

import tyro

from flatdiff.measures import MEASURES
from flatdiff.reports.schema import schema_of
from flatdiff.settings import require


def schema(measure: Annotated[str, tyro.conf.Positional]) -> int:
    """Print the JSON schema of a measurement's JSON file.

    Args:
        measure: such as surface, lpf or samples.
    """
    require(measure in MEASURES, "measure", f"one of {', '.join(MEASURES)}", measure)
    print(json.dumps(schema_of(measure), indent=1))
    return 0
