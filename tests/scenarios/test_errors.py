from faultlab.scenarios.errors import Problem, ScenarioError, hint, meant, nearest


def test_a_problem_reads_as_place_key_and_text() -> None:
    """The form that editors and terminals make clickable."""
    assert str(Problem("a.yaml", 4, "fault[1].inject", "no")) == "a.yaml:4: fault[1].inject: no"


def test_a_problem_without_a_place_names_the_file() -> None:
    """What is wrong with a whole file still says which one."""
    assert str(Problem("a.yaml", None, "", "is empty")) == "a.yaml: is empty"


def test_further_lines_of_a_problem_are_indented() -> None:
    """A list of choices must not look like the next problem."""
    assert str(Problem("a.yaml", 1, "", "choose:\none, two")) == "a.yaml:1: choose:\n    one, two"


def test_an_error_holds_every_problem_and_counts_them() -> None:
    """The author mends the file once, not problem by problem."""
    one, two = Problem("a.yaml", 1, "x", "no"), Problem("a.yaml", 2, "y", "no")
    assert str(ScenarioError([one, two])) == "a.yaml:1: x: no\na.yaml:2: y: no"
    assert ScenarioError([one]).summary() == "ScenarioError: 1 problem, nothing was run (exit 2)"
    assert (
        ScenarioError([one, two]).summary() == "ScenarioError: 2 problems, nothing was run (exit 2)"
    )


def test_the_nearest_word_is_near() -> None:
    """A guess that is far off misleads more than none."""
    assert nearest("atempts", ("attempts", "times")) == "attempts"
    assert nearest("zebra", ("attempts", "times")) is None


def test_case_hides_no_word() -> None:
    """Files know no capitals, people do."""
    assert nearest("TIMES", ("attempts", "times")) == "times"
    assert nearest("get", ("GET /orders", "GET")) == "GET"


def test_an_unknown_word_is_answered_by_the_nearest_or_by_all() -> None:
    """The reader must know what to write without the documentation."""
    assert hint("atempts", ("attempts", "times")) == "nearest: attempts"
    assert hint("zebra", ("attempts", "times")) == "known: attempts, times"


def test_a_message_that_names_all_words_adds_only_a_near_one() -> None:
    """To say them twice would bury it."""
    assert meant("atempts", ("attempts", "times")) == "; nearest: attempts"
    assert meant("zebra", ("attempts", "times")) == ""
