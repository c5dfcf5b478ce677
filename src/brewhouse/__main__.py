"""Run the command line: `python -m brewhouse`."""

from brewhouse.cli.main import main

if __name__ == "__main__":
    main()
