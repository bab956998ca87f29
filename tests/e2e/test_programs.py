"""Definitions that are programs: from a pushed work tree to the log of a task."""

from pathlib import Path

from tests.testbed.installation import Installation, git, repository

STARLARK = """
load("lib/tasks.star", "echo")

def main(ctx):
    names = ["first", "second"]
    return {"runs": [{"name": ctx["branch"], "tasks": [echo(name, ctx) for name in names]}]}
"""

TASKS = """
def echo(name, ctx):
    return {
        "name": name,
        "runtime": {"containers": [{"image": "none"}]},
        "steps": [{"run": "echo %s of %s %s" % (name, ctx["ref_type"], ctx["ref"])}],
    }
"""

JSONNET = """
function(ctx) {
  runs: [{
    name: 'jsonnet',
    tasks: [{
      name: 'script',
      runtime: { containers: [{ image: 'none' }] },
      environment: { REF: ctx.ref },
      steps: [{ run: { name: 'say', command: importstr 'scripts/say.sh' } }],
    }],
  }],
}
"""


def programs(directory: Path, **files: str) -> Path:
    """Make a repository whose `.agola/` has these files; "/" is written "__" and "." is "_"."""
    path = repository(directory, "")
    (path / ".agola" / "config.yml").unlink()
    write(path, **files)
    git("add", "--all", cwd=path)
    git("commit", "--quiet", "--message", "Programs", cwd=path)
    return path


def write(path: Path, **files: str) -> None:
    for name, text in files.items():
        file = path / ".agola" / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)


def test_starlark_with_a_module_of_its_own(shared: Installation, tmp_path: Path) -> None:
    path = programs(tmp_path / "tree", config_star=STARLARK, lib__tasks_star=TASKS)
    done = shared.agola("directrun", "start", "--watch", cwd=path)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("first", "second"):
        assert f"{name} of branch refs/heads/main" in done.stdout


def test_jsonnet_with_a_script_and_then_with_an_error(shared: Installation, tmp_path: Path) -> None:
    script = 'echo "said by $REF"\n'
    path = programs(tmp_path / "tree", config_jsonnet=JSONNET, scripts__say_sh=script)
    done = shared.agola("directrun", "start", "--watch", cwd=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "said by refs/heads/main" in done.stdout

    write(path, config_jsonnet=JSONNET.replace("say.sh", "../../../../etc/passwd"))
    done = shared.agola("directrun", "start", "--watch", cwd=path)
    assert done.returncode != 0
    assert ".agola/config.jsonnet:9:46: " in done.stdout + done.stderr
    assert "is outside of .agola/" in done.stdout + done.stderr
