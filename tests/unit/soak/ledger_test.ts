import { assertEquals } from "@std/assert";
import { Ledger } from "../../soak/ledger.ts";
import { Reloads, Windows } from "../../soak/chaos.ts";
import type { ClientRecord, TargetRecord } from "../../soak/records.ts";
import { type AccessLine, startOf } from "../../soak/shunt.ts";

const ID = "01M8842NY1PR2S5QSFMVNY0ECR";
const START = startOf(ID);
const [sent, received] = [{ bytes: 5, hash: "aa" }, { bytes: 7, hash: "bb" }];

function client(more: Partial<ClientRecord> = {}): ClientRecord {
  const [start, end] = [START, START + 50];
  const source = "127.0.0.1:40000";
  return { from: "client", kind: "echo", token: "t", source, start, end, sent, received, ...more };
}

function line(more: Partial<AccessLine> = {}): AccessLine {
  return {
    ...{ id: ID, transport: "tcp", listener: "edge", source: "127.0.0.1:40000", upstream: "raw" },
    ...{ target: "127.0.0.1:1000", bytes_up: 5, bytes_down: 7, duration_ms: 50, reason: "done" },
    ...more,
  };
}

function target(more: Partial<TargetRecord> = {}): TargetRecord {
  const [up, down] = [sent, received];
  return { from: "target", target: "a", token: "t", received: up, sent: down, ...more };
}

/** One session or flow as reported by each side; unset if a side reports nothing. */
interface Reported {
  readonly client?: ClientRecord;
  readonly line?: AccessLine;
  readonly target?: TargetRecord;
}

function judge(told: Reported, windows = new Windows()): string[] {
  const ledger = new Ledger(windows);
  if (told.target !== undefined) ledger.target(told.target);
  if (told.line !== undefined) ledger.access(told.line);
  if (told.client !== undefined) ledger.client(told.client);
  ledger.close();
  return [...ledger.failures.keys()];
}

const all = { client: client(), line: line(), target: target() };

const CASES: readonly (readonly [string, Reported, readonly string[]])[] = [
  ["accepts what all agree on", all, []],
  ["finds a byte that the log has too much", { ...all, line: line({ bytes_up: 6 }) }, [
    "echo: shunt counted other bytes up",
  ]],
  ["finds a byte that changed", { ...all, target: target({ sent: { bytes: 7, hash: "cc" } }) }, [
    "echo: bytes down have changed",
  ]],
  ["finds a byte that was lost", { ...all, target: target({ received: { bytes: 4, hash: "" } }) }, [
    "echo: bytes up are missing",
  ]],
  ["finds a reason that must not be", { ...all, line: line({ reason: "internal_error" }) }, [
    "echo: ended with internal_error",
  ]],
  ["finds what no target knows", { client: all.client, line: all.line }, [
    "echo: no target knows it",
  ]],
  ["finds what the log does not have", { client: all.client, target: all.target }, [
    "echo: the log does not have it",
    "a target has what no client knows",
  ]],
  ["finds what no client knows", { line: all.line }, ["the log has what no client knows"]],
  ["finds a datagram that was lost", {
    client: client({ kind: "flow" }),
    line: line({ transport: "udp", listener: "datagrams", reason: "idle_timeout", bytes_down: 3 }),
    target: target(),
  }, ["flow: shunt counted other bytes down"]],
  ["finds bytes of a session that was refused", {
    client: client({ kind: "dead", received: { bytes: 0, hash: "" } }),
    line: line({ listener: "dead", reason: "connect_refused" }),
  }, ["dead: bytes went through"]],
  ["finds more received than was sent where a client vanished", {
    ...all,
    client: client({ kind: "vanish", received: { bytes: 8, hash: "" } }),
    line: line({ reason: "client_reset" }),
  }, ["vanish: shunt counted less down than the client received"]],
];

for (const [name, told, failures] of CASES) {
  Deno.test(`soak ledger: ${name}`, () => assertEquals(judge(told), failures));
}

Deno.test("soak ledger: excuses clients of a target that was killed, and no others", () => {
  const told = {
    client: client({ kind: "flaky", error: "Ended early" }),
    line: line({ listener: "flaky", reason: "target_reset" }),
  };
  const windows = new Windows();
  windows.downs.push({ target: "127.0.0.1:1000", from: START + 40, to: START + 1000 });
  assertEquals(judge(told, windows), []);
  const before = new Windows();
  before.downs.push({ target: "127.0.0.1:1000", from: START - 9000, to: START - 5000 });
  assertEquals(judge(told, before), [
    "flaky: ended with target_reset",
    "flaky: the client says: Ended early",
    "flaky: no target knows it",
  ]);
});

Deno.test("soak ledger: excuses an answer that was in progress when its target was taken out", () => {
  const flow = line({ transport: "udp", listener: "moving", reason: "target_gone" });
  const told = { client: client({ kind: "moving" }), line: flow };
  const late = target({ sent: { bytes: 9, hash: "" } });
  assertEquals(judge({ ...told, target: late }), []);
  const never = target({ sent: { bytes: 6, hash: "" } });
  assertEquals(judge({ ...told, target: never }), ["moving: bytes down are missing"]);
});

Deno.test("soak ledger: finds a session that went to a target that drains", () => {
  const windows = new Windows();
  windows.drains.push({ target: "127.0.0.1:1000", from: START - 10, to: START + 10 });
  assertEquals(judge(all, windows), ["a session went to a target that drains"]);
});

Deno.test("soak reloads: a refusal is expected of a broken file only", () => {
  const reloads = new Reloads();
  const refusal = { message: "Reload refused; what was running goes on", cause: "file" };
  assertEquals(reloads.take(refusal), false);
  reloads.broken = true;
  assertEquals(reloads.take(refusal), true);
  assertEquals(reloads.refused, 2);
});
