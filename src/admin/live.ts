/**
 * Pages of the sessions and flows that live. Knows fields; which records there are, it is told.
 *
 * @module
 */

import type { z } from "zod";
import { type LiveRecord, liveValues } from "../observe/access/record.ts";
import type { LiveKind, LiveQuery } from "../observe/access/live.ts";
import type { LiveAnswer, LivePageSchema, LiveQuerySchema } from "./answers.ts";
import type { Control } from "./control.ts";

function answerOf(record: LiveRecord): LiveAnswer {
  return {
    ...liveValues(record),
    age_ms: Math.max(0, Math.round(record.durationMs)),
  } as LiveAnswer;
}

/**
 * Takes a page of what lives.
 *
 * @param control What runs
 * @param kind Sessions or flows
 * @param query Which are wanted
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
    // One more tells whether there is another page.
    limit: limit + 1,
    after,
    text,
    filters: Object.fromEntries(given),
  };
  const records = await control.live(wanted);
  const items = records.slice(0, limit).map(answerOf);
  return {
    total: control.active()[kind],
    items,
    next: records.length > limit ? items.at(-1)?.id ?? null : null,
  };
}
