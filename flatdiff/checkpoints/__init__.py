"""A checkpoint is a folder with weights and a card that says what they are and who made them."""
