"""`python -m imgsim_guard`."""

import sys

from imgsim_guard.cli import main

sys.exit(main())
