"""pyinfra's settings: many handshakes at once on few cores shall not fail, only take their time."""

CONNECT_TIMEOUT = 120
