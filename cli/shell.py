"""The shell of `warehouse sql`: statements over several lines, a history, completion.

Ctrl-C stops the statement that runs, or forgets the one that is typed; Ctrl-D leaves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.errors import ProjectError, WarehouseError, import_extra
from warehouse.project import Project

from . import answers, console

if TYPE_CHECKING:
    from warehouse.questions.session import Session, Subject
    from warehouse.questions.values import Format

COMMANDS = {
    ".help": "this list",
    ".tables [TEXT]": "tables and views, those with TEXT in their names",
    ".schema TABLE": "columns of a table",
    ".mode FORMAT": "how answers are shown: table, line or markdown",
    ".rows N": "most rows that are shown",
    ".timer on|off": "whether the seconds are shown",
    ".quit": "leave (also Ctrl-D)",
}


def run_shell(project: Project, subject: Subject, *, format_name: str, limit: int, timeout: float | None) -> None:
    """Asks for statements until the user leaves.

    Raises:
        MissingExtraError: prompt_toolkit is not installed.
        ProjectError: the format is not for reading.
    """
    import_extra("prompt_toolkit", extra="shell")
    from warehouse.questions.session import open_session

    format_ = _shown_format(format_name)
    with open_session(project, subject) as session:
        console.print_line(f"{session.title}, read-only; end a statement with ; and see .help", style="dim")
        _Shell(session, format_, limit=limit, timeout=timeout).run(_prompt(session, _history_path(project)))


class _Shell:
    """One shell with its modes."""

    def __init__(self, session: Session, format_: Format, *, limit: int, timeout: float | None) -> None:
        self.session = session
        self.format = format_
        self.limit = limit
        self.timeout = timeout
        self.shows_time = False

    def run(self, prompt: Any) -> None:
        """Reads and answers until Ctrl-D or `.quit`."""
        while True:
            try:
                text = prompt.prompt().strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if text in (".quit", ".exit"):
                return
            try:
                if text.startswith("."):
                    self._command(text)
                elif text:
                    self._answer(text)
            except WarehouseError as error:
                console.print_error(str(error))
            except KeyboardInterrupt:
                console.print_error("interrupted")

    def _answer(self, text: str) -> None:
        from warehouse.questions.answers import first_rows
        from warehouse.questions.statements import split_statements

        for statement in split_statements(self.session.connection, text):
            started = time.monotonic()
            answer = first_rows(self.session, statement, limit=self.limit, timeout=self.timeout)
            answers.print_answer(answer, self.format)
            if self.shows_time:
                console.print_line(f"{time.monotonic() - started:.3f} s", style="dim")

    def _command(self, text: str) -> None:
        from warehouse.questions.catalog import describe_table, list_tables

        word, _, rest = text.rstrip("; ").partition(" ")
        rest = rest.strip()
        match word:
            case ".help":
                for command, meaning in COMMANDS.items():
                    console.print_line(f"{command:18} {meaning}")
            case ".tables":
                answers.print_answer(list_tables(self.session, containing=rest), self.format)
            case ".schema" if rest:
                answers.print_answer(describe_table(self.session, rest), self.format)
            case ".mode":
                self.format = _shown_format(rest)
            case ".rows" if rest.isdecimal() and int(rest) > 0:
                self.limit = int(rest)
            case ".timer" if rest in ("on", "off"):
                self.shows_time = rest == "on"
            case _:
                raise ProjectError(f"{text!r} is no command here\n  see .help")


def _shown_format(name: str) -> Format:
    format_ = answers.format_named(name)
    if not format_.is_for_reading:
        raise ProjectError(
            f"the shell shows table, line or markdown, not {name}\n"
            f'  write rows with: warehouse sql "select ..." --format {name}'
        )
    return format_


def _history_path(project: Project) -> Path | None:
    """The user's own history of this project, for nobody else to read; None where it cannot be kept."""
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = base / "ml-warehouse" / f"{project.root.name}.sql_history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.chmod(0o600)
    except OSError:
        return None
    return path


def _prompt(session: Session, history_path: Path | None) -> Any:
    """Asks for one statement or command; Enter ends it after a semicolon, and begins a new line before."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer, Completion
    from prompt_toolkit.history import FileHistory, InMemoryHistory
    from prompt_toolkit.key_binding import KeyBindings

    from warehouse.questions.catalog import known_words
    from warehouse.questions.statements import is_complete

    words = known_words(session)

    class Words(Completer):
        """Names of tables and columns, and keywords."""

        def get_completions(self, document: Any, complete_event: Any) -> Iterable[Completion]:
            """What the word before the cursor may become."""
            text = document.text_before_cursor
            known = [command.partition(" ")[0] for command in COMMANDS] if text.startswith(".") else []
            start = text if known and " " not in text else document.get_word_before_cursor(WORD=False)
            if not start:
                return
            for word in [*known, *words]:
                if word.lower().lstrip('"').startswith(start.lower().lstrip('"')):
                    yield Completion(word, start_position=-len(start))

    keys = KeyBindings()

    @keys.add("enter")
    def end_or_go_on(event: Any) -> None:
        text = event.current_buffer.text
        if not text.strip() or text.lstrip().startswith(".") or is_complete(text):
            event.current_buffer.validate_and_handle()
        else:
            event.current_buffer.insert_text("\n")

    return PromptSession(
        "sql> ",
        multiline=True,
        prompt_continuation="...> ",
        history=FileHistory(str(history_path)) if history_path else InMemoryHistory(),
        completer=Words(),
        complete_while_typing=False,
        key_bindings=keys,
        enable_history_search=True,
    )
