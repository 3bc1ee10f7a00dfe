"""``python -m thermoscope``: the command line without an installed script."""

from thermoscope.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
