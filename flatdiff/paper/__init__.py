"""What arXiv 2503.11078 says, and what is found of it."""
