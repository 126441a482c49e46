"""Make an HTTP request as seen from the host, whose loopback addresses are meant by 127.0.0.1.

GET and HEAD only look, and run as a check. Any other method may change something: it is a change that always runs.
The registered result has `status` and `content`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from ffplay.model import Change, Check
from ffplay.resources.checks import HttpExchange
from ffplay.steps.base import Context, Outcome, StepKind, parameters


def plan(ctx: Context) -> Iterator[Outcome]:
    """Plan the request."""
    args = ctx.args
    body = args["body"] if isinstance(args["body"], str) else json.dumps(args["body"])
    codes = args["status_code"] if isinstance(args["status_code"], list) else [args["status_code"]]
    headers = tuple((str(name), str(value)) for name, value in args["headers"].items())
    exchange = HttpExchange(
        str(args["url"]), str(args["method"]), body, headers, tuple(map(int, codes)), ctx.timeout or 30.0
    )
    if exchange.method in ("GET", "HEAD"):
        yield Check(ctx.host.name, exchange, f"{exchange.label} answers {', '.join(map(str, codes))}")
    else:
        yield Change(ctx.host.name, exchange, "none", "answered", f"{exchange.label} (it always runs)")


STEP = StepKind(
    name="http",
    summary="Make an HTTP request from the host.",
    example='- http: {url: "http://127.0.0.1:8001/stat/list/1/10", status_code: 200}',
    reads="The answer to a GET or HEAD.",
    changes="Nothing with GET or HEAD; with any other method whatever the server does, which a rollback cannot undo.",
    schema=parameters(
        ["url"],
        url={
            "type": "string",
            "pattern": "^http://|[{]",
            "description": "Where to; plain http, as the site's parts speak.",
        },
        method={
            "enum": ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"],
            "default": "GET",
            "description": "The request's method.",
        },
        body={"type": ["string", "object", "array"], "default": "", "description": "Body; a mapping is sent as JSON."},
        headers={"type": "object", "default": {}, "description": "Headers by name."},
        status_code={
            "type": ["integer", "array"],
            "default": 200,
            "description": "The answer, or the answers, that are right.",
        },
    ),
    plan=plan,
    main="url",
)
