"""`python -m ffplay`."""

from ffplay.cli import command

command()
