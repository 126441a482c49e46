"""`python -m ffplay`."""

import sys

from ffplay.cli import main

sys.exit(main())
