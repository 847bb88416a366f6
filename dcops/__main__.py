"""`python -m dcops`: the command line without an installed script."""

from dcops.cli.main import main

if __name__ == "__main__":
    main()
