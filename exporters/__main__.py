"""`python -m exporters`: the same as the program `dcops-exporter`."""

import sys

from exporters.cli import main

if __name__ == "__main__":
    sys.exit(main())
