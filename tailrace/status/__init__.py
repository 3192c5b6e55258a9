"""``tailrace status``: what everything says of itself, once or again and again."""
