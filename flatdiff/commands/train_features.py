"""`train-features`: make the small network behind proxy Frechet distances, from the digits."""

import time
from pathlib import Path


def train_features(out: Path | None = None, seed: int = 0) -> int:
    """Train the digits feature network on one thread, about ten seconds.

    Args:
        out: folder of the weights and their card; default: where flatdiff reads them.
        seed: of initial weights, batches and grey levels.
    """
    import torch

    from flatdiff.images.digits_network import FOLDER, train_network, write_network
    from flatdiff.images.image_set import load_images
    from flatdiff.training.run import environment

    torch.set_num_threads(1)
    started = time.monotonic()
    network = train_network(load_images("digits", "train", 8, 1), seed)
    card = write_network(
        network,
        out or FOLDER,
        seed=seed,
        command=f"flatdiff train-features --seed {seed}",
        environment=environment(torch.device("cpu")),
    )
    print(
        f"{card.held_out_accuracy:.1%} of {card.held_out_images} held-out digits right after "
        f"{time.monotonic() - started:.0f} s; SHA-256 {card.digest}; written to {out or FOLDER}"
    )
    return 0
