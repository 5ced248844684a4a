"""Results as files, and how to get them again."""
