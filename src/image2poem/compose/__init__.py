"""Lines that somebody wrote for the photo, and what the corpus says of them before anybody sees them."""
