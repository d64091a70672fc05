"""How water runs between sites: what lies above what."""

from collections.abc import Iterator, Mapping, Sequence


def circles(above: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Ways upstream that come back to where they began: the sites of each once, in the order of the way.

    above: sites directly above a site. A site above itself is not told here. Each site is walked through once, so of
    circles that share a site not every one is told; where there is any, one is.
    """
    done: set[str] = set()
    for start in above:
        if start not in done:
            yield from _circles_from(start, above, done)


def _circles_from(start: str, above: Mapping[str, Sequence[str]], done: set[str]) -> Iterator[list[str]]:
    """Circles met on the way up from a site. Sites that need no second look join `done`."""
    way, waiting = {start: None}, [iter(above[start])]  # the way so far, in order, and what is above each of its sites
    while waiting:
        site = next(waiting[-1], None)
        if site is None:
            waiting.pop()
            done.add(way.popitem()[0])
        elif site in way:
            sites = list(way)
            if site != sites[-1]:
                yield sites[sites.index(site) :]
        elif site not in done:
            way[site] = None
            waiting.append(iter(above.get(site, ())))
