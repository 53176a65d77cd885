/**
 * Pages of the running sessions and flows. Knows their fields, not where the records come from.
 *
 * @module
 */

import type { z } from "zod";
import { type LiveRecord, liveValues } from "../observe/access/record.ts";
import type { LiveKind, LiveQuery } from "../observe/access/live.ts";
import type { LiveAnswer, LivePageSchema, LiveQuerySchema } from "./answers.ts";
import type { Control } from "./control.ts";

function answerOf(record: LiveRecord): LiveAnswer {
  const { hello_bytes: _bytes, detect_end: _end, ...values } = liveValues(record);
  return {
    ...values,
    alpn: record.detected?.facts.alpn,
    age_ms: Math.max(0, Math.round(record.durationMs)),
  } as LiveAnswer;
}

/**
 * Returns a page of the running sessions or flows.
 *
 * @param control The running shunt
 * @param kind Sessions or flows
 * @param query Limit, start and filters
 * @returns The page
 */
export async function livePage(
  control: Control,
  kind: LiveKind,
  query: z.output<typeof LiveQuerySchema>,
): Promise<z.output<typeof LivePageSchema>> {
  const { limit, after, q: text, ...filters } = query;
  const given = Object.entries(filters).filter(([, value]) => value !== undefined);
  const wanted: LiveQuery = {
    kind,
    // The additional record shows whether there is another page.
    limit: limit + 1,
    after,
    text,
    filters: Object.fromEntries(given),
  };
  const records = await control.proxy.live(wanted);
  const items = records.slice(0, limit).map(answerOf);
  return {
    total: control.proxy.active()[kind],
    items,
    next: records.length > limit ? items.at(-1)?.id ?? null : null,
  };
}
