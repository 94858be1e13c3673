"""``python -m swarmd``: the same as the command ``swarmd``, for places where that is not on the PATH."""

from swarmd.cli import main

if __name__ == "__main__":
    main()
