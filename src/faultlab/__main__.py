"""`python -m faultlab`, the same as the command `faultlab`."""

from .lab.cli import main

if __name__ == "__main__":
    main()
