"""Real images, and what a feature network says of them."""
