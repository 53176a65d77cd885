/**
 * Finds health values that make no sense together, or not with the transports that reach the upstream.
 * Knows only the meaning of the health keys.
 *
 * @module
 */

import type { DraftUpstream } from "./draft.ts";
import type { Report } from "./report.ts";
import { formatDuration } from "./scalars.ts";
import { type Transport, type UpstreamConfig, UpstreamSchema } from "./schema.ts";
import { quote } from "../wording.ts";

type Health = UpstreamConfig["health"];

/** Checks start at ticks, so a shorter interval would change nothing. */
const LEAST_INTERVAL_MS = 100;
const CHECK_KEYS = ["timeout", "probe", "rise", "fall"] as const;
/** Policies that ignore a target's share, or whose clients stay with their target. */
const UNSHARED: readonly string[] = ["first", "source_ip", "source_socket", "maglev"];

const DEFAULTS: Health = UpstreamSchema.shape.health.parse(undefined);

/** Checks the health values of an upstream; `reachedBy` has the transports of its routes, if there are any. */
export function checkHealth(
  { path, targets = [], balance, health }: DraftUpstream,
  { report, reachedBy }: {
    readonly report: Report;
    readonly reachedBy: ReadonlySet<Transport> | undefined;
  },
): void {
  if (health === undefined) return;
  const warn = (key: keyof Health, message: string, hint: string) =>
    report.warning("no_effect", [...path, "health", key], { message, hint });
  const { interval, timeout, eject_after, slow_start } = health;
  if (interval === 0) {
    for (const key of CHECK_KEYS) {
      if (health[key] === DEFAULTS[key]) continue;
      warn(key, "No checks are made while interval is 0s", "set an interval, or remove this");
    }
  } else if (interval < LEAST_INTERVAL_MS) {
    report.error("bad_value", [...path, "health", "interval"], {
      message: `Expected 0s or at least ${formatDuration(LEAST_INTERVAL_MS)}, got ${
        quote(formatDuration(interval))
      }`,
    });
  } else if (targets.length > 0 && targets.every(({ address }) => address.kind === "builtin")) {
    warn("interval", "Built-in targets are not checked", "remove it");
  } else if (reachedBy?.has("udp") && !reachedBy.has("tcp")) {
    report.warning("conflict", [...path, "health", "interval"], {
      message: "Checks connect by TCP, and only UDP flows reach this upstream",
      hint: "remove it unless the targets listen on TCP too",
    });
  }
  if (interval >= LEAST_INTERVAL_MS && timeout > interval && timeout !== DEFAULTS.timeout) {
    report.warning("conflict", [...path, "health", "timeout"], {
      message: `A check may take longer than the interval, which is ${formatDuration(interval)}; ` +
        "the next one waits for it",
      hint: "lower it or raise the interval",
    });
  }
  if (eject_after === 0 && health.eject_for !== DEFAULTS.eject_for) {
    warn("eject_for", "Nothing is ejected while eject_after is 0", "remove it");
  }
  if (slow_start > 0 && interval === 0 && eject_after === 0) {
    warn("slow_start", "Without checks or ejection, no target ever comes back", "remove it");
  } else if (slow_start > 0 && balance !== undefined && UNSHARED.includes(balance)) {
    warn("slow_start", `It has no effect with balance ${quote(balance)}`, "remove it");
  }
}
