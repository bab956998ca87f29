"""Names that start with AGOLA_ are known to the runs that see them."""

from agola.model.repository import Repository, RepositoryPath
from agola.runconfig import context_of, parse
from agola.runconfig.surroundings import ENVIRONMENT
from agola.services.gateway.actions.events import DirectEvent


def hints(task: str) -> list[tuple[str, str]]:
    text = "runs: [{name: r, inputs: [{name: to}], tasks: [{name: t, " + task + "}]}]"
    return [(one.message, one.hint) for one in parse("config.yml", text.encode()).warnings]


def test_a_name_that_nobody_sets_is_warned_of_with_a_guess() -> None:
    assert hints("steps: [{run: 'echo $AGOLA_COMMIT_SHA'}]") == [
        ("nobody sets $AGOLA_COMMIT_SHA", 'did you mean "AGOLA_GIT_COMMITSHA"?')
    ]
    assert hints("steps: [{run: {command: 'a ${AGOLA_REPOSITORY_REF:-}'}}]") == [
        ("nobody sets $AGOLA_REPOSITORY_REF", 'did you mean "AGOLA_REPOSITORY_URL"?')
    ]


def test_names_that_somebody_sets_are_not() -> None:
    every = " ".join(f"${{{name}}}" for name in ENVIRONMENT)
    assert hints(f"steps: [{{run: 'echo {every} $AGOLA_INPUT_TO $CI'}}]") == []
    assert hints("environment: {AGOLA_X: 1}, steps: [{run: 'echo $AGOLA_X'}]") == []
    assert hints("steps: [{run: {command: 'echo $AGOLA_X', environment: {AGOLA_X: 1}}}]") == []
    assert hints("steps: [{run: 'AGOLA_X=1; echo $AGOLA_X'}]") == []


def test_what_a_run_sets_itself_cannot_be_set() -> None:
    [(message, _)] = hints("environment: {AGOLA_GIT_REF: x}")
    assert message == "every run sets AGOLA_GIT_REF itself, so this has no effect"


def test_what_the_gateway_sets_is_known() -> None:
    repository = Repository(
        path=RepositoryPath("user", "tree"),
        push_url="http://push/",
        clone_url="http://clone/r.git",
        clone_username="",
        clone_password="",
    )
    context = context_of("refs/heads/main")
    assert context
    event = DirectEvent(repository=repository, context=context, message="")
    assert event.environment.keys() - ENVIRONMENT.keys() == {"CI"}
