/**
 * Selects a page of running sessions or flows by filters. Knows fields, not where records come from.
 *
 * @module
 */

import type { LiveRecord } from "./record.ts";

/** Whether sessions or flows are listed. */
export type LiveKind = "sessions" | "flows";

/** Fields that a list can be filtered by. */
const LIVE_FILTERS = ["listener", "protocol", "source", "upstream", "target"] as const;

/** Records that are collected beyond twice a page before they are sorted. */
const SPARE = 1000;

/** The wanted records. */
export interface LiveQuery {
  readonly kind: LiveKind;
  /** Maximum number of records. */
  readonly limit: number;
  /** Only records whose id comes after this one. */
  readonly after?: string | undefined;
  /** Values that fields must have. A source may be given without its port. */
  readonly filters: Readonly<Partial<Record<typeof LIVE_FILTERS[number], string>>>;
  /** Text that one of the fields must contain, in any letter case. */
  readonly text?: string | undefined;
}

/**
 * Selects a page of records.
 *
 * @param records All records, in any order
 * @param query The wanted records
 * @returns At most `limit` records, by id
 */
export function selectLive(records: Iterable<LiveRecord>, query: LiveQuery): LiveRecord[] {
  const found: LiveRecord[] = [];
  for (const record of records) {
    if (query.after !== undefined && record.id <= query.after) continue;
    if (!matches(record, query)) continue;
    found.push(record);
    // Avoids collecting 100,000 records, since a client may request a page each second.
    if (found.length > 2 * query.limit + SPARE) keepFirst(found, query.limit);
  }
  keepFirst(found, query.limit);
  return found;
}

/** Keeps the first records by id, in order. */
function keepFirst(records: LiveRecord[], limit: number): void {
  records.sort((a, b) => a.id < b.id ? -1 : 1);
  if (records.length > limit) records.length = limit;
}

function matches(record: LiveRecord, { filters, text }: LiveQuery): boolean {
  const { listener, source, upstream, target, detected } = record;
  const wrong = differs(filters.listener, listener) || differs(filters.upstream, upstream) ||
    differs(filters.target, target) || differs(filters.protocol, detected?.protocol) ||
    (differs(filters.source, source) && differs(filters.source, hostOf(source)));
  if (wrong || text === undefined) return !wrong;
  const wanted = text.toLowerCase();
  const fields = [record.id, listener, source, record.route, upstream, target, detected?.protocol];
  const facts = Object.values(detected?.facts ?? {}).flat();
  return [...fields, ...facts].some((field) => String(field ?? "").toLowerCase().includes(wanted));
}

function differs(wanted: string | undefined, value: string | undefined): boolean {
  return wanted !== undefined && wanted !== value;
}

function hostOf(source: string): string {
  return source.slice(0, source.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
