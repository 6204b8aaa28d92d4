"""The bill as people read it."""

from collections.abc import Iterator, Sequence

from benchmarks.cost_parts.bill import BillLine, beyond_free, of_peer, of_process, totals
from benchmarks.cost_parts.prices import Prices


def rendered(lines: Sequence[BillLine], prices: Prices) -> Iterator[str]:
    """One text for each line, in the order of the price list."""
    yield f"{'dollars a month':<44}{'':<10}{'a stack without targets':>26}{'each 1000 targets more':>26}"
    for line in lines:
        name = f"{line.item.replace('_', ' ')}, {line.of}"
        floor = f"{line.floor_units:>16,.6g}{line.floor:>10.3f}"
        yield f"{name:<44}{line.how:<10}{floor}{line.slope_units:>16,.6g}{line.slope:>10.3f}"
    sums = totals(list(lines))
    yield f"{'in all':<54}{sums['floor']:>26.2f}{sums['slope']:>26.2f}"
    free = [beyond_free(list(lines), thousands, prices) for thousands in (0, 1)]
    yield f"{'with what is free in every account':<54}{free[0]:>26.2f}{free[1] - free[0]:>26.2f}"
    yield ""
    yield "Beside it, computed: 1000 targets a month"
    for name, peer in prices.peers.items():
        yield f"  {name:<52}{of_peer(peer, 1000, prices):>12,.2f}   {peer.source} ({peer.as_of})"
    yield "Besides, computed: a month of"
    for what, process in prices.processes.items():
        yield f"  {what:<52}{of_process(process, prices):>12,.2f}   {process.source}"
