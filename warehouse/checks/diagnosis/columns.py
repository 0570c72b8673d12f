"""Which column of the predictions holds what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from warehouse.errors import PredictionError, problem_list, suggestion

PREDICTION, PROBABILITY, SCORE, LOSS, QUERY = "prediction", "probability", "score", "loss", "query"
ROLES = (PREDICTION, PROBABILITY, SCORE, LOSS)
"""What predictions may hold besides the key, and what its column is called unless somebody says otherwise."""
OF_CLASS = f"{PROBABILITY}_"
"""What the column with the probability of one class begins with; the class follows, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionColumns:
    """Names of columns of the predictions."""

    key: tuple[str, ...]
    """In the order of the dataset's key."""
    prediction: str | None = None
    """The class or the number that was predicted."""
    probability: str | None = None
    """Of the positive class of two."""
    class_probabilities: Mapping[str, str] = field(default_factory=dict)
    """By class, as text."""
    score: str | None = None
    """Any number that is greater where the positive class is likelier, or that a query's rows are ranked by."""
    loss: str | None = None
    """How bad the row's prediction is; 0 is best, whatever the unit."""
    query: str | None = None
    """Of a ranking, what is ranked together; None also when the dataset has it."""

    @property
    def has_probabilities(self) -> bool:
        """Whether there is any probability."""
        return self.probability is not None or bool(self.class_probabilities)


def given_for(given: Mapping[str, str], names: Sequence[str], *, other: Sequence[str]) -> dict[str, str]:
    """Columns by role that are meant for one of two models' predictions: all but those that only the other has."""
    own, others = ({name.casefold() for name in each} for each in (names, other))
    return {
        role: column for role, column in given.items() if column.casefold() in own or column.casefold() not in others
    }


def find_columns(
    names: Sequence[str], *, key: Sequence[str], given: Mapping[str, str], predictions: str
) -> PredictionColumns:
    """Finds each role's column: the one that was given for it, or the one that is called like it.

    Args:
        names: the columns that the predictions have.
        key: the dataset's key.
        given: columns by role: `prediction`, `probability`, `probability_<class>`, `score`, `loss`, `query` or a
            key's name.
        predictions: what holds them, for messages.

    Raises:
        PredictionError: a column is missing, or a role unknown.
    """
    by_name = {name.casefold(): name for name in names} | {name: name for name in names}
    known = (*key, *ROLES, QUERY)
    problems = [
        f"nothing is called {role!r}; {suggestion(role, (*known, f'{OF_CLASS}<class>'))}"
        for role in given
        if role not in known and not role.startswith(OF_CLASS)
    ]
    problems += [
        f"there is no column {column!r} for {role!r}; {suggestion(column, names)}"
        for role, column in given.items()
        if column.casefold() not in by_name
    ]

    def found(role: str) -> str | None:
        column = given.get(role, role)
        return by_name.get(column) or by_name.get(column.casefold())

    problems += [
        f"there is no column for the key {name!r}; {suggestion(name, names)}"
        f"\nif it is called otherwise, say so: --column {name}=NAME"
        for name in key
        if name not in given and found(name) is None
    ]
    taken = {role: column for role in ROLES if (column := found(role)) is not None}
    of_class = {
        name[len(OF_CLASS) :]: name
        for name in names
        if name.casefold().startswith(OF_CLASS) and len(name) > len(OF_CLASS) and name not in given.values()
    }
    of_class |= {
        role[len(OF_CLASS) :]: column
        for role in given
        if role.startswith(OF_CLASS) and (column := found(role)) is not None
    }
    if not problems and not taken and not of_class:
        problems.append(
            f"there is no prediction; columns: {', '.join(names)}"
            f"\nname one of them {', '.join(ROLES)} or {OF_CLASS}<class>, or say which it is: --column prediction=NAME"
        )
    if problems:
        raise PredictionError(problem_list(f"{predictions} cannot be read as predictions:", problems))
    return PredictionColumns(
        key=tuple(found(name) or name for name in key),
        prediction=taken.get(PREDICTION),
        probability=taken.get(PROBABILITY),
        class_probabilities=of_class,
        score=taken.get(SCORE),
        loss=taken.get(LOSS),
        query=found(QUERY),
    )
