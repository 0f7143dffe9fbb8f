"""Fixtures shared by the tests of the integrations."""

from __future__ import annotations

import pytest


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Run tests in a folder of their own: HEAD, without its first empty line, and what is given."""
    from plugin_program import HEAD

    def run(body: str, *arguments: str, outcomes: dict[str, int] | None = None) -> pytest.RunResult:
        pytester.makepyfile(test_it=HEAD + body)
        result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
        if outcomes is not None:
            result.assert_outcomes(**outcomes)
        return result

    return run
