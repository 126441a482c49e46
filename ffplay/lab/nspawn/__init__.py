"""Lab hosts that are whole machines: systemd-nspawn boots each over a Debian of its own (root and Linux needed)."""
