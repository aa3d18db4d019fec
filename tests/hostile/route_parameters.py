"""Routes and their parameters for requests about a damaged run: each route, and expressions over every kind of column."""

#: As JSON and numbers: route, parameters beyond run and step.
ROUTE_PARAMETERS: tuple[tuple[str, dict], ...] = (
    ("snapshot", {}),
    ("strips", {}),
    ("matrix", {"layer": "head", "rows": [{"subset": "all"}, {"instance": 0}]}),
    ("columns", {}),
    ("table", {}),
    ("instance", {"layer": "head", "index": 0}),
    ("neuron", {"layer": "head", "neuron": 0, "rows": [{"subset": "all"}]}),
    ("projection", {"layer": "head"}),
    ("where", {"expression": "score > 0.5"}),
    ("where", {"expression": "not isnull(id) and (label == 'ant' or len(id) > 1)"}),
    ("where", {"expression": "label == 'ant'"}),
    ("table", {"order": "label", "expression": "score >= 0"}),
    ("column_statistics", {}),
    ("groups", {"by": "label", "layer": "head"}),
    ("subset", {"layer": "head", "expression": "score > 0.4", "name": "all"}),
    ("overlap", {"row": {"subset": "correct"}, "rows": [{"subset": "all"}, {"expression": "score > 0.4"}]}),
    ("export", {}),
    ("export", {"format": "parquet"}),
    ("content", {"index": 0}),
)
