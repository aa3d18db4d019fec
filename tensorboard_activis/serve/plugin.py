"""The HTTP routes of docs/http_api.md, thin: parameters in, one question to `query`, an answer out."""

from collections.abc import Callable

import werkzeug
from tensorboard.plugins import base_plugin

from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.metadata import PLUGIN_NAME
from tensorboard_activis.query.instances import content, export
from tensorboard_activis.query.projection import alignment
from tensorboard_activis.query.projection.pca import Projection
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve import handlers
from tensorboard_activis.serve.encoding import encode_json
from tensorboard_activis.serve.event_source import Request
from tensorboard_activis.serve.memory import return_large_blocks
from tensorboard_activis.serve.parameters import Parameters
from tensorboard_activis.serve.places import Places
from tensorboard_activis.serve.projections import Projections
from tensorboard_activis.serve.responses import (
    answer_response,
    bytes_response,
    download_response,
    error_response,
)
from tensorboard_activis.serve.routes import SnapshotRoutes, route
from tensorboard_activis.serve.runs import Runs
from tensorboard_activis.serve.static_files import static_response


class ActiVisPlugin(base_plugin.TBPlugin):
    """The ActiVis tab. Stateless but for bounded caches; only reads."""

    plugin_name = PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        return_large_blocks()
        self._runs = Runs(context)
        self._places = Places()
        self._of_snapshots = SnapshotRoutes(self._runs, self._places)
        self._projections = Projections(self._places)

    def is_active(self) -> bool:
        """Never asked where it matters: TensorBoard shows the tab when its data provider lists our data."""
        return False

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """An ES module in a frame of its own. Reloads are the tab's own business: it keeps the user's place."""
        return base_plugin.FrontendMetadata(es_module_path="/index.js", tab_name="ActiVis", disable_reload=False)

    def get_plugin_apps(self) -> dict[str, Callable[..., object]]:
        """All routes below data/plugin/activis."""
        of = self._of_snapshots
        return {
            "/index.js": self._static,
            "/runs": route(self._list_runs),
            "/graph": route(self._graph),
            "/snapshot": of.answer(handlers.snapshot_description),
            "/strips": of.answer(handlers.heat_strips),
            "/matrix": of.answer_beside(self._rows_of, handlers.activation_matrix),
            "/projection": route(self._projection),
            "/columns": of.answer(handlers.instance_columns),
            "/column_statistics": of.answer(handlers.statistics_of_columns),
            "/activation": of.answer(handlers.activation),
            "/where": of.answer(handlers.where),
            "/table": of.answer(handlers.instance_table),
            "/groups": of.answer(handlers.instance_groups),
            "/export": of.respond(self._export),
            "/instance": of.answer(handlers.one_instance),
            "/neuron": of.answer_beside(self._every_step, handlers.one_neuron),
            "/subset": of.answer(handlers.one_subset),
            "/content": of.respond(self._content),
            "/*": self._static,
        }

    def _list_runs(self, request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
        return bytes_response(request, self._runs.list_runs_json(of), "application/json")

    def _graph(self, request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
        recorded = self._runs.graph(of, given.text("run"))
        with self._places.place():
            return answer_response(request, handlers.model_graph(recorded))

    def _rows_of(self, of: Request, given: Parameters) -> list[SnapshotReader]:
        """The snapshot whose rows a matrix has, where that is another one."""
        place = given.place("rows_of")
        return [] if place is None else [self._runs.snapshot(of, *place)]

    def _every_step(self, of: Request, given: Parameters) -> list[SnapshotReader]:
        return self._runs.snapshots(of, given.text("run"))

    def _projection(self, request: werkzeug.Request, of: Request, given: Parameters) -> werkzeug.Response:
        return answer_response(request, self._projected(of, given, _action(request, given)))

    def _projected(self, of: Request, given: Parameters, action: str | None) -> Projection:
        """The route `projection`."""
        layer, method = given.text("layer"), given.optional_text("method") or "pca"
        if method not in ("pca", "tsne"):
            raise QueryError(f"method must be pca or tsne; got {method!r:.40}.")
        steps = self._steps(of, given.text("run"), given.integer("step"))
        layout = (
            self._projections.pca(steps, layer) if method == "pca" else self._projections.tsne(steps, layer, action)
        )
        like = given.place("like")
        if like is not None:
            others = self._steps(of, *like)
            if layer in others[-1].layers:
                there = self._projections.at_hand(others, layer, method)
                with self._places.place():
                    layout = alignment.align(layout, there, *alignment.shared_rows(steps[-1], others[-1]))
        return layout

    def _steps(self, of: Request, run: str, step: int) -> list[SnapshotReader]:
        """The snapshots of a run up to one, which is the last."""
        last = self._runs.snapshot(of, run, step)
        return [*(one for one in self._runs.snapshots(of, run) if one.step < step), last]

    @staticmethod
    def _export(request: werkzeug.Request, snapshot: SnapshotReader, given: Parameters, etag: str) -> werkzeug.Response:
        kind = given.optional_text("format") or "csv"
        if kind not in ("csv", "parquet"):
            raise QueryError(f"format must be csv or parquet; got {kind!r:.40}.")
        found = export.export_table(snapshot, handlers.page(given))
        name = f"instances-step-{snapshot.step}.{kind}"
        if kind == "csv":
            return download_response(request, export.to_csv(found), "text/csv", name, etag)
        return download_response(request, export.to_parquet(found), "application/vnd.apache.parquet", name, etag)

    @staticmethod
    def _content(
        request: werkzeug.Request, snapshot: SnapshotReader, given: Parameters, etag: str
    ) -> werkzeug.Response:
        kind, value = content.content(snapshot, handlers.instance_row(snapshot, given))
        if kind == "numbers":
            return bytes_response(request, encode_json(value), "application/json", etag)
        # What is sent as a picture or a sound must be one: the file may come from anybody.
        content_type, start = {
            "image": ("image/png", b"\x89PNG\r\n\x1a\n"),
            "audio": ("audio/wav", b"RIFF"),
        }.get(kind, ("text/plain", b""))
        if not isinstance(value, (bytes, str)) or (start and value[: len(start)] != start):
            raise NotFoundError("The content of this instance is no picture or sound that can be given.")
        return bytes_response(request, value, content_type, etag)

    @werkzeug.Request.application  # type: ignore[arg-type]
    def _static(self, request: werkzeug.Request) -> werkzeug.Response:
        name = request.path.rpartition(f"/plugin/{PLUGIN_NAME}/")[2]
        response = static_response(request, name)
        return response or error_response(
            request, NotFoundError(f"There is nothing at {name!r:.80}. See docs/http_api.md.")
        )


def _action(request: werkzeug.Request, given: Parameters) -> str | None:
    """What a request does to a t-SNE. Raises QueryError: a GET, which a page of another site can make, changes nothing."""
    action = given.optional_text("action")
    if action is None:
        return None
    if action not in ("start", "cancel"):
        raise QueryError(f"action must be start or cancel; got {action!r:.40}.")
    if request.method != "POST":
        raise QueryError(f"The action {action} needs a POST with a JSON body.")
    return action
