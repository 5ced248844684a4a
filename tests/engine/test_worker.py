"""A worker process: a tile that nobody waits for does not hold it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from flatdiff.checkpoints.card import read_card
from flatdiff.engine.cluster import Cluster
from flatdiff.engine.worker import evaluate_tile
from flatdiff.landscape.panel import Panel, panel_digest
from flatdiff.measures.curvature import CurvatureSettings
from flatdiff.measures.request import make_request
from tests.machines import until


@pytest.fixture
def client() -> Iterator[Client]:
    """Of a cluster of one worker."""
    cluster = Cluster(num_workers=1)
    yield cluster.client()
    cluster.close()


def is_at_work() -> bool:
    """In the worker: torch is there, and what multiplies by the Hessian."""
    import sys

    return "flatdiff.landscape.curvature" in sys.modules


def test_cancelled_item_frees_its_worker(client: Client, tiny_root: Path) -> None:
    """One probe of 200 products takes a minute or more; cancelled, it ends with the next one."""
    settings = CurvatureSettings(num_lanczos_steps=200)
    card = read_card(tiny_root, "tiny/adm")
    request = make_request("curvature", card, settings, Panel(size=500))
    probe = request.items.index(("probe", 0))
    tile = client.submit(
        evaluate_tile,
        *(request.to_json(), probe, 1, str(tiny_root), panel_digest(request.panel)),
        pure=False,
    )

    def begun() -> bool:
        answers: Any = client.run(is_at_work)
        return all(answers.values())

    until(begun, "its products")
    time.sleep(1)
    assert tile.status == "pending"
    client.cancel([tile], force=True)
    assert client.submit(abs, -3, pure=False).result(timeout=20) == 3
