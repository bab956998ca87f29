"""A plan tells what a definition makes for a ref, and why."""

from msgspec import structs

from agola.core.ids import RandomIds
from agola.runconfig import Context, compile_run, context_of, parse
from agola.runconfig.plan import PlannedTask, plan_runs


def context(ref: str = "refs/heads/main", changed: tuple[str, ...] | None = None) -> Context:
    found = context_of(ref)
    assert found
    return structs.replace(found, changed_files=changed)


def tasks(text: str, ref: str = "refs/heads/main") -> dict[str, PlannedTask]:
    definition = parse("config.yml", f"runs: [{{name: r, tasks: [{text}]}}]".encode()).definition
    assert definition
    [run] = plan_runs(definition, context(ref)).runs
    return {task.name: task for task in run.tasks}


def test_it_agrees_with_what_is_compiled() -> None:
    text = b"""
runs:
  - name: r
    tasks:
      - {name: d, depends: [b, c]}
      - {name: b, depends: [a], when: {tag: v1}}
      - {name: c, depends: [a], steps: [{run: x}, {run: {command: y, when: {branch: main}}}]}
      - {name: a, matrix: {axes: {os: [x, y]}}, steps: [{run: '${{ matrix.os }}'}]}
"""
    definition = parse("config.yml", text).definition
    assert definition
    for ref in ("refs/heads/main", "refs/tags/v1", "refs/pull/3/head"):
        [planned] = plan_runs(definition, context(ref)).runs
        compiled = compile_run(
            definition.runs[0], ids=RandomIds(), variables={}, context=context(ref)
        )
        names = {id_: task.name for id_, task in compiled.items()}
        assert {(task.name, task.level, task.skipped, task.depends) for task in planned.tasks} == {
            (task.name, task.level, task.skip, tuple(names[one.task_id] for one in task.depends))
            for task in compiled.values()
        }
        left_out = {task.name: len(task.steps_left_out) for task in planned.tasks}
        written = {task.name: len(task.steps) for task in definition.runs[0].tasks}
        assert left_out == {
            task.name: written[task.name] - len(task.steps) for task in compiled.values()
        }


def test_tasks_come_by_level_and_then_as_in_the_file() -> None:
    planned = tasks("{name: z, depends: [b]}, {name: x}, {name: b}, {name: a, depends: [x]}")
    assert [(task.level, task.name) for task in planned.values()] == [
        (0, "x"),
        (0, "b"),
        (1, "z"),
        (1, "a"),
    ]


def test_what_waits_for_a_skipped_task_is_blocked_all_the_way_down() -> None:
    planned = tasks(
        "{name: a, when: {branch: other}}, {name: b, depends: [a]}, {name: c, depends: [b]},"
        "{name: d, depends: [{a: [on_skipped]}]}, {name: e, depends: [{b: on_skipped}, d]}"
    )
    assert {name: task.blocked_by for name, task in planned.items()} == {
        "a": (),
        "b": ("a",),
        "c": ("b",),
        "d": (),
        "e": (),
    }


def test_a_condition_that_does_not_exist_blocks_whatever_happens() -> None:
    planned = tasks("{name: a}, {name: b, depends: [{a: [on_monday]}]}")
    assert planned["b"].blocked_by == ("a",)
    assert planned["b"].skipped is False


def test_the_clause_that_decided_is_told() -> None:
    planned = tasks(
        "{name: a, when: {branch: [x, '/^ma/']}}, {name: b, when: {ref: {include: '/./', "
        "exclude: refs/heads/main}}}, {name: c, when: {}}, {name: d, when: {tag: v1}}"
    )
    assert [(task.skipped, task.why) for task in planned.values()] == [
        (False, 'branch include "/^ma/"'),
        (True, 'ref exclude "refs/heads/main"'),
        (True, "an empty `when` never matches"),
        (True, "nothing includes refs/heads/main"),
    ]
