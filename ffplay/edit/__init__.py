"""Pure editing of configuration texts: a value changes in place, every other byte stays.

One module a format; each works from a text to a text, and reads its own result back before it hands it out.
"""

from ffplay.edit.base import EditError, Opaque

__all__ = ["EditError", "Opaque"]
