"""Rules for playbooks that are right and all the same likely to hurt: what validation cannot refuse.

A rule is a pure function over a playbook as read, and its site where an inventory was given. It reaches no host.
"""
