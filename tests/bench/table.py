"""Makes a readable table of the rows on stdin: section, what, agent, beside, ratio, target, separated by tabs."""
import sys

rows = [["section", "what", "agent", "beside", "ratio", "target"]]
rows += [line.rstrip("\n").split("\t") for line in sys.stdin]
widths = [max(map(len, column)) for column in zip(*rows)]
for row in rows:
    print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
