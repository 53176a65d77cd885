/**
 * THE TABLE of the admin API: every operation. Routes and the OpenAPI document are made from it.
 *
 * @module
 */

import { formatTarget } from "../wire/address.ts";
import {
  DrainingSchema,
  DrainQuerySchema,
  LivePageSchema,
  LiveQuerySchema,
  RefusedSchema,
  ReloadedSchema,
  RunningConfigSchema,
  StatusSchema,
  TargetPatchedSchema,
  TargetPatchSchema,
  UpstreamPatchedSchema,
  UpstreamPatchSchema,
  UpstreamsSchema,
} from "./answers.ts";
import type { Control } from "./control.ts";
import { ErrorSchema, Refusal } from "./errors.ts";
import { livePage } from "./live.ts";
import { openapiDocument } from "./openapi.ts";
import { checked, type Operation } from "./operation.ts";
import { PAGE_OPERATIONS, servePage, wantsPage } from "./page.ts";
import { statusOf } from "./status.ts";
import { trafficOf, TrafficSchema } from "./traffic.ts";

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const TEXT = "text/plain; charset=utf-8";

function text(body: string, status = 200): Response {
  return new Response(body, { status, headers: { "Content-Type": TEXT } });
}

/** The running configuration, with targets written as in the file. */
function runningConfig({ proxy: { config } }: Control): Record<string, unknown> {
  const upstreams = Object.entries(config.upstreams).map(([name, upstream]) => {
    const targets = upstream.targets.map((target) => ({
      ...target,
      address: formatTarget(target.address),
    }));
    return [name, { ...upstream, targets }];
  });
  return { ...config, upstreams: Object.fromEntries(upstreams) };
}

const PAGE = {
  200: { description: "A page, in the order in which they began", content: LivePageSchema },
};

