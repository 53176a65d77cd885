/**
 * Summarizes the running shunt. Knows fields, not the clients.
 *
 * @module
 */

import type { z } from "zod";
import project from "../../deno.json" with { type: "json" };
import type { Proxy } from "../control/proxy.ts";
import type { Counters } from "../observe/metrics/counters.ts";
import { FULL_SHARE } from "../resolve/standing.ts";
import type { CountersAnswer, StatusSchema, UpstreamAnswer } from "./answers.ts";
import type { Control } from "./control.ts";

function countersOf(counters: Counters): CountersAnswer {
  return {
    sessions_total: counters.sessionsTotal,
    sessions_active: counters.sessionsActive,
    flows_total: counters.flowsTotal,
    flows_active: counters.flowsActive,
    bytes_up: counters.bytesUp,
    bytes_down: counters.bytesDown,
    accept_errors: counters.acceptErrors,
    closes: { ...counters.closes },
    drops: { ...counters.drops },
  };
}

/** Returns the fields of the process itself. */
export function processOf(control: Control) {
  return {
    version: project.version,
    pid: Deno.pid,
    state: control.state,
    started_at: control.startedAt.toISOString(),
    uptime_s: Math.round(control.uptime / 1000),
    io: control.proxy.io,
    workers: control.proxy.workers,
  };
}

/**
 * Returns the answer of `GET /api/status`.
 *
 * @param control The running shunt
 * @param address The admin address
 */
export function statusOf(control: Control, address: string): z.output<typeof StatusSchema> {
  const { proxy } = control;
  const stats = proxy.stats();
  const { sessions, flows, detectMemory } = proxy.active();
  const listeners = Object.entries(stats).map(([name, counters]) => {
    const { tcp = [], udp = [] } = proxy.addresses[name] ?? {};
    return [name, { tcp: [...tcp], udp: [...udp], counters: countersOf(counters) }];
  });
  return {
    ...processOf(control),
    admin: address,
    active: { sessions, flows, detect_memory_bytes: detectMemory },
    totals: countersOf(proxy.totals()),
    listeners: Object.fromEntries(listeners),
  };
}

/**
 * Reports how upstreams and their targets stand.
 *
 * @param proxy What runs
 * @returns The answer of `GET /api/upstreams`
 */
export function upstreamsOf(proxy: Pick<Proxy, "upstreams" | "health">): UpstreamAnswer[] {
  return proxy.upstreams().map(({ name, config, targets }) => ({
    name,
    balance: config.balance,
    targets: targets.map((target) => {
      const report = proxy.health(name, target.name);
      return {
        target: target.name,
        weight: target.weight,
        backup: target.backup,
        state: target.standing.is("drain") ? "drain" : "ready",
        health: report?.health ?? "unchecked",
        since: report === undefined ? undefined : wallClock(report.since),
        last_error: report?.lastError,
        sessions: target.sessions.total,
        flows: target.flows.total,
        share: target.standing.share / FULL_SHARE,
      };
    }),
  }));
}

/** The wall-clock time of a time that `performance.now()` gave. */
function wallClock(time: number): string {
  return new Date(Date.now() - (performance.now() - time)).toISOString();
}
