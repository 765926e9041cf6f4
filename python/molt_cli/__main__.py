"""`python -m molt_cli` is `molt`."""

import sys

from .main import main

sys.exit(main())
