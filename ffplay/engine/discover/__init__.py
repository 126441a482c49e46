"""From hosts that nobody has described to an inventory, and from an inventory to what the site has otherwise."""
