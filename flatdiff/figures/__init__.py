"""A figure is a pure function of results: what is compared shares its axes, range and colours."""
