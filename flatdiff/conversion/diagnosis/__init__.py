"""Which flags a foreign checkpoint was trained with, told by how well it denoises."""
