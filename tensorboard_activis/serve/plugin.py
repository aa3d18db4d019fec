"""The TensorBoard plugin: the HTTP routes of docs/http_api.md. Each parses parameters and calls one function of `query`."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

import werkzeug
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin

from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.metadata import PLUGIN_NAME
from tensorboard_activis.query.findings.evidence import evidence_steps
from tensorboard_activis.query.findings.finding import Findings
from tensorboard_activis.query.instances import export
from tensorboard_activis.query.instances.shared import shared_instances
from tensorboard_activis.query.matrix.rows import parse_rows
from tensorboard_activis.query.neurons.history import DEFAULT_STEPS, StepValues, spread
from tensorboard_activis.query.projecting import check_method
from tensorboard_activis.query.projection import alignment
from tensorboard_activis.query.projection.pca import Projection
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.serve import handlers
from tensorboard_activis.serve.answers import SnapshotAnswers, content_of
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.event_source import RequestScope
from tensorboard_activis.serve.findings import FindingSearches
from tensorboard_activis.serve.memory import return_large_blocks
from tensorboard_activis.serve.parameters import Parameters
from tensorboard_activis.serve.projections import Projections
from tensorboard_activis.serve.request_slots import RequestSlots
from tensorboard_activis.serve.responses import (
    answer_response,
    bytes_response,
    download_response,
    error_response,
    unchanged_response,
)
from tensorboard_activis.serve.routes import SnapshotRoutes, etag_of, route
from tensorboard_activis.serve.runs import Runs
from tensorboard_activis.serve.static_files import static_response

#: Limit for what histories need of other steps than the one shown.
_HISTORY_BYTES = 32 << 20


class ActiVisPlugin(base_plugin.TBPlugin):
    """The TensorBoard plugin. It reads logs only, and has no state but bounded caches and background jobs."""

    plugin_name = PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        return_large_blocks()
        self._runs = Runs(context)
        self._slots = RequestSlots()
        self._snapshot_routes = SnapshotRoutes(self._runs, self._slots)
        self._projections = Projections(self._slots)
        self._findings = FindingSearches(self._slots)
        self._histories: Cache[StepValues] = Cache(_HISTORY_BYTES)

    def is_active(self) -> bool:
        """Always False: TensorBoard shows the tab when its data provider lists data of this plugin."""
        return False

    def answers(self, run: str, step: int) -> SnapshotAnswers:
        """Answers about a snapshot, for who asks in this process. Raises NotFoundError, UnreadableError."""
        return SnapshotAnswers(self._runs.snapshot(RequestScope(RequestContext(), ""), run, step))

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """The tab: an ES module in a frame. TensorBoard's reload does not reload the frame; the tab polls by itself."""
        return base_plugin.FrontendMetadata(es_module_path="/index.js", tab_name="ActiVis", disable_reload=False)

    def get_plugin_apps(self) -> dict[str, Callable[..., object]]:
        """All routes below data/plugin/activis."""
        routes = self._snapshot_routes
        return {
            "/index.js": self._static,
            "/runs": route(self._list_runs),
            "/graph": route(self._graph),
            "/matrix": routes.answer_with_others(self._rows_snapshot, handlers.activation_matrix),
            "/movement": routes.answer_with_others(self._other_snapshot, handlers.movement_of_layers),
            "/neuron_pairs": routes.answer_with_others(self._other_snapshot, handlers.pairs_of_neurons),
            "/history": routes.answer_with_others(
                self._history_steps, partial(handlers.history_of_rows, cache=self._step_values)
            ),
            "/depth_history": routes.answer_with_others(self._all_steps, handlers.depth_over_steps),
            "/evidence": routes.answer_with_others(self._evidence_steps, handlers.evidence_of_finding),
            "/projection": route(self._projection),
            "/findings": route(self._find),
            "/health": route(self._health),
            "/export": routes.respond(self._export),
            "/content": routes.respond(self._content),
            **{f"/{name}": routes.answer(handler) for name, handler in handlers.ROUTES.items()},
            "/*": self._static,
        }

    def _list_runs(self, request: werkzeug.Request, scope: RequestScope, parameters: Parameters) -> werkzeug.Response:
        return bytes_response(request, self._runs.list_runs_json(scope), "application/json")

    def _graph(self, request: werkzeug.Request, scope: RequestScope, parameters: Parameters) -> werkzeug.Response:
        with self._slots:
            return bytes_response(request, self._runs.graph_json(scope, parameters.string("run")), "application/json")

    def _rows_snapshot(
        self, scope: RequestScope, snapshot: SnapshotReader, parameters: Parameters
    ) -> list[SnapshotReader]:
        """The snapshot that the rows of a matrix refer to, when the request names another one."""
        other = parameters.run_and_step("rows_of")
        return [] if other is None else [self._runs.snapshot(scope, *other)]

    def _other_snapshot(
        self, scope: RequestScope, snapshot: SnapshotReader, parameters: Parameters
    ) -> list[SnapshotReader]:
        """The snapshot that the request compares with."""
        other = parameters.run_and_step("other")
        if other is None:
            raise QueryError(
                'The parameter other is missing: the snapshot to compare with, {"run": name, "step": number}.'
            )
        return [self._runs.snapshot(scope, *other)]

    def _history_steps(
        self, scope: RequestScope, snapshot: SnapshotReader, parameters: Parameters
    ) -> list[SnapshotReader]:
        """The snapshots of the steps that a history has, with the one that its rows refer to as it is."""
        return self._with_others(
            scope, snapshot, parameters, lambda steps: handlers.history_steps(snapshot, parameters, steps)
        )

    def _step_values(self, key: Hashable, make: Callable[[], StepValues]) -> StepValues:
        return self._histories.get(key, make, lambda found: sum(array.nbytes for array in found))

    def _evidence_steps(
        self, scope: RequestScope, snapshot: SnapshotReader, parameters: Parameters
    ) -> list[SnapshotReader]:
        """The snapshots of the steps that the evidence of a finding is over, with the one that is asked about as it is."""
        kind = handlers.evidence_subject(parameters).kind
        return self._with_others(scope, snapshot, parameters, lambda steps: evidence_steps(steps, snapshot.step, kind))

    def _all_steps(self, scope: RequestScope, snapshot: SnapshotReader, parameters: Parameters) -> list[SnapshotReader]:
        """At most so many of the run's snapshots as a history has by default, evenly spread, the one asked for as it is."""
        return self._with_others(scope, snapshot, parameters, lambda steps: spread(steps, snapshot.step, DEFAULT_STEPS))

    def _with_others(
        self,
        scope: RequestScope,
        snapshot: SnapshotReader,
        parameters: Parameters,
        choose: Callable[[list[int]], Sequence[int]],
    ) -> list[SnapshotReader]:
        """A snapshot and those of other steps of its run, ascending, of the steps that `choose` returns of the run's."""
        run, step = parameters.string("run"), snapshot.step
        others = self._runs.snapshots(scope, run, lambda steps: set(choose(steps)) - {step})
        return sorted([*others, snapshot], key=lambda one: one.step)

    def _projection(self, request: werkzeug.Request, scope: RequestScope, parameters: Parameters) -> werkzeug.Response:
        return answer_response(request, self._projected(scope, parameters, _action(request, parameters)))

    def _projected(self, scope: RequestScope, parameters: Parameters, action: str | None) -> Projection:
        """The route `projection`."""
        layer, method = parameters.string("layer"), parameters.optional_string("method") or "pca"
        row = None
        if parameters.has("row"):
            (row,) = parse_rows([parameters.structure("row")])
        check_method(method, row)
        steps = self._steps(scope, parameters.string("run"), parameters.integer("step"))
        if row is not None:
            layout = self._projections.directed(steps, layer, row)
        elif method == "pca":
            layout = self._projections.pca(steps, layer)
        else:
            layout = self._projections.tsne(steps, layer, action)
        like = parameters.run_and_step("like")
        if like is not None:
            other_steps = self._steps(scope, *like)
            if layer in other_steps[-1].layers:
                target = self._projections.available_layout(other_steps, layer, method, row, steps[-1])
                if target is not None:
                    with self._slots:
                        layout = alignment.align(layout, target, *shared_instances(steps[-1], other_steps[-1]))
        return layout

    def _find(self, request: werkzeug.Request, scope: RequestScope, parameters: Parameters) -> werkzeug.Response:
        return answer_response(request, self._found(scope, parameters, _action(request, parameters)))

    def _found(self, scope: RequestScope, parameters: Parameters, action: str | None) -> Findings:
        """The route `findings`."""
        return self._findings.find(self._steps(scope, parameters.string("run"), parameters.integer("step")), action)

    def _health(self, request: werkzeug.Request, scope: RequestScope, parameters: Parameters) -> werkzeug.Response:
        health, digest = self._runs.health(scope, parameters.string("run"))
        etag = etag_of(request, parameters, [digest])
        if etag in request.if_none_match:
            return unchanged_response(request, etag)
        with self._slots:
            return answer_response(request, handlers.health_of_run(health, parameters), etag)

    def _steps(self, scope: RequestScope, run: str, step: int) -> list[SnapshotReader]:
        """The snapshots of a run up to a step, that step last."""
        last = self._runs.snapshot(scope, run, step)
        return [*self._runs.snapshots(scope, run, lambda steps: [one for one in steps if one < step]), last]

    @staticmethod
    def _export(
        request: werkzeug.Request, snapshot: SnapshotReader, parameters: Parameters, etag: str
    ) -> werkzeug.Response:
        kind = parameters.optional_string("format") or "csv"
        if kind not in ("csv", "parquet"):
            raise QueryError(f"format must be csv or parquet; got {kind!r:.40}.")
        table = export.export_table(snapshot, handlers.page(parameters))
        name = f"instances-step-{snapshot.step}.{kind}"
        if kind == "csv":
            return download_response(request, export.to_csv(table), "text/csv", name, etag)
        return download_response(request, export.to_parquet(table), "application/vnd.apache.parquet", name, etag)

    @staticmethod
    def _content(
        request: werkzeug.Request, snapshot: SnapshotReader, parameters: Parameters, etag: str
    ) -> werkzeug.Response:
        body, content_type = content_of(snapshot, handlers.instance_index(snapshot, parameters))
        return bytes_response(request, body, content_type, etag)

    @werkzeug.Request.application  # type: ignore[arg-type]
    def _static(self, request: werkzeug.Request) -> werkzeug.Response:
        name = request.path.rpartition(f"/plugin/{PLUGIN_NAME}/")[2]
        response = static_response(request, name)
        return response or error_response(
            request, NotFoundError(f"There is nothing at {name!r:.80}. See docs/http_api.md.")
        )


def _action(request: werkzeug.Request, parameters: Parameters) -> str | None:
    """Parses the action of a request on a background job. Raises QueryError for a GET, which a page of another site can make."""
    action = parameters.optional_string("action")
    if action is None:
        return None
    if action not in ("start", "cancel"):
        raise QueryError(f"action must be start or cancel; got {action!r:.40}.")
    if request.method != "POST":
        raise QueryError(f"The action {action} needs a POST with a JSON body.")
    return action
