/**
 * The cost of the flow table per datagram, per flow and per sweep. Every datagram of an open flow pays the
 * first figure, in addition to 7 to 18 µs for its sockets.
 *
 * @module
 */

import type { Flow } from "../src/manage/flow/flow.ts";
import { FlowTable } from "../src/manage/flow/table.ts";
import { Counters } from "../src/observe/metrics/counters.ts";

const DATAGRAM = new Uint8Array(1200);
const PORTS_PER_HOST = 4;
/** A prime, so that steps of this size visit all flows in an order that no cache foresees. */
const STRIDE = 7919;

function hostText(flow: number): string {
  const n = Math.floor(flow / PORTS_PER_HOST);
  return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
}

function open(table: FlowTable<undefined>, host: string, port: number): Flow<undefined> {
  table.arrive(0, host, port, DATAGRAM, 0);
  const flow = table.flow;
  if (flow === undefined) throw new Error("Cannot open a flow: the table refused it");
  table.resolving(flow, 5000);
  table.opened(flow, 30_000);
  while (table.nextHeld(flow) !== undefined);
  return flow;
}

function tableWith(flows: number): FlowTable<undefined> {
  const table = new FlowTable<undefined>({
    limits: { flows: 200_000, heldBytes: 65_536, heldDatagrams: 64, detectMs: 3000 },
    budget: { claim: () => true, give: () => {}, note: () => {} },
    drops: new Counters().drops,
    newId: () => "",
    newData: () => undefined,
    admit: () => undefined,
    release: () => {},
  });
  for (let i = 0; i < flows; i++) open(table, hostText(i), i % PORTS_PER_HOST);
  return table;
}

for (const flows of [100, 10_000, 100_000]) {
  const table = tableWith(flows);
  const hosts = Array.from({ length: flows }, (_, i) => hostText(i));
  let at = 0;
  Deno.bench(`forward one datagram, ${flows} flows`, { group: "datagram" }, () => {
    at = (at + STRIDE) % flows;
    table.arrive(0, hosts[at] ?? "", at % PORTS_PER_HOST, DATAGRAM, 1);
  });

  let expired = 0;
  Deno.bench(`sweep, ${flows} flows, none expired`, { group: "sweep" }, () => {
    table.sweep(2, () => void expired++);
  });
}

const replies = tableWith(10_000);
const [replying] = replies;
Deno.bench("count one reply, 10000 flows", { group: "datagram" }, () => {
  if (replying !== undefined) replies.reply(replying, 1200, 1);
});

const churn = tableWith(10_000);
let port = 0;
Deno.bench("begin, open and close one flow, 10000 others", { group: "flow" }, () => {
  port = (port + 1) % 60_000;
  churn.close(open(churn, "192.0.2.1", port), "idle");
});
