"""`python -m gradcheck_lm`, the same as the command `gradcheck-lm`."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from gradcheck_lm.cli import app

    app()


if __name__ == "__main__":
    main()