/** Every operation. */
export const OPERATIONS: readonly Operation[] = [
  {
    method: "GET",
    path: "/",
    summary: "The page for people; the list of paths as plain text unless HTML is asked for",
    answers: { 200: { description: "The paths", content: TEXT } },
    run: (call) =>
      wantsPage(call.header("accept")) ? servePage() : text(`shunt\n\n${listPaths()}\n`),
  },
  ...PAGE_OPERATIONS,
  {
    method: "GET",
    path: "/healthz",
    summary: "Whether the process is alive",
    answers: { 200: { description: "It is", content: TEXT } },
    run: () => text("ok\n"),
  },
  {
    method: "GET",
    path: "/readyz",
    summary: "Whether shunt takes new sessions and flows",
    answers: {
      200: { description: "It does", content: TEXT },
      503: { description: 'It does not: "starting" or "draining"', content: TEXT },
    },
    run: ({ control: { state } }) => text(`${state}\n`, state === "ready" ? 200 : 503),
  },
  {
    method: "GET",
    path: "/metrics",
    summary: "Metrics for Prometheus",
    answers: { 200: { description: "In its text format", content: METRICS_TYPE } },
    run: async ({ control }) =>
      new Response(await control.metrics(), {
        headers: { "Content-Type": METRICS_TYPE },
      }),
  },
  {
    method: "GET",
    path: "/api/status",
    summary: "What runs, since when, and its counters",
    answers: { 200: { description: "The status", content: StatusSchema } },
    run: ({ control, address }) => Response.json(statusOf(control, address)),
  },
  {
    method: "GET",
    path: "/api/traffic",
    summary: "Counters by listener, protocol and target, for polling every second",
    answers: { 200: { description: "What was counted so far", content: TrafficSchema } },
    run: ({ control }) => Response.json(trafficOf(control)),
  },
  ...(["sessions", "flows"] as const).map((kind): Operation => ({
    method: "GET",
    path: `/api/${kind}`,
    summary: `The ${kind} that are running`,
    query: LiveQuerySchema,
    answers: PAGE,
    run: async ({ control, query }) =>
      Response.json(await livePage(control, kind, checked(LiveQuerySchema, query, "The query"))),
  })),
  {
    method: "GET",
    path: "/api/upstreams",
    summary: "Upstreams and the state of their targets",
    answers: { 200: { description: "The upstreams", content: UpstreamsSchema } },
    run: ({ control }) => Response.json({ upstreams: control.upstreams() }),
  },
  {
    method: "GET",
    path: "/api/config",
    summary: "The running configuration: durations in ms, sizes in bytes, rates per second",
    answers: {
      200: { description: "The configuration, defaults filled in", content: RunningConfigSchema },
    },
    run: ({ control }) => Response.json(runningConfig(control)),
  },
  {
    method: "POST",
    path: "/api/reload",
    summary: "Read the configuration again and use all of it, or none of it",
    answers: {
      200: { description: "It is in use", content: ReloadedSchema },
      422: { description: "It cannot be used; the one before goes on", content: RefusedSchema },
    },
    run: async ({ control }) => {
      const result = await control.reload();
      if (result.ok) return Response.json({ changed: result.changed });
      const message = "The configuration cannot be used; the one before goes on";
      const error = { code: "bad_config", message };
      return Response.json({ error, problems: result.problems }, { status: 422 });
    },
  },
  {
    method: "POST",
    path: "/api/drain",
    summary: "Take nothing new, let sessions and flows finish, then end the process",
    query: DrainQuerySchema,
    answers: {
      200: { description: "It would hand over (`handover=ask`)", content: DrainingSchema },
      202: { description: "Draining has started", content: DrainingSchema },
      409: { description: "It cannot hand over now; it goes on", content: ErrorSchema },
    },
    run: async ({ control, query }) => {
      const { handover } = checked(DrainQuerySchema, query, "The query");
      const refusal = handover === "false" ? undefined : control.handOverRefusal();
      if (refusal !== undefined) throw new Refusal(409, "cannot_hand_over", refusal);
      const asked = handover === "ask";
      if (asked) await control.prepareHandOver();
      else control.drain(handover === "true");
      const { sessions, flows } = control.proxy.active();
      return Response.json({ state: control.state, sessions, flows }, {
        status: asked ? 200 : 202,
      });
    },
  },
  {
    method: "PATCH",
    path: "/api/upstreams/{name}/targets/{target}",
    summary: "Drain a target, or take it back",
    body: TargetPatchSchema,
    answers: {
      200: { description: "Its state", content: TargetPatchedSchema },
      404: { description: "There is no such upstream or target", content: ErrorSchema },
    },
    run: async (call) => {
      const [upstream, target] = [call.param("name"), call.param("target")];
      const { state } = checked(TargetPatchSchema, await call.json(), "The body");
      if (!call.control.setTarget(upstream, target, state)) {
        throw unknownTarget(call.control, upstream, target);
      }
      return Response.json({ upstream, target, state });
    },
  },
  {
    method: "PATCH",
    path: "/api/upstreams/{name}",
    summary: "Set the faults of an upstream, for tests, until shunt ends",
    body: UpstreamPatchSchema,
    answers: {
      200: { description: "Its faults", content: UpstreamPatchedSchema },
      404: { description: "There is no such upstream", content: ErrorSchema },
      409: { description: "shunt drains, so nothing new can get faults", content: ErrorSchema },
    },
    run: async (call) => {
      const upstream = call.param("name");
      const { faults } = checked(UpstreamPatchSchema, await call.json(), "The body");
      if (call.control.state === "draining") {
        throw new Refusal(409, "draining", "shunt is draining");
      }
      if (!await call.control.setFaults(upstream, faults)) {
        throw unknownTarget(call.control, upstream, "");
      }
      return Response.json({ upstream, faults });
    },
  },
  {
    method: "GET",
    path: "/api/openapi.json",
    summary: "This API as an OpenAPI document",
    answers: { 200: { description: "The document", content: RunningConfigSchema } },
    run: () => Response.json(openapiDocument(OPERATIONS)),
  },
];

function listPaths(): string {
  return OPERATIONS.map(({ method, path, summary }) => `${method.padEnd(6)}${path}  ${summary}`)
    .join("\n");
}

function unknownTarget(control: Control, upstream: string, target: string): Refusal {
  const known = control.upstreams().find(({ name }) => name === upstream);
  return known === undefined
    ? new Refusal(404, "unknown_upstream", `There is no upstream ${JSON.stringify(upstream)}`)
    : new Refusal(
      404,
      "unknown_target",
      `Upstream "${upstream}" has no target ${JSON.stringify(target)}; write it as the ` +
        "configuration does, percent-encoded",
    );
}
