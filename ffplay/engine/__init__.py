"""Plans and applies playbooks."""
