"""What people and programs read of a run: the only place that formats."""
