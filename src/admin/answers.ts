/**
 * The requests and answers of the admin API as zod schemas, from which types, checks and the OpenAPI
 * document are made. Knows no route.
 *
 * Answers are not strict, so that a verb understands a shunt of a later version.
 *
 * @module
 */

import { z } from "zod";
import { FaultsSchema } from "../config/schema.ts";
import { byName, FACTS, SHOWN_NAMES, type ShownName } from "../facts/mod.ts";

const number = z.number().min(0);
const count = z.int().min(0);

const CountersSchema = z.object({
  sessions_total: count.meta({ description: "Sessions started, including refused ones" }),
  sessions_active: count,
  flows_total: count,
  flows_active: count,
  bytes_up: count.meta({ description: "From clients to targets" }),
  bytes_down: count.meta({ description: "From targets to clients" }),
  accept_errors: count,
  closes: z.record(z.string(), count).meta({ description: "Ends by reason" }),
  drops: z.record(z.string(), count).meta({ description: "Dropped datagrams by reason" }),
});

/** The counters of one listener, or of all. */
export type CountersAnswer = z.output<typeof CountersSchema>;

/** `GET /api/status`. */
export const StatusSchema = z.object({
  version: z.string(),
  pid: count,
  state: z.enum(["starting", "ready", "draining"]),
  started_at: z.iso.datetime(),
  uptime_s: number,
  io: z.string().meta({ description: "The sockets in use" }),
  workers: count.meta({ description: "Data-plane threads" }),
  admin: z.string().meta({ description: "The admin address" }),
  active: z.object({ sessions: count, flows: count, detect_memory_bytes: number }),
  totals: CountersSchema.meta({
    description: "Of all listeners, including those that reloads have removed",
  }),
  listeners: z.record(
    z.string(),
    z.object({
      tcp: z.array(z.string()).meta({ description: "Bound addresses" }),
      udp: z.array(z.string()).meta({ description: "Bound addresses" }),
      counters: CountersSchema,
    }),
  ),
});

const FACT_SCHEMAS = {
  text: z.string().optional(),
  texts: z.array(z.string()).optional(),
  number: count.optional(),
};
const factSchemas = byName(SHOWN_NAMES, (name) => FACT_SCHEMAS[FACTS[name].type]) as {
  [N in ShownName]: (typeof FACT_SCHEMAS)[(typeof FACTS)[N]["type"]];
};

/** A running session or flow, with most fields that its access line will have. */
export const LiveSchema = z.object({
  id: z.string(),
  transport: z.enum(["tcp", "udp"]),
  listener: z.string(),
  source: z.string(),
  protocol: z.string().optional(),
  ...factSchemas,
  route: z.string().optional(),
  upstream: z.string().optional(),
  target: z.string().optional(),
  bytes_up: number,
  bytes_down: number,
  detect_ms: number.optional(),
  connect_ms: number.optional(),
  age_ms: number,
}).omit({ hello_bytes: true });

/** A running session or flow. */
export type LiveAnswer = z.output<typeof LiveSchema>;

/** A page of sessions or flows. */
export const LivePageSchema = z.object({
  total: count.meta({ description: "How many are running, without the filter" }),
  items: z.array(LiveSchema),
  next: z.string().nullable().meta({
    description: "The `after` of the next page; null at the end",
  }),
});

/** Maximum sessions or flows per page. */
const MAX_PAGE = 1000;

/** The query of `GET /api/sessions` and `/api/flows`. */
export const LiveQuerySchema = z.strictObject({
  limit: z.string().regex(/^[0-9]{1,4}$/, `Expected a number from 1 to ${MAX_PAGE}`)
    .transform(Number).pipe(z.int().min(1).max(MAX_PAGE)).prefault("100").meta({
      description: `How many at most, 1 to ${MAX_PAGE}`,
    }),
  after: z.string().optional().meta({ description: "The `next` of the page before" }),
  listener: z.string().optional(),
  protocol: z.string().optional(),
  upstream: z.string().optional(),
  target: z.string().optional(),
  source: z.string().optional().meta({ description: "An address, with or without its port" }),
  q: z.string().max(255).optional().meta({
    description: "Text that one of the fields must contain, in any letter case",
  }),
});

/** An upstream and the state of its targets. */
export const UpstreamSchema = z.object({
  name: z.string(),
  balance: z.string(),
  targets: z.array(z.object({
    target: z.string(),
    weight: number,
    backup: z.boolean(),
    state: z.enum(["ready", "drain"]).meta({
      description: "What an operator wants: `drain` takes nothing new",
    }),
    health: z.enum(["up", "down", "ejected", "unchecked"]),
    since: z.string().optional().meta({ description: "When its health last changed" }),
    last_error: z.string().optional(),
    sessions: count,
    flows: count,
    share: number.max(1).meta({ description: "Less than 1 during `slow_start`" }),
  })),
});

/** An upstream and how its targets stand. */
export type UpstreamAnswer = z.output<typeof UpstreamSchema>;

/** `GET /api/upstreams`. */
export const UpstreamsSchema = z.object({ upstreams: z.array(UpstreamSchema) });

/** `GET /api/config`. The configuration's reference describes the content. */
export const RunningConfigSchema = z.record(z.string(), z.unknown());

/** `POST /api/reload` if it succeeded. */
export const ReloadedSchema = z.object({
  changed: z.array(z.string()).meta({ description: "What is different now; empty if nothing is" }),
});

/** `POST /api/reload` if the configuration cannot be used. */
export const RefusedSchema = z.object({
  error: z.object({ code: z.literal("bad_config"), message: z.string() }),
  problems: z.array(z.string()).meta({ description: 'Lines as "shunt check" prints them' }),
});

/** `POST /api/drain`. */
export const DrainingSchema = z.object({
  state: z.enum(["starting", "ready", "draining"]),
  sessions: count,
  flows: count,
});

/** The parameters of `POST /api/drain`. */
export const DrainQuerySchema = z.strictObject({
  handover: z.enum(["true", "false", "ask"]).default("false").meta({
    description: "`true` if another shunt has bound the same addresses: this one frees its admin " +
      "address at once, and still takes connections that had begun; `ask` reports whether it would, " +
      "and keeps everything new at this one for 30 s or until it hands over",
  }),
});

/** The body of `PATCH /api/upstreams/NAME`. */
export const UpstreamPatchSchema = z.strictObject({
  faults: FaultsSchema.nullable().meta({
    description: "Faults for new sessions and flows, instead of the upstream's `faults`; null " +
      "goes back to those",
  }),
});

/** The answer to it. */
export const UpstreamPatchedSchema = z.object({
  upstream: z.string(),
  faults: z.record(z.string(), z.unknown()).nullable(),
});

/** The body of `PATCH /api/upstreams/NAME/targets/ADDRESS`. */
export const TargetPatchSchema = z.strictObject({ state: z.enum(["ready", "drain"]) });

/** The answer to it. */
export const TargetPatchedSchema = z.object({
  upstream: z.string(),
  target: z.string(),
  state: z.enum(["ready", "drain"]),
});
