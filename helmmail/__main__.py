"""`python -m helmmail`: the same program as the `helmmail` command."""

from helmmail.cli import main

if __name__ == "__main__":
    main()
