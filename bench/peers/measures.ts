/**
 * The table of measurements, in the order of running.
 *
 * @module
 */

import type { Measure } from "./measure.ts";
import { BULK } from "./measure_bulk.ts";
import { COLD } from "./measure_cold.ts";
import { LATENCY_TCP, LATENCY_UDP } from "./measure_latency.ts";
import { LOSS } from "./measure_loss.ts";
import { MEMORY } from "./measure_memory.ts";
import { KEPT, NEW, SNI } from "./measure_tcp.ts";
import { UDP } from "./measure_udp.ts";

/** All of them. */
export const MEASURES: readonly Measure[] = [
  BULK,
  KEPT,
  NEW,
  SNI,
  UDP,
  LATENCY_TCP,
  LATENCY_UDP,
  LOSS,
  MEMORY,
  COLD,
];
