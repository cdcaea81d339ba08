"""A refusal for whoever sits at a browser: what happened and what to do, and the way back, instead of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from opsagent.domain.visible import visible
from opsagent.errors import OpsAgentError
from opsagent.web.problems import problem

# The page may look like the others and do nothing else: the words of a provider may stand in it.
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_PAGE = Markup("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · OpsAgent</title>
<link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/theme.css">
<script src="/assets/page.js"></script>
<body class="login">
<main>
  <h1><span aria-hidden="true">◉</span> {title}</h1>
  <div class="trouble" role="alert"><p>{message}</p></div>
  <p><strong>What to do:</strong> {fix}</p>
  {ways}
</main>
</body>
</html>
""")
_WAY = Markup('<p><a class="button wide{}" href="{}">{}</a></p>')


def wants_page(request: Request) -> bool:
    """Whether a browser shows the answer to a person."""
    return "text/html" in request.headers.get("accept", "")


def refusal(request: Request, error: OpsAgentError, *, title: str, ways: Mapping[str, str]) -> Response:
    """The page, or for a program the problem document. `ways` are addresses to go on at, with their words."""
    if not wants_page(request):
        return problem(error)
    links = Markup("").join(_WAY.format("" if place else " primary", *way) for place, way in enumerate(ways.items()))
    page = _PAGE.format(title=title, message=visible(error.message), fix=visible(error.fix), ways=links)
    headers = {"Content-Security-Policy": _POLICY, "Vary": "Accept"}
    return Response(str(page), HTTPStatus(error.status), headers, "text/html; charset=utf-8")
