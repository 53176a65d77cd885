/**
 * OpenTelemetry spans and metrics, if Deno was started with export. Loads nothing of it otherwise.
 *
 * @module
 */

import type { AccessRecord } from "../access/record.ts";
import type { Measures } from "../metrics/measures.ts";

/** Where implementations of OpenTelemetry's API register; Deno's own does so with `OTEL_DENO=true`. */
const REGISTERED = Symbol.for("opentelemetry.js.api.1");

/** The exports. */
export interface Telemetry {
  /** Takes a session or flow that has ended; unset if there is no tracing. */
  readonly onEnd: ((record: AccessRecord) => void) | undefined;
  /**
   * Exports metrics.
   *
   * @param source Returns the measures, once for each export
   */
  readonly openMetrics: (source: { measures(): Measures }) => void;
}

/**
 * Starts the export.
 *
 * @param rate Returns how many sessions and flows a second are traced at most; 0 = no limit
 * @returns The exports; `undefined` if Deno was not started with export
 */
export async function openTelemetry(rate: () => number): Promise<Telemetry | undefined> {
  if (!(REGISTERED in globalThis)) return undefined;
  // Loading the API takes 6 ms.
  const [{ openTracing }, { openMetrics }] = await Promise.all([
    import("./tracing.ts"),
    import("../metrics/otel.ts"),
  ]);
  return { onEnd: openTracing(rate), openMetrics };
}
