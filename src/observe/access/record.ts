/**
 * The access line: one per session and flow, at its end. Knows the fields and their order, not where lines
 * go.
 *
 * @module
 */

import { messageOf } from "../../errors.ts";
import type { TextFormatter } from "@logtape/logtape";
import type { FactValue } from "../../facts/kind.ts";
import { byName, SHOWN_NAMES } from "../../facts/mod.ts";
import type { Detected } from "../../detect/mod.ts";
import type { ACCESS_TEXTS } from "./fields.ts";
import type { CloseReason } from "../reasons.ts";

/** The fields that running sessions and flows have in common. */
export interface LiveRecord {
  readonly id: string;
  readonly transport: "tcp" | "udp";
  readonly listener: string;
  readonly source: string;
  readonly detected: Detected | undefined;
  readonly route: string | undefined;
  readonly upstream: string | undefined;
  readonly target: string | undefined;
  readonly up: number;
  readonly down: number;
  /** Milliseconds; unset if detection was not needed or not reached. */
  readonly detectMs: number | undefined;
  /** Milliseconds of `connectMs` spent on resolving names; unset if none had to be resolved. */
  readonly resolveMs?: number | undefined;
  /** Milliseconds; unset if no target was tried or none answered. */
  readonly connectMs: number | undefined;
  /** Milliseconds so far. */
  readonly durationMs: number;
}

/** The fields that they have in common at their end. */
export interface AccessRecord extends LiveRecord {
  readonly reason: CloseReason;
  readonly error: unknown;
}

/** Values that a line shows of a list, and characters of a value, since clients choose both. */
const MAX_VALUES = 8;
const MAX_LENGTH = 255;

function clipped(value: FactValue | undefined): FactValue | undefined {
  if (typeof value === "string") {
    return value.length > MAX_LENGTH ? `${value.slice(0, MAX_LENGTH)}…` : value;
  }
  return typeof value === "object"
    ? value.slice(0, MAX_VALUES).map((one) => clipped(one) as string)
    : value;
}

/** Keeps the place of the facts among the fields; to fill it costs less than to make a record of them. */
const NO_FACTS = byName(SHOWN_NAMES, (): FactValue | undefined => undefined);

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1000) / 1000;
}

/**
 * Returns the fields of a running session or flow.
 *
 * @param record The session or flow
 * @returns Their values, with limits for those that clients choose; `undefined` if not known
 */
export function liveValues(record: LiveRecord) {
  const { detected } = record;
  const values = {
    id: record.id,
    transport: record.transport,
    listener: record.listener,
    source: record.source,
    protocol: detected?.protocol,
    ...NO_FACTS,
    detect_end: detected?.end,
    route: record.route,
    upstream: record.upstream,
    target: record.target,
    bytes_up: record.up,
    bytes_down: record.down,
    detect_ms: rounded(record.detectMs),
    connect_ms: rounded(record.connectMs),
  };
  if (detected !== undefined) {
    for (const name of SHOWN_NAMES) values[name] = clipped(detected.facts[name]);
  }
  return values;
}

/**
 * Returns an access line's fields.
 *
 * @param record What is known of the session or flow
 * @returns Their values, as {@linkcode liveValues} gives them
 */
export function accessValues(record: AccessRecord) {
  const { error } = record;
  return Object.assign(liveValues(record), {
    duration_ms: rounded(record.durationMs),
    reason: record.reason,
    error: error === undefined ? undefined : messageOf(error),
  }) satisfies Record<keyof typeof ACCESS_TEXTS, unknown>;
}

/**
 * Writes one access line.
 *
 * @param record The session or flow
 * @param format The log's formatter
 * @returns The line, with its line feed
 */
export function formatAccess(record: AccessRecord, format: TextFormatter): string {
  return format({
    category: ["shunt", "access"],
    level: "info",
    message: ["closed"],
    rawMessage: "closed",
    timestamp: Date.now(),
    properties: accessValues(record),
  });
}
