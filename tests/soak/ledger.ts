/**
 * Brings together what clients, targets and shunt's log say of the same session or flow, and finds
 * every byte that they do not agree on. Knows no process.
 *
 * @module
 */

import { ATTACKERS } from "./attacks.ts";
import { checkFlow, checkSession, type Finding, type Outages } from "./checks.ts";
import { KINDS } from "./kinds.ts";
import type { ClientRecord, TargetRecord } from "./records.ts";
import { type AccessLine, startOf } from "./shunt.ts";

/** What became of all sessions or flows of one kind. */
export interface KindResult {
  count: number;
  /** That ended in order, each byte found on both sides and in the log. */
  exact: number;
  /** That were broken on purpose or ended with their target. */
  broken: number;
  up: number;
  down: number;
  readonly reasons: Map<string, number>;
}

/** Bytes as each of the three counted them, of what ended in order. */
export interface ThreeSums {
  client: number;
  shunt: number;
  target: number;
}

/** One kind of failure, how often it occurred, and where it occurred first. */
export interface Failure {
  count: number;
  readonly first: string;
}

/** A client with what belongs to it. */
interface Entry {
  readonly client: ClientRecord;
  readonly lines: AccessLine[];
}

/** Milliseconds that clocks and what waits for a busy thread may differ by. */
const SLACK_MS = 2000;
/** Longer than shunt and the targets take to report a silent flow. */
const FLOW_GRACE_MS = 3000;

/** All sessions and flows of a soak. */
export class Ledger {
  readonly kinds: Map<string, KindResult> = new Map();
  readonly failures: Map<string, Failure> = new Map();
  /** Why those that did not end in order did so, by kind and reason. */
  readonly differences: Map<string, number> = new Map();
  readonly up: ThreeSums = { client: 0, shunt: 0, target: 0 };
  readonly down: ThreeSums = { client: 0, shunt: 0, target: 0 };
  /** Milliseconds that the slowest answer to a datagram took. */
  slowest = 0;
  /** Sessions and flows of attackers, by the reason of their end. */
  readonly attackers: Map<string, number> = new Map();
  readonly lines: { tcp: number; udp: number } = { tcp: 0, udp: 0 };
  readonly #outages: Outages;
  /** By transport, listener and source: clients and lines that wait for each other, the oldest first. */
  readonly #clients = new Map<string, ClientRecord[]>();
  readonly #lines = new Map<string, AccessLine[]>();
  /** By token: sessions that wait for their target, and targets' records. */
  readonly #waiting = new Map<string, Entry>();
  readonly #targets = new Map<string, TargetRecord[]>();

  /** @param outages When which target was down */
  constructor(outages: Outages) {
    this.#outages = outages;
  }

  /** Notes a failure. */
  fail(what: string, where: string): void {
    const known = this.failures.get(what);
    if (known === undefined) this.failures.set(what, { count: 1, first: where });
    else known.count++;
  }

