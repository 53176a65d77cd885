/**
 * Summarizes the running shunt. Knows fields, not the clients.
 *
 * @module
 */

import type { z } from "zod";
import project from "../../deno.json" with { type: "json" };
import type { Counters } from "../observe/metrics/counters.ts";
import type { CountersAnswer, StatusSchema } from "./answers.ts";
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
    io: control.io,
    workers: control.workers,
  };
}

/**
 * Returns the answer of `GET /api/status`.
 *
 * @param control The running shunt
 * @param address The admin address
 */
export function statusOf(control: Control, address: string): z.output<typeof StatusSchema> {
  const stats = control.stats();
  const { sessions, flows, detectMemory } = control.active();
  const listeners = Object.entries(stats).map(([name, counters]) => {
    const { tcp = [], udp = [] } = control.addresses[name] ?? {};
    return [name, { tcp: [...tcp], udp: [...udp], counters: countersOf(counters) }];
  });
  return {
    ...processOf(control),
    admin: address,
    active: { sessions, flows, detect_memory_bytes: detectMemory },
    totals: countersOf(control.totals()),
    listeners: Object.fromEntries(listeners),
  };
}
