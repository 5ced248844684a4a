"""How a foreign file becomes a checkpoint."""
