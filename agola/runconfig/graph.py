"""The graph of a run's tasks: what is wrong with it, and its levels."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct

from agola.runconfig.cursor import Cursor
from agola.runconfig.definition import TaskDefinition

MAX_CYCLES = 20
"""How many cycles of a run are told."""

Edges = Mapping[str, Sequence[str]]
"""The parents of every task, by name."""


class Vertex(Struct, frozen=True, eq=False):
    """A task as it was read, and the place of each of its `depends`."""

    task: TaskDefinition
    cursor: Cursor
    places: tuple[Cursor, ...]

    def place(self, parent: str) -> Cursor:
        names = [depend.task for depend in self.task.depends]
        return self.places[names.index(parent)]


def check_graph(vertices: Sequence[Vertex]) -> None:
    """Note every parent that does not exist, every cycle and every edge that says nothing new."""
    named = {vertex.task.name: vertex for vertex in vertices}
    edges = {name: _parents(vertex, named) for name, vertex in named.items()}
    components = connected(edges)
    cycles = [component for component in components if len(component) > 1]
    for cycle in _cycles(edges, cycles):
        way = " → ".join([*cycle, cycle[0]])
        message = f"{len(cycle)} tasks wait for each other in a circle: {way}"
        named[cycle[0]].place(cycle[1]).error(message)
    if not cycles:
        _check_redundant(named, edges, [name for [name] in components])


def levels(tasks: Sequence[TaskDefinition]) -> dict[str, int]:
    """Give the longest way from each task to one without parents.  The graph must be sound."""
    edges = {task.name: [depend.task for depend in task.depends] for task in tasks}
    level: dict[str, int] = {}
    for [name] in connected(edges):
        level[name] = 1 + max((level[parent] for parent in edges[name]), default=-1)
    return level


def connected(edges: Edges) -> list[list[str]]:
    """Group tasks that wait for each other, parents before children (Tarjan's algorithm)."""
    components: list[list[str]] = []
    found: dict[str, int] = {}  # when each task was first seen
    lowest: dict[str, int] = {}  # the earliest task that it reaches among those on `path`
    path: list[str] = []
    done: set[str] = set()
    for root in edges:
        work = [(root, iter(edges[root]))] if root not in found else []
        while work:
            name, parents = work[-1]
            if name not in found:
                found[name] = lowest[name] = len(found)
                path.append(name)
            follow = next((p for p in parents if p not in done), None)
            if follow is None:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[name])
                if lowest[name] == found[name]:
                    start = path.index(name) if path[-1] != name else len(path) - 1
                    components.append(path[start:])
                    done.update(path[start:])
                    del path[start:]
            elif follow in found:
                lowest[name] = min(lowest[name], found[follow])
            else:
                work.append((follow, iter(edges[follow])))
    return components


def _parents(vertex: Vertex, named: Mapping[str, Vertex]) -> list[str]:
    """Give the parents that exist, each once, and note the others."""
    parents: dict[str, None] = {}
    for depend, place in zip(vertex.task.depends, vertex.places, strict=True):
        name = depend.task
        if name == vertex.task.name:
            place.error("a task cannot wait for itself")
        elif name in parents:
            place.error(f'"{name}" is waited for twice')
        elif name in named:
            parents[name] = None
        elif name:
            _missing(place, name, named)
    return list(parents)


def _missing(place: Cursor, name: str, named: Mapping[str, Vertex]) -> None:
    hint = place.guess(name, list(islice(named, 100)), else_tell=False)
    place.error(f'no task of this run is called "{name[:100]}"', hint)


def _cycles(edges: Edges, components: list[list[str]]) -> Iterator[list[str]]:
    """Give short cycles until each edge that is part of one was in one, or enough were told."""
    told = 0
    for component in components:
        members = set(component)
        covered: set[tuple[str, str]] = set()
        for child in sorted(component):
            for parent in edges[child]:
                if parent not in members or (child, parent) in covered:
                    continue
                cycle = [child, *_way(edges, members, parent, child)]
                covered.update(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
                yield cycle
                told += 1
                if told == MAX_CYCLES:
                    return


def _way(edges: Edges, members: set[str], start: str, end: str) -> list[str]:
    """Give a shortest way inside a component, without its end."""
    before: dict[str, str] = {start: ""}
    queue = [start]
    for name in queue:
        for parent in edges[name]:
            if parent in members and parent not in before:
                before[parent] = name
                queue.append(parent)
        if end in before:
            break
    way = [before[end]]
    while way[-1] != start:
        way.append(before[way[-1]])
    return way[::-1]


def _check_redundant(named: Mapping[str, Vertex], edges: Edges, order: list[str]) -> None:
    """Refuse to wait both for a task and for one that waits for it already."""
    bit = {name: 1 << index for index, name in enumerate(order)}
    ancestors: dict[str, int] = {}
    for name in order:
        if named[name].cursor.problems.full:
            return
        parents = edges[name]
        above = 0
        for parent in parents:
            above |= ancestors[parent]
        for parent in parents:
            if above & bit[parent]:
                through = next(p for p in parents if ancestors[p] & bit[parent])
                named[name].place(parent).error(
                    f'"{parent}" is waited for already, through "{through}"', "leave it out"
                )
            above |= bit[parent]
        ancestors[name] = above
