"""What a build is made from, besides the rows: the project's files and the environment that they read.

A build writes this down when it begins; the nightly job compares, and does not build the same again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from warehouse import storage
from warehouse.errors import BuildError, problem_list
from warehouse.project import Project
from warehouse.scrubbing import is_secret_name, looks_secret, secrets_of

FILES = ("dbt_project.yml", "profiles.yml", "packages.yml", "dependencies.yml", "package-lock.yml", "selectors.yml")
FOLDERS = ("models", "macros", "seeds", "snapshots", "analyses", "functions", "dbt_packages", "expectations")
"""Where dbt looks, and our suites; the project may name more."""
_ENV_VAR = re.compile(rb"""env_var\(\s*(?:(['"])([^'"]*)\1\s*[,)])?""")
_FOR_SECRETS = ("profiles.yml", "packages.yml", "dependencies.yml")
_OWN = ("WAREHOUSE_BUILD_PATH", "WAREHOUSE_EXTENSIONS", "WAREHOUSE_RAW", "WAREHOUSE_ROOT", "WAREHOUSE_SPARK_SCHEMA")
"""What every build sets itself."""


def read_inputs(project: Project, environment: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """`files_sha256` and `environment_sha256` of what a build of this project reads now; None for what cannot be told.

    Contents and paths count, times do not. Of environment variables, those that the files name count, but for secrets:
    a hash of few could be guessed, and a password says nothing of the rows.

    Raises:
        StorageError: a file cannot be read.
    """
    digest, variables, is_certain = hashlib.sha256(), set[str](), True
    folders = _folders(project)
    for path in _project_files(project, folders or ()):
        with storage.storage_errors(f"read {path}"):
            content = path.read_bytes()
        name = project.relative(path).encode(errors="surrogateescape")
        digest.update(b"%d %s %d " % (len(name), name, len(content)) + content)
        for found in _ENV_VAR.finditer(content):
            variables.add((found[2] or b"").decode(errors="replace"))
            is_certain = is_certain and found[2] is not None
    digest.update(project.settings.dbt_target.encode())
    if project.settings.engine != "duckdb":
        digest.update(project.settings.engine.encode())
    return {
        "files_sha256": None if folders is None else digest.hexdigest(),
        # A variable whose name is put together cannot be looked up, so nothing can be said of its value.
        "environment_sha256": _environment_hash(variables, environment) if is_certain else None,
    }


def read_variables(project: Project) -> tuple[str, ...]:
    """Names of the environment variables that the project's files read, sorted.

    Raises:
        StorageError: a file cannot be read.
    """
    names: set[str] = set()
    for path in _project_files(project, _folders(project) or FOLDERS):
        with storage.storage_errors(f"read {path}"):
            names |= {(found[2] or b"").decode(errors="replace") for found in _ENV_VAR.finditer(path.read_bytes())}
    return tuple(sorted(name for name in names if re.fullmatch(r"[A-Za-z_]\w*", name) and name not in _OWN))


def refuse_secrets(project: Project, environment: Mapping[str, str] = os.environ) -> None:
    """Makes sure that only profiles and packages read secrets: what else dbt reads ends in compiled SQL and views.

    Raises:
        BuildError: other files read some; lists file and variable, never the value.
        StorageError: a file cannot be read.
    """
    problems = []
    for path in _project_files(project, _folders(project) or FOLDERS):
        if path.name in _FOR_SECRETS and path.parent == project.root:
            continue
        with storage.storage_errors(f"read {path}"):
            content = path.read_bytes()
        for name in sorted({(found[2] or b"").decode(errors="replace") for found in _ENV_VAR.finditer(content)}):
            if is_secret_name(name) and _is_secret(environment.get(name, "")):
                problems.append(f"{project.relative(path)} reads {name}")
    if problems:
        raise BuildError(
            problem_list("secrets of the environment would end in compiled SQL, views and records:", problems)
            + "\n  read them in profiles.yml alone, as attach or secrets of the target, or let `warehouse load` connect"
        )


def _is_secret(value: str) -> bool:
    """Whether the value is one at all: `SORT_KEY=customer_id` is not."""
    return any(map(looks_secret, secrets_of({"SECRET": value}).values))


def _environment_hash(names: Iterable[str], environment: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name in sorted({name for name in names if name not in _OWN and not is_secret_name(name)}):
        digest.update(f"{len(name)} {name}={environment.get(name)!r}\n".encode(errors="backslashreplace"))
    return digest.hexdigest()


def _folders(project: Project) -> tuple[str, ...] | None:
    """Folders of the project's files; None when it names one outside, or names them in a way that only dbt knows."""
    import yaml

    try:
        document = yaml.safe_load((project.root / "dbt_project.yml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    named: list[object] = []
    for key, value in document.items() if isinstance(document, dict) else ():
        if str(key).endswith("-paths"):
            named += value if isinstance(value, list) else [value]
    for folder in named:
        if not isinstance(folder, str) or "{{" in folder or not (project.root / folder).is_relative_to(project.root):
            return None
        if ".." in Path(folder).parts:
            return None
    return (*FOLDERS, *map(str, named))


def _project_files(project: Project, folders: Iterable[str]) -> list[Path]:
    """Every file in these folders, and those that lie beside dbt_project.yml; sorted."""
    found = {path for name in FILES if (path := project.root / name).is_file()}
    for folder in folders:
        for parent, below, names in os.walk(project.root / folder, followlinks=True):
            # What lies hidden, Python's cache, and the state itself are nothing that dbt reads.
            below[:] = [name for name in below if not name.startswith(".") and name != "__pycache__"]
            if Path(parent).is_relative_to(project.state_path):
                below.clear()
                continue
            found |= {Path(parent) / name for name in names if not name.startswith(".")}
    return sorted((path for path in found if path.is_file()), key=lambda path: path.as_posix())
