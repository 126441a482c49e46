"""The things on a site that can be read and brought to a value: one module a kind."""
