"""How each measure is shown: figures, table, reading and caveat."""
