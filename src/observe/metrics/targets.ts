/**
 * The metrics of upstreams, targets and their names' resolution. Knows their names, not how they are
 * written.
 *
 * @module
 */

import type { Measures, TargetMeasures } from "./measures.ts";
import { type AddSample, type Metric, metric } from "./metric.ts";

function targets(
  report: (add: AddSample, target: TargetMeasures, names: readonly [string, string]) => void,
): (measures: Measures, add: AddSample) => void {
  return ({ upstreams }, add) => {
    for (const { name, targets } of upstreams) {
      for (const target of targets) report(add, target, [name, target.name]);
    }
  };
}

/** Metrics by upstream and target. */
export const TARGET_METRICS: readonly Metric[] = [
  metric("histogram", "shunt_connect_seconds{upstream,transport}", {
    help: "Time from the choice of the route to a connected target, including name lookups and " +
      "retries",
    collect: ({ upstreams }, add) => {
      for (const { name, times } of upstreams) {
        add(times.tcp, name, "tcp");
        add(times.udp, name, "udp");
      }
    },
  }),
  metric("gauge", "shunt_target_up{upstream,target}", {
    help: "1 unless checks or real traffic have found the target dead",
    collect: targets((add, { up }, names) => add(Number(up), ...names)),
  }),
  metric("gauge", "shunt_target_draining{upstream,target}", {
    help: "1 while an operator drains the target",
    collect: targets((add, { draining }, names) => add(Number(draining), ...names)),
  }),
  metric("gauge", "shunt_target_share{upstream,target}", {
    help: "Share of the target's weight in use, 0 to 1; less than 1 during slow_start",
    collect: targets((add, { share }, names) => add(share, ...names)),
  }),
  metric("gauge", "shunt_target_sessions{upstream,target}", {
    help: "TCP sessions that the target has now",
    collect: targets((add, { sessions }, names) => add(sessions, ...names)),
  }),
  metric("gauge", "shunt_target_flows{upstream,target}", {
    help: "UDP flows that the target has now",
    collect: targets((add, { flows }, names) => add(flows, ...names)),
  }),
  metric("counter", "shunt_target_sessions_total{upstream,target}", {
    help: "TCP sessions connected to the target",
    collect: targets((add, { totals }, names) => add(totals.sessions, ...names)),
  }),
  metric("counter", "shunt_target_flows_total{upstream,target}", {
    help: "UDP flows opened to the target",
    collect: targets((add, { totals }, names) => add(totals.flows, ...names)),
  }),
  metric("counter", "shunt_target_bytes_total{upstream,target,direction}", {
    help: "Payload bytes carried to the target (up) and from it (down)",
    collect: targets((add, { totals }, names) => {
      add(totals.bytesUp, ...names, "up");
      add(totals.bytesDown, ...names, "down");
    }),
  }),
  metric("counter", "shunt_target_failures_total{upstream,target}", {
    help: "How often real traffic could not connect to the target, or the target closed before " +
      "its first byte",
    collect: targets((add, { totals }, names) => add(totals.failures, ...names)),
  }),
  metric("counter", "shunt_target_ejections_total{upstream,target}", {
    help: "How often failing traffic has ejected the target",
    collect: targets((add, { ejections }, names) => add(ejections, ...names)),
  }),
  metric("counter", "shunt_target_checks_total{upstream,target,result}", {
    help: "Completed health checks of the target",
    collect: targets((add, { checks }, names) => {
      add(checks.ok, ...names, "ok");
      add(checks.failed, ...names, "failed");
    }),
  }),
  metric("counter", "shunt_dns_lookups_total{answer}", {
    help: "Lookups of target names; cached: answered from the cache, stale: from an expired " +
      "entry, asked: by asking name servers, or not at all as they had just failed",
    collect: ({ dns }, add) => {
      add(dns.hits, "cached");
      add(dns.stale, "stale");
      add(dns.misses, "asked");
    },
  }),
  metric("counter", "shunt_dns_failures_total", {
    help: "Lookups of target names that found no address",
    collect: ({ dns }, add) => add(dns.failures),
  }),
  metric("gauge", "shunt_dns_names", {
    help: "Names in the cache",
    collect: ({ dns }, add) => add(dns.size),
  }),
];
