"""How checkpoints are made: a step, a run, its folder and its process."""
