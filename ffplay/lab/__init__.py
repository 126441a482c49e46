"""A FindFace site in small on this machine, to rehearse on: real sshd and Tarantool, stand-ins for the rest."""
