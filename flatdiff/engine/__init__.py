"""A request becomes tiles on workers, and tiles become a stored result."""
