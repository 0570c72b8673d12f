"""`docs`: a site that shows people the state of everything, and a server for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from warehouse.project import Project

from .. import console

HELP = """Show the state of everything in a browser: tables, datasets, checks, runs.

Example: warehouse docs build
"""
app = typer.Typer(help=HELP, no_args_is_help=True)

Output = Annotated[Path | None, typer.Option("--output", help="Folder of the site; default: var/site.")]


@app.command("build")
def build(
    context: typer.Context,
    output: Output = None,
    profiles: Annotated[
        bool, typer.Option("--profiles/--no-profiles", help="Whether columns are profiled; once for every build.")
    ] = True,
    dbt_docs: Annotated[
        bool, typer.Option("--dbt-docs", help="Also make dbt's own docs, as one page that the site links to.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make the site: static pages that need no server and no network.

    Example: warehouse docs build
    """
    from warehouse.checks.drift.words import count_text
    from warehouse.site.site import build_site

    project = Project.find(context.obj)
    now = datetime.now(UTC)
    with console.working("reading the project", quiet=as_json) as on_progress:
        if dbt_docs:
            from warehouse.site.dbt_docs import make_dbt_docs

            on_progress("making dbt's docs")
            make_dbt_docs(project)
        site = build_site(project, now=now, profiles=profiles, output=output, on_progress=on_progress)
    if as_json:
        console.print_json(site)
        return
    console.print_line(site.headline)
    pages = f"{count_text(site.page_count, 'page')} ({console.size_text(site.byte_count)})"
    console.print_line(
        f"{pages} and {count_text(site.report_count, 'report')} in {site.seconds:.1f} s: "
        f"{project.relative(site.path / 'index.html')}"
    )
    console.print_line("open it, or show it to a browser with: warehouse docs serve")


@app.command("serve")
def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port to listen at; 0 takes a free one.", min=0, max=65535)] = 8085,
    host: Annotated[
        str, typer.Option(help="Address to listen at; any but a loopback one lets other machines read the site.")
    ] = "127.0.0.1",
    output: Output = None,
) -> None:
    """Serve the site until Ctrl-C: to this machine alone, reading alone, no file outside the site.

    Example: warehouse docs serve --port 8085
    """
    from warehouse.site.serving import is_loopback, open_server
    from warehouse.site.site import default_output

    project = Project.find(context.obj)
    server = open_server(output or default_output(project), host=host, port=port, on_request=console.print_note)
    if not is_loopback(host):
        console.print_note(
            f"warning: whoever reaches {host} can read everything in this site; there is no password\n"
            "  for this machine alone, leave out --host"
        )
    console.print_line(f"{server.url}  (Ctrl-C ends it)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        console.print_note("stopped")
    finally:
        server.server_close()
