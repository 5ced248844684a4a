"""A checkpoint made measurable: its loss at any point of weight space."""
