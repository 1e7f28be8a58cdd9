"""`python -m ragqa` is `ragqa`."""

from ragqa.cli.main import main

if __name__ == "__main__":
    main()
