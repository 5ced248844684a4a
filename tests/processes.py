"""Processes of private clusters: which of a program's children is what, by their command lines."""

from contextlib import suppress

import psutil


def children_of(process: psutil.Process) -> list[psutil.Process]:
    """None of one that has just ended."""
    with suppress(psutil.Error):
        return process.children()
    return []


def says(process: psutil.Process, word: str) -> bool:
    """Whether its command line has a word in it; not where it has just ended."""
    with suppress(psutil.Error):
        return word in " ".join(process.cmdline())
    return False


def is_worker(process: psutil.Process) -> bool:
    """Of a nanny, which starts it as multiprocessing does."""
    return says(process, "spawn_main")


def is_nanny(process: psutil.Process) -> bool:
    """Whether it keeps a worker, which is a child of its own."""
    return any(is_worker(child) for child in children_of(process))


def nannies_of(program: psutil.Process) -> list[psutil.Process]:
    """Of all its clusters; those that keep no worker just now are left out."""
    return [child for child in children_of(program) if is_nanny(child)]


def workers_of(program: psutil.Process) -> list[psutil.Process]:
    """Of all its nannies."""
    nannies = nannies_of(program)
    return [child for nanny in nannies for child in children_of(nanny) if is_worker(child)]


def schedulers_of(program: psutil.Process) -> list[psutil.Process]:
    """Known where every nanny keeps a worker: what else its clusters consist of."""
    own = [child for child in children_of(program) if says(child, "engine.private.process")]
    return [child for child in own if not is_nanny(child)]
