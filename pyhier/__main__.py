"""``python -m pyhier`` is the command line."""

from pyhier.cli import main

raise SystemExit(main())
