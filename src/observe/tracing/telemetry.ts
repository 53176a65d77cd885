/**
 * OpenTelemetry, where Deno was asked for it: spans and metrics. Loads nothing of it otherwise.
 *
 * @module
 */

import type { AccessRecord } from "../access/record.ts";
import type { Measures } from "../metrics/measures.ts";

/** Where implementations of OpenTelemetry's API register, Deno's own with `OTEL_DENO=true`. */
const REGISTERED = Symbol.for("opentelemetry.js.api.1");

/** What is exported. */
export interface Telemetry {
  /** Takes what has ended; unset if there is no tracing. */
  readonly onEnd: ((record: AccessRecord) => void) | undefined;
  /**
   * Has metrics exported.
   *
   * @param source Reports what was counted, once for each export
   */
  readonly openMetrics: (source: { measures(): Measures }) => void;
}

/**
 * Begins to export.
 *
 * @param rate Reports how many sessions and flows a second are traced at the most; 0 = no limit
 * @returns What takes it; `undefined` where Deno was not asked to
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
