/**
 * Makes spans of sessions and flows from their records once they have ended, so that no byte has to wait
 * for it. Knows OpenTelemetry's API, not where spans go: Deno exports them if `OTEL_DENO` is set.
 *
 * @module
 */

import {
  type Attributes,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from "@opentelemetry/api";
import { decodeTime } from "@std/ulid";
import project from "../../../deno.json" with { type: "json" };
import { messageOf } from "../../errors.ts";
import { byName, type Fact, FACTS, SHOWN_NAMES } from "../../facts/mod.ts";
import { type AccessRecord, accessValues } from "../access/record.ts";
import { AccessSampler } from "../access/sampler.ts";
import type { CloseReason } from "../reasons.ts";

/** The names of an access line's fields in a span, if not `shunt.` and the field; "" if the span has them elsewhere. */
const NAMES: Readonly<Record<string, string>> = {
  source: "",
  transport: "network.transport",
  protocol: "network.protocol.name",
  error: "",
  ...byName(SHOWN_NAMES, (name) => (FACTS[name] as Fact).attribute ?? `shunt.${name}`),
};

/** A step of a session or flow, which has a span of its own. */
type Step = "detect" | "resolve" | "connect" | "relay";

/** The step that failed, by close reason; `undefined` if the end is no error. */
const FAILED: Readonly<
  Record<CloseReason, Step | "session" | undefined>
> = {
  done: undefined,
  idle_timeout: undefined,
  client_closed: undefined,
  client_reset: undefined,
  target_reset: "relay",
  detect_timeout: "detect",
  detect_memory: "detect",
  unreadable: "detect",
  proxy_header: "session",
  proxy_untrusted: "session",
  opening_refused: "connect",
  opening_timeout: "session",
  opening_violation: "session",
  no_route: "session",
  no_target: "connect",
  dns_failed: "resolve",
  connect_refused: "connect",
  connect_timeout: "connect",
  connect_failed: "connect",
  limit_sessions: "session",
  limit_source: "session",
  limit_rate: "session",
  no_descriptors: "session",
  displaced: "session",
  joined: undefined,
  no_memory: "session",
  target_gone: undefined,
  fault: undefined,
  drained: undefined,
  shutdown: undefined,
  worker_died: "session",
  internal_error: "session",
};

/**
 * Starts tracing, if Deno was started with it.
 *
 * @param rate Returns how many sessions and flows a second are traced at most; 0 = no limit
 * @returns Makes the spans of a session or flow that has ended; `undefined` without tracing
 */
export function openTracing(rate: () => number): ((record: AccessRecord) => void) | undefined {
  const tracer = trace.getTracer("shunt", project.version);
  // A span that never ends is never exported.
  if (!tracer.startSpan("probe", { root: true }).isRecording()) return undefined;
  let current = rate();
  const sampler = new AccessSampler(current, performance.now());
  return (record) => {
    if (current !== rate()) sampler.change(current = rate());
    sampler.tick(performance.now());
    if (sampler.takes(record.reason)) makeSpans(record, tracer);
  };
}

/**
 * Makes the span of a session or flow, and those of its steps.
 *
 * @param record The session or flow
 * @param tracer Where spans are made
 */
export function makeSpans(record: AccessRecord, tracer: Tracer): void {
  const { transport, detectMs, resolveMs, connectMs, durationMs, reason } = record;
  // An id has milliseconds only, so the end is as inexact.
  const begin = decodeTime(record.id);
  const end = begin + durationMs;
  const failed = FAILED[reason];
  const session = tracer.startSpan(transport === "tcp" ? "shunt.session" : "shunt.flow", {
    kind: SpanKind.SERVER,
    root: true,
    startTime: begin,
    attributes: attributesOf(record),
  });
  const error = { code: SpanStatusCode.ERROR, message: errorOf(record) };
  if (failed !== undefined) session.setStatus(error);
  const context = trace.setSpan(ROOT_CONTEXT, session);
  const sampled = (session.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
  const step = (name: Step, from: number, to: number) => {
    if (!sampled) return;
    const kind = name === "connect" ? SpanKind.CLIENT : SpanKind.INTERNAL;
    const span = tracer.startSpan(`shunt.${name}`, { kind, startTime: from }, context);
    if (failed === name) span.setStatus(error);
    span.end(Math.min(to, end));
  };
  const detected = begin + (detectMs ?? 0);
  if (detectMs !== undefined || failed === "detect") {
    step("detect", begin, detectMs === undefined ? end : detected);
  }
  const connected = connectMs === undefined ? end : detected + connectMs;
  const resolved = detected + (resolveMs ?? 0);
  if (resolveMs !== undefined || failed === "resolve") {
    step("resolve", detected, failed === "resolve" ? end : resolved);
  }
  if (connectMs !== undefined || failed === "connect") step("connect", resolved, connected);
  if (connectMs !== undefined) step("relay", connected, end);
  session.end(end);
}

function errorOf({ reason, error }: AccessRecord): string {
  return error === undefined ? reason : messageOf(error);
}

function attributesOf(record: AccessRecord): Attributes {
  const values = accessValues(record);
  const attributes: Attributes = {};
  for (const field of Object.keys(values) as (keyof typeof values)[]) {
    const name = NAMES[field] ?? `shunt.${field}`;
    const value = values[field];
    if (name === "" || value === undefined) continue;
    attributes[name] = Array.isArray(value) ? value.map(String) : value as string | number;
  }
  const colon = record.source.lastIndexOf(":");
  attributes["client.address"] = record.source.slice(0, colon).replace(/^\[|\]$/g, "");
  attributes["client.port"] = Number(record.source.slice(colon + 1));
  if (FAILED[record.reason] !== undefined) attributes["error.type"] = record.reason;
  return attributes;
}
