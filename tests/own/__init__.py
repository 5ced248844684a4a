"""Networks of somebody's own code, as docs/your-own-network.md has them."""
