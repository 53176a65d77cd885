/**
 * The metrics of the process and its workers. Knows their names, not how they are written.
 *
 * @module
 */

import { RESET_CAUSES } from "./linger_counters.ts";
import { DISPLACEMENTS, RELOAD_RESULTS } from "./measures.ts";
import { type Metric, metric } from "./metric.ts";

/** Metrics of the process. */
export const PROCESS_METRICS: readonly Metric[] = [
  metric("gauge", "shunt_build_info{version,io}", {
    help: "1; the version of shunt, and whose sockets carry the data",
    collect: ({ process }, add) => add(1, process.version, process.io),
  }),
  metric("gauge", "shunt_ready", {
    help: "1 while shunt takes new sessions and flows, 0 while it starts or drains",
    collect: ({ process }, add) => add(Number(process.ready)),
  }),
  metric("gauge", "shunt_worker_up{worker}", {
    help: "1 while the worker's clock ticks, 0 where it has died or hangs",
    collect: ({ process }, add) =>
      process.workersUp.forEach((up, worker) => add(Number(up), String(worker))),
  }),
  metric("counter", "shunt_worker_ticks_total{worker}", {
    help: "Ticks of the worker's clock, ten a second unless it is busy",
    collect: ({ ticks }, add) => ticks.forEach((count, worker) => add(count, String(worker))),
  }),
  metric("counter", "shunt_reloads_total{result}", {
    help: "Reloads of the configuration: applied, unchanged where nothing differed, or refused",
    collect: ({ process }, add) => {
      for (const result of RELOAD_RESULTS) add(process.reloads[result], result);
    },
  }),
  metric("gauge", "shunt_last_reload_ok", {
    help: "0 where the last reload was refused, so that the file differs from what runs",
    collect: ({ process }, add) => add(Number(process.lastReloadOk)),
  }),
  metric("gauge", "shunt_config_timestamp_seconds", {
    help: "When the configuration that runs was taken, in seconds of the Unix epoch",
    collect: ({ process }, add) => add(process.configuredAt),
  }),
  metric("gauge", "shunt_detect_memory_bytes", {
    help: "Bytes that sessions and flows hold while detecting",
    collect: ({ detectMemory }, add) => add(detectMemory.used),
  }),
  metric("gauge", "shunt_detect_memory_limit_bytes", {
    help: "Bytes that they may hold together: limits.detect_memory",
    collect: ({ detectMemory }, add) => add(detectMemory.limit),
  }),
  metric("gauge", "shunt_memory_limit_bytes", {
    help: "Resident memory near which nothing new is taken: limits.memory",
    collect: ({ memoryLimit }, add) => {
      if (memoryLimit !== Infinity) add(memoryLimit);
    },
  }),
  metric("gauge", "shunt_heap_bytes{worker}", {
    help: "What the worker's heap holds, garbage included: V8's old generation",
    collect: ({ heaps }, add) => heaps.forEach(({ used }, worker) => add(used, String(worker))),
  }),
  metric("gauge", "shunt_heap_limit_bytes{worker}", {
    help: "What it may hold; the worker takes nothing new at 70 % of it",
    collect: ({ heaps }, add) => heaps.forEach(({ limit }, worker) => add(limit, String(worker))),
  }),
  metric("gauge", "shunt_memory_short{worker}", {
    help: "1 while the worker takes nothing new for want of memory (reason no_memory)",
    collect: ({ heaps }, add) =>
      heaps.forEach(({ refuses }, worker) => add(Number(refuses), String(worker))),
  }),
  metric("gauge", "shunt_descriptors", {
    help: "Descriptors that sessions and flows have now",
    collect: ({ descriptors }, add) => add(descriptors.used),
  }),
  metric("gauge", "shunt_descriptors_limit", {
    help: "Descriptors that sessions and flows may have: what the process may have, less a reserve",
    collect: ({ descriptors }, add) => add(descriptors.limit),
  }),
  metric("gauge", "shunt_lingering_connections", {
    help: "Connections whose sessions have ended while the kernel still delivers their last bytes",
    collect: ({ lingering }, add) => add(lingering.connections),
  }),
  metric("gauge", "shunt_lingering_bytes", {
    help: "Bytes that the kernel still has to deliver for them, as of a second ago at the most",
    collect: ({ lingering }, add) => add(lingering.bytes),
  }),
  metric("counter", "shunt_unsent_resets_total{cause}", {
    help: "Connections that were reset with bytes that had not arrived",
    collect: ({ lingering: { resets } }, add) => {
      for (const cause of RESET_CAUSES) add(resets[cause], cause);
    },
  }),
  metric("gauge", "shunt_admin_connections", {
    help: "Connections to the admin address",
    collect: ({ process }, add) => add(process.admin.connections),
  }),
  metric("counter", "shunt_admin_displaced_total{what}", {
    help: "Clients of the admin address that lost their place to others: with a request that had " +
      "not arrived, an answer that they did not read, or without a turn when too many had asked",
    collect: ({ process }, add) => {
      for (const what of DISPLACEMENTS) add(process.admin.displaced[what], what);
    },
  }),
  metric("gauge", "process_start_time_seconds", {
    help: "When the process began, in seconds of the Unix epoch",
    collect: ({ process }, add) => add(process.startedAt),
  }),
  metric("counter", "process_cpu_seconds_total", {
    help: "Processor time, of all threads",
    collect: ({ process }, add) => add(process.cpuSeconds),
  }),
  metric("gauge", "process_resident_memory_bytes", {
    help: "Memory that the process has",
    collect: ({ process }, add) => add(process.memoryBytes),
  }),
  metric("gauge", "process_max_fds", {
    help: "Descriptors that the process may have",
    collect: ({ process: { maxDescriptors } }, add) => {
      if (maxDescriptors !== undefined) add(maxDescriptors);
    },
  }),
];
