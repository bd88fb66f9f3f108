"""`python -m eigenfit`: the command `eigenfit`."""

from eigenfit.cli.main import main

if __name__ == "__main__":
    main()
