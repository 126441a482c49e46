"""Hosts: over SSH or this machine itself, behind one small protocol (`base`), all of them in one `pool`."""
