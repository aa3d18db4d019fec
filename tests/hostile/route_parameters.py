"""Routes and their parameters for requests about a damaged run: each route, and expressions over every kind of column."""

from tests.serve import route_parameters as routes

#: Route, parameters beyond run and step: JSON and numbers.
ROUTE_PARAMETERS: tuple[tuple[str, dict], ...] = (
    *(
        (route, {name: value for name, value in parameters.items() if name not in routes.AT})
        for route, parameters in routes.ROUTE_PARAMETERS.items()
        if parameters.keys() >= routes.AT.keys()
    ),
    ("matrix", {"layer": "head", "rows": [{"subset": "all"}, {"instance": 0}]}),
    ("where", {"expression": "not isnull(id) and (label == 'ant' or len(id) > 1)"}),
    ("where", {"expression": "label == 'ant'"}),
    ("table", {"order": "label", "expression": "score >= 0"}),
    ("overlap", {"row": {"subset": "correct"}, "rows": [{"subset": "all"}, {"expression": "score > 0.4"}]}),
    ("export", {"format": "parquet"}),
)
