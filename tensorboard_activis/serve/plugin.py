"""The HTTP routes of docs/http_api.md, thin: parameters in, one question to `query`, an answer out."""

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import werkzeug
from tensorboard import plugin_util
from tensorboard.plugins import base_plugin

import tensorboard_activis
from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.metadata import PLUGIN_NAME
from tensorboard_activis.query import columns as query_columns
from tensorboard_activis.query import describe, export, graph, instances, matrix, neurons, rows, sorting, strips, table
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve.parameters import Parameters, parameters
from tensorboard_activis.serve.projections import Projections
from tensorboard_activis.serve.responses import (
    bytes_response,
    download_response,
    error_response,
    json_response,
    safetensors_response,
    unchanged_response,
)
from tensorboard_activis.serve.runs import Request, Runs
from tensorboard_activis.serve.static_files import static_response

Tensors = tuple[Mapping[str, np.ndarray], object]


class ActiVisPlugin(base_plugin.TBPlugin):
    """The ActiVis tab. Stateless but for bounded caches; only reads."""

    plugin_name = PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._runs = Runs(context)
        self._projections = Projections()

    def is_active(self) -> bool:
        """Never asked where it matters: TensorBoard shows the tab when its data provider lists our data."""
        return False

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """An ES module in a frame of its own. Reloads are the tab's own business: it keeps the user's place."""
        return base_plugin.FrontendMetadata(es_module_path="/index.js", tab_name="ActiVis", disable_reload=False)

    def get_plugin_apps(self) -> dict[str, Callable[..., object]]:
        """All routes below data/plugin/activis."""
        return {
            "/index.js": self._static,
            "/runs": self._route(self._list_runs),
            "/graph": self._route(self._graph),
            "/snapshot": self._about(self._snapshot),
            "/strips": self._numbers(self._strips),
            "/matrix": self._numbers(self._matrix),
            "/projection": self._route(self._projection),
            "/columns": self._numbers(self._columns),
            "/activation": self._numbers(self._activation),
            "/where": self._numbers(self._where),
            "/table": self._about(self._table),
            "/export": self._route(self._export),
            "/instance": self._about(self._instance),
            "/neuron": self._route(self._neuron),
            "/content": self._route(self._content),
            "/*": self._static,
        }

    # Kinds of routes

    def _route(
        self, answer: Callable[[werkzeug.Request, Request, Parameters], werkzeug.Response]
    ) -> Callable[..., object]:
        """A route whose errors are the one error body."""

        @werkzeug.Request.application
        def app(request: werkzeug.Request) -> werkzeug.Response:
            try:
                given = parameters(request)
                of = Request(plugin_util.context(request.environ), plugin_util.experiment_id(request.environ))
                return answer(request, of, given)
            except Exception as error:  # one bad request must not bring TensorBoard down
                return error_response(request, error)

        return app

    def _about(self, answer: Callable[[SnapshotReader, Parameters], object]) -> Callable[..., object]:
        """A route that answers JSON of one snapshot, which never changes."""

        def app(request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
            snapshot = self._snapshot_of(of, given)
            etag = _etag(request, snapshot, given)
            if etag in request.if_none_match:
                return unchanged_response(request, etag)
            return json_response(request, answer(snapshot, given), etag=etag)

        return self._route(app)

    def _numbers(self, answer: Callable[[SnapshotReader, Parameters, Request], Tensors]) -> Callable[..., object]:
        """A route that answers safetensors of one snapshot, which never change."""

        def app(request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
            snapshot = self._snapshot_of(of, given)
            etag = _etag(request, snapshot, given)
            if etag in request.if_none_match:
                return unchanged_response(request, etag)
            tensors, metadata = answer(snapshot, given, of)
            return safetensors_response(request, tensors, metadata, etag)

        return self._route(app)

    def _snapshot_of(self, of: Request, given: Parameters) -> SnapshotReader:
        return self._runs.snapshot(of, given.text("run"), given.integer("step"))

    # Routes

    def _list_runs(self, request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
        return json_response(request, self._runs.listing(of))

    def _graph(self, request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
        return json_response(request, graph.describe_graph(self._runs.graph(of, given.text("run"))))

    def _snapshot(self, snapshot: SnapshotReader, given: Parameters) -> object:
        return {"run": given.text("run")} | describe.describe_snapshot(snapshot)

    def _strips(self, snapshot: SnapshotReader, given: Parameters, of: Request) -> Tensors:
        tensors: dict[str, np.ndarray] = {}
        for index, name in enumerate(snapshot.layers):
            found = strips.strip_or_nothing(snapshot, name)
            tensors[f"{index}"], tensors[f"{index}/state"] = found.values, found.state
        return tensors, {}

    def _matrix(self, snapshot: SnapshotReader, given: Parameters, of: Request) -> Tensors:
        asked = rows.parse_rows(given.structure("rows"))
        sort = sorting.parse_sort(given.structure("sort"), len(asked))
        wanted = matrix.parse_statistics(given.structure("statistics"))
        found = matrix.matrix(snapshot, given.text("layer"), asked, sort, _prefix(given), wanted)
        names = [name for name in ("max", "active") if name in wanted]
        tensors = {name: getattr(found, name) for name in ("mean", "std", *names, "error", "n", "order")}
        if found.effect is not None:
            tensors["effect"] = found.effect
        sources = [{"source": one.source, "n": one.n, "of": one.of} for one in found.sources]
        return tensors, {"rows": sources, "complete": found.complete}

    def _projection(self, request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
        snapshot = self._snapshot_of(of, given)
        method, layer = given.optional_text("method") or "pca", given.text("layer")
        if method not in ("pca", "tsne"):
            raise QueryError(f"method must be pca or tsne; got {method!r:.40}.")
        steps = [one for one in self._runs.snapshots(of, given.text("run")) if one.step <= snapshot.step]
        metadata: dict[str, object] = {"method": method, "explained": []}
        if method == "pca":
            found = self._projections.pca(steps, layer)
            return safetensors_response(request, {"xy": found.xy}, metadata | {"explained": list(found.explained)})
        layout = self._projections.tsne(steps, layer, cancel=given.boolean("cancel"))
        metadata |= {"state": layout.state, "progress": layout.progress}
        return safetensors_response(request, {"xy": layout.xy}, metadata)

    def _columns(self, snapshot: SnapshotReader, given: Parameters, of: Request) -> Tensors:
        found = query_columns.columns(snapshot)
        return found.arrays, {"categories": found.categories}

    def _activation(self, snapshot: SnapshotReader, given: Parameters, of: Request) -> Tensors:
        values = snapshot.neuron(given.text("layer"), given.integer("neuron"))
        return {"value": np.asarray(values, np.float32)}, {}

    def _where(self, snapshot: SnapshotReader, given: Parameters, of: Request) -> Tensors:
        mask = snapshot.where(given.text("expression"))
        found = np.flatnonzero(mask).astype(np.int32)
        return {"rows": found}, {"count": len(found), "of": len(mask)}

    def _table(self, snapshot: SnapshotReader, given: Parameters) -> object:
        return table.table_page(snapshot, _page(given))

    def _export(self, request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
        snapshot = self._snapshot_of(of, given)
        kind = given.optional_text("format") or "csv"
        if kind not in ("csv", "parquet"):
            raise QueryError(f"format must be csv or parquet; got {kind!r:.40}.")
        found = export.export_table(snapshot, _page(given))
        name = f"instances-step-{snapshot.step}.{kind}"
        if kind == "csv":
            return download_response(request, export.to_csv(found), "text/csv", name)
        return download_response(request, export.to_parquet(found), "application/vnd.apache.parquet", name)

    def _instance(self, snapshot: SnapshotReader, given: Parameters) -> object:
        return instances.instance(snapshot, given.text("layer"), given.integer("row"))

    def _neuron(self, request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
        snapshot = self._snapshot_of(of, given)
        asked = rows.parse_rows(given.structure("rows"))
        steps = self._runs.snapshots(of, given.text("run"))
        answer = neurons.neuron(snapshot, given.text("layer"), given.integer("neuron"), asked, steps, _prefix(given))
        return json_response(request, answer)

    def _content(self, request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
        snapshot = self._snapshot_of(of, given)
        etag = _etag(request, snapshot, given)
        if etag in request.if_none_match:
            return unchanged_response(request, etag)
        kind, value = instances.content(snapshot, given.integer("row"))
        if kind == "numbers":
            return json_response(request, value, etag=etag)
        content_type = "image/png" if kind == "image" else "text/plain"
        if not isinstance(value, (bytes, str)) or (kind == "image" and value[:8] != b"\x89PNG\r\n\x1a\n"):
            raise NotFoundError("The content of this instance is no picture that can be shown.")
        return bytes_response(request, value, content_type, etag)

    @werkzeug.Request.application  # type: ignore[arg-type]
    def _static(self, request: werkzeug.Request) -> werkzeug.Response:
        name = request.path.rpartition(f"/plugin/{PLUGIN_NAME}/")[2]
        response = static_response(request, name)
        return response or error_response(
            request, NotFoundError(f"There is nothing at {name!r:.80}. See docs/http_api.md.")
        )


def _page(given: Parameters) -> table.Page:
    return table.Page(
        expression=given.optional_text("expression"),
        rows=_row_numbers(given.structure("rows")),
        order=given.optional_text("order"),
        descending=given.boolean("descending"),
        offset=given.integer("offset", 0),
        limit=given.integer("limit", 100),
    )


def _row_numbers(value: object) -> list[int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(row) is int for row in value):
        raise QueryError("rows must be a list of row numbers.")
    return value


def _prefix(given: Parameters) -> int | None:
    prefix = given.integer("prefix", 0)
    if prefix < 0:
        raise QueryError(f"prefix must be a number of rows; got {prefix}.")
    return prefix or None


def _etag(request: werkzeug.Request, snapshot: SnapshotReader, given: Parameters) -> str:
    """Of what an answer depends on: a snapshot never changes under its session and step."""
    parts = (tensorboard_activis.__version__, request.path, snapshot.record.session, str(snapshot.step), given.key)
    return hashlib.blake2b("\0".join(parts).encode(errors="replace"), digest_size=12).hexdigest()
