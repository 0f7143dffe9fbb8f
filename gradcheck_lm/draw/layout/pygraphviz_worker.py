"""Layout by pygraphviz, run as a script of its own: `pygraphviz_worker.py -Tsvg < graph.dot > graph.svg`.

It works inside the process, and a graph of some thousand nodes has ended that process with a segmentation fault:
so never import this; `gradcheck_lm.draw.layout.layout` starts it.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Read DOT on standard input, write the picture in the format of `-T<format>` to standard output."""
    import pygraphviz

    kind = arguments[0].removeprefix("-T")
    graph = pygraphviz.AGraph(sys.stdin.buffer.read().decode("utf-8"))
    sys.stdout.buffer.write(graph.draw(format=kind, prog="dot"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
