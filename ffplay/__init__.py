"""ffplay: migrate FindFace Enterprise Server SDK sites to another neural model or face detector."""

__version__ = "0.1.0"