  /** Takes a client's record. */
  client(record: ClientRecord): void {
    const kind = KINDS[record.kind]!;
    const key = `${kind.transport} ${kind.listener} ${record.source}`;
    append(this.#clients, key, record);
    if (kind.transport === "tcp") this.#pair(key);
  }

  /** Takes a target's record. */
  target(record: TargetRecord): void {
    if (record.token === undefined) return;
    append(this.#targets, record.token, record);
    const entry = this.#waiting.get(record.token);
    if (entry !== undefined) this.#settleSession(entry);
  }

  /** Takes what shunt's log says. */
  access(line: AccessLine): void {
    this.lines[line.transport]++;
    if (line.source.startsWith(ATTACKERS)) {
      this.attackers.set(line.reason, (this.attackers.get(line.reason) ?? 0) + 1);
      return;
    }
    const key = `${line.transport} ${line.listener} ${line.source}`;
    append(this.#lines, key, line);
    if (line.transport === "tcp") this.#pair(key);
    if (line.transport === "tcp" && this.#outages.drained(line)) {
      this.fail("a session went to a target that drains", JSON.stringify(line));
    }
  }

  /** A port is a client's again only after its session: the first of both belong together. */
  #pair(key: string): void {
    const client = this.#clients.get(key)?.[0];
    const line = this.#lines.get(key)?.[0];
    if (client === undefined || line === undefined) return;
    take(this.#clients, key, (record) => record === client);
    take(this.#lines, key, (one) => one === line);
    if (Math.abs(startOf(line.id) - client.start) > 10_000) {
      this.fail("client and log disagree on when", JSON.stringify({ client, line }));
    }
    const entry = { client, lines: [line] };
    const { ends } = KINDS[client.kind]!;
    const alone = ends === "refused" || ends === "builtin";
    if (alone || this.#targets.has(client.token)) this.#settleSession(entry);
    else this.#waiting.set(client.token, entry);
  }

  #settleSession({ client, lines: [line] }: Entry): void {
    this.#waiting.delete(client.token);
    const targets = this.#targets.get(client.token) ?? [];
    this.#targets.delete(client.token);
    const finding = checkSession(client, line!, { targets, outages: this.#outages });
    this.#note(client, [line!], { finding, targets });
  }

  /** Settles flows that have been silent for so long that all has been said. */
  sweep(before: number = Date.now() - FLOW_GRACE_MS): void {
    for (const [key, clients] of this.#clients) {
      for (const client of [...clients]) {
        // A flow's client speaks up when it has lingered: only what its log needs is waited for.
        if (KINDS[client.kind]!.transport === "tcp" || client.end > before - SLACK_MS * 2) continue;
        take(this.#clients, key, (record) => record === client);
        const lines = take(this.#lines, key, ({ id }) => {
          const start = startOf(id);
          return start >= client.start - SLACK_MS && start <= client.end + SLACK_MS;
        });
        const targets = this.#targets.get(client.token) ?? [];
        this.#targets.delete(client.token);
        const finding = checkFlow(client, lines, { targets, outages: this.#outages });
        this.#note(client, lines, { finding, targets });
      }
    }
  }

  #note(
    client: ClientRecord,
    lines: readonly AccessLine[],
    { finding, targets }: { finding: Finding; targets: readonly TargetRecord[] },
  ): void {
    const result = this.kinds.get(client.kind) ??
      { count: 0, exact: 0, broken: 0, up: 0, down: 0, reasons: new Map() };
    this.kinds.set(client.kind, result);
    result.count++;
    // Who waits for a target that is killed waits for its restart.
    if (KINDS[client.kind]!.shaky === undefined) {
      this.slowest = Math.max(this.slowest, client.slowest ?? 0);
    }
    for (const { bytes_up, bytes_down, reason } of lines) {
      result.up += bytes_up;
      result.down += bytes_down;
      result.reasons.set(reason, (result.reasons.get(reason) ?? 0) + 1);
    }
    const where = () => JSON.stringify({ client, lines, targets });
    for (const problem of finding.problems) this.fail(`${client.kind}: ${problem}`, where());
    if (finding.problems.length > 0) return;
    if (finding.difference !== undefined) {
      result.broken++;
      const what = `${client.kind}: ${finding.difference}`;
      this.differences.set(what, (this.differences.get(what) ?? 0) + 1);
      return;
    }
    result.exact++;
    if (KINDS[client.kind]!.ends !== "order") return;
    this.up.client += client.sent.bytes;
    this.down.client += client.received.bytes;
    for (const { bytes_up, bytes_down } of lines) {
      this.up.shunt += bytes_up;
      this.down.shunt += bytes_down;
    }
    for (const { received, sent } of targets) {
      this.up.target += received.bytes;
      this.down.target += sent.bytes;
    }
  }

  /** Called after the last record: everything left has no counterpart. */
  close(): void {
    this.sweep(Infinity);
    for (const entry of this.#waiting.values()) this.#settleSession(entry);
    for (const records of this.#clients.values()) {
      for (const client of records) {
        this.fail(`${client.kind}: the log does not have it`, JSON.stringify(client));
      }
    }
    for (const lines of this.#lines.values()) {
      for (const line of lines) {
        this.fail("the log has what no client knows", JSON.stringify(line));
      }
    }
    for (const [token, targets] of this.#targets) {
      this.fail("a target has what no client knows", JSON.stringify({ token, targets }));
    }
  }
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** Takes some elements out of a list. */
function take<T>(map: Map<string, T[]>, key: string, which: (value: T) => boolean): T[] {
  const list = map.get(key) ?? [];
  const left = list.filter((value) => !which(value));
  if (left.length === 0) map.delete(key);
  else map.set(key, left);
  return list.filter(which);
}
