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
    help: "Always 1; labels: the version of shunt and the sockets in use",
    collect: ({ process }, add) => add(1, process.version, process.io),
  }),
  metric("gauge", "shunt_ready", {
    help: "1 while shunt takes new sessions and flows, 0 while it starts or drains",
    collect: ({ process }, add) => add(Number(process.ready)),
  }),
  metric("gauge", "shunt_worker_up{worker}", {
    help: "1 while the worker's clock ticks, 0 if it has died or hangs",
    collect: ({ process }, add) =>
      process.workersUp.forEach((up, worker) => add(Number(up), String(worker))),
  }),
  metric("counter", "shunt_worker_ticks_total{worker}", {
    help: "Ticks of the worker's clock, ten a second unless it is busy",
    collect: ({ ticks }, add) => ticks.forEach((count, worker) => add(count, String(worker))),
  }),
  metric("counter", "shunt_reloads_total{result}", {
    help: "Reloads of the configuration: applied, unchanged (no difference) or refused",
    collect: ({ process }, add) => {
      for (const result of RELOAD_RESULTS) add(process.reloads[result], result);
    },
  }),
  metric("gauge", "shunt_last_reload_ok", {
    help: "0 if the last reload was refused, so that the file differs from the running " +
      "configuration",
    collect: ({ process }, add) => add(Number(process.lastReloadOk)),
  }),
  metric("gauge", "shunt_config_timestamp_seconds", {
    help: "When the running configuration was loaded, in seconds since the Unix epoch",
    collect: ({ process }, add) => add(process.configuredAt),
  }),
  metric("gauge", "shunt_detect_memory_bytes", {
    help: "Bytes held for protocol detection",
    collect: ({ detectMemory }, add) => add(detectMemory.used),
  }),
  metric("gauge", "shunt_detect_memory_limit_bytes", {
    help: "Most bytes held for protocol detection: limits.detect_memory",
    collect: ({ detectMemory }, add) => add(detectMemory.limit),
  }),
  metric("gauge", "shunt_memory_limit_bytes", {
    help: "Resident memory near which shunt takes nothing new: limits.memory",
    collect: ({ memoryLimit }, add) => {
      if (memoryLimit !== Infinity) add(memoryLimit);
    },
  }),
  metric("gauge", "shunt_heap_bytes{worker}", {
    help: "Bytes on the worker's heap (V8's old generation), including garbage",
    collect: ({ heaps }, add) => heaps.forEach(({ used }, worker) => add(used, String(worker))),
  }),
  metric("gauge", "shunt_heap_limit_bytes{worker}", {
    help: "Limit of the worker's heap; at 70 % of it the worker takes nothing new",
    collect: ({ heaps }, add) => heaps.forEach(({ limit }, worker) => add(limit, String(worker))),
  }),
  metric("gauge", "shunt_memory_short{worker}", {
    help: "1 while the worker takes nothing new because memory is short (reason no_memory)",
    collect: ({ heaps }, add) =>
      heaps.forEach(({ refuses }, worker) => add(Number(refuses), String(worker))),
  }),
  metric("gauge", "shunt_descriptors", {
    help: "File descriptors in use by sessions and flows",
    collect: ({ descriptors }, add) => add(descriptors.used),
  }),
  metric("gauge", "shunt_descriptors_limit", {
    help: "File descriptors for sessions and flows: the limit of the process, less a reserve",
    collect: ({ descriptors }, add) => add(descriptors.limit),
  }),
  metric("gauge", "shunt_lingering_connections", {
    help: "Connections whose session has ended while the kernel still delivers their last bytes",
    collect: ({ lingering }, add) => add(lingering.connections),
  }),
  metric("gauge", "shunt_lingering_bytes", {
    help: "Bytes that the kernel still has to deliver for them, at most a second old",
    collect: ({ lingering }, add) => add(lingering.bytes),
  }),
  metric("counter", "shunt_unsent_resets_total{cause}", {
    help: "Connections reset before their last bytes had arrived",
    collect: ({ lingering: { resets } }, add) => {
      for (const cause of RESET_CAUSES) add(resets[cause], cause);
    },
  }),
  metric("gauge", "shunt_admin_connections", {
    help: "Connections to the admin address",
    collect: ({ process }, add) => add(process.admin.connections),
  }),
  metric("counter", "shunt_admin_displaced_total{what}", {
    help: "Clients of the admin address that lost their place to others; request: it had not " +
      "arrived, answer: it was not read, turn: too many were waiting",
    collect: ({ process }, add) => {
      for (const what of DISPLACEMENTS) add(process.admin.displaced[what], what);
    },
  }),
  metric("gauge", "process_start_time_seconds", {
    help: "When the process started, in seconds since the Unix epoch",
    collect: ({ process }, add) => add(process.startedAt),
  }),
  metric("counter", "process_cpu_seconds_total", {
    help: "CPU time of all threads",
    collect: ({ process }, add) => add(process.cpuSeconds),
  }),
  metric("gauge", "process_resident_memory_bytes", {
    help: "Resident memory of the process",
    collect: ({ process }, add) => add(process.memoryBytes),
  }),
  metric("gauge", "process_max_fds", {
    help: "Limit of open file descriptors",
    collect: ({ process: { maxDescriptors } }, add) => {
      if (maxDescriptors !== undefined) add(maxDescriptors);
    },
  }),
];
