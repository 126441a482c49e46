"""The parts of a rollback: each plans how one kind of thing comes back."""
