/**
 * A seeded world around the flow table: clients, targets that answer, die or fail to resolve, time
 * that jumps, limits and memory that change. A naive model says after each step what must be true.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type {
  DatagramFate,
  Expiry,
  Flow,
  FlowLimits,
  FlowState,
} from "../../src/manage/flow/flow.ts";
import { FlowTable, HELD_OVERHEAD } from "../../src/manage/flow/table.ts";
import { Counters } from "../../src/observe/metrics/counters.ts";
import type { DropReason } from "../../src/observe/reasons.ts";
import {
  agree,
  type Belief,
  type Box,
  type Client,
  isQuiet,
  isUnanswered,
  newBelief,
} from "./_flow_belief.ts";
import { random } from "./_random.ts";

const AMPLE: FlowLimits = { flows: 1e6, heldBytes: 1e6, heldDatagrams: 1e6, detectMs: 3000 };

const DENIALS: readonly DropReason[] = ["limit_source", "limit_rate", "draining"];

/** Milliseconds of a day. */
export const DAY_MS = 86_400_000;

/** What kind of world it is. */
export interface Profile {
  readonly name: string;
  /** Whether targets fail, limits change, memory runs out, drains begin and callers misbehave. */
  readonly hostile: boolean;
  /** The largest ordinary step of time. */
  readonly stepMs: number;
}

/** The world: {@linkcode World.step} as often as wanted, then {@linkcode World.end}. */
export class World {
  readonly table: FlowTable<Box>;
  readonly clients: Client[] = [];
  readonly live: Flow<Box>[] = [];
  readonly dead: Flow<Box>[] = [];
  readonly byClient = new Map<Client, Flow<Box>>();
  readonly admitted = new Map<string, number>();
  /** The table's counters, and the model's. */
  readonly counted = new Counters().drops;
  readonly drops = new Map<string, number>();
  /** Flows that made room for others. */
  displaced = 0;
  readonly #random: () => number;
  readonly #profile: Profile;
  #limits: FlowLimits = AMPLE;
  #clock = 0;
  /** The latest time that was passed to the table. */
  #now = -Infinity;
  #taken = 0;
  #memory = Infinity;
  #deny: DropReason | undefined;
  #admitCalls = 0;
  #ids = 0;
  #arrived = 0;
  #upEver = 0;
  readonly #scratch = new Uint8Array(64);

  constructor(seed: number, profile: Profile) {
    this.#random = random(seed);
    this.#profile = profile;
    this.table = new FlowTable<Box>({
      limits: this.#limits,
      budget: {
        claim: (bytes) => {
          if (this.#taken + bytes > this.#memory) return false;
          this.#taken += bytes;
          return true;
        },
        give: (bytes) => void (this.#taken -= bytes),
        note: () => {},
      },
      drops: this.counted,
      newId: () => `${++this.#ids}`,
      newData: () => ({ belief: undefined }),
      admit: (host) => {
        this.#admitCalls++;
        if (this.#deny === undefined) this.admitted.set(host, (this.admitted.get(host) ?? 0) + 1);
        return this.#deny;
      },
      makeRoom: () => this.#makeRoom(),
      release: ({ host }) => {
        const count = this.admitted.get(host) ?? 0;
        assert(count > 0, `"${host}" released more often than admitted`);
        this.admitted.set(host, count - 1);
      },
    });
    const clients = 3 + this.#pick(40);
    for (let i = 0; i < clients; i++) {
      this.clients.push({ slot: i % 3, host: `h${i % 7}`, port: i, sent: 0, reached: [] });
    }
    if (profile.hostile) this.#changeLimits();
  }

  get now(): number {
    return this.#now;
  }

  #pick(below: number): number {
    return Math.floor(this.#random() * below);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  step(): void {
    const { hostile } = this.#profile;
    const dice = this.#pick(100);
    if (dice < 45) this.#send();
    else if (dice < 75) this.#drive(this.live[this.#pick(this.live.length)]);
    else if (dice < 82) this.#answer();
    else if (dice < 88) this.#passTime();
    else if (dice < 93) this.#sweep();
    else if (!hostile) this.#send();
    else if (dice < 95) this.#misuse();
    else if (dice < 97) this.#changeLimits();
    else if (dice < 98) this.#memory = this.#chance(0.3) ? Infinity : this.#pick(12_000);
    else this.#deny = this.#chance(0.7) ? undefined : DENIALS[this.#pick(DENIALS.length)];
    assertEquals(this.table.size, this.live.length);
    assertEquals(this.table.held, this.#taken);
  }

  #changeLimits(): void {
    const scale = this.#chance(0.5) ? 1 : 10;
    this.#limits = this.table.limits = {
      flows: this.#pick(30) * scale,
      heldBytes: this.#pick(200) * scale,
      heldDatagrams: this.#pick(8) * scale,
      detectMs: this.#pick(5000),
      ...(this.#chance(0.5) && { unansweredMs: this.#pick(20_000) }),
    };
  }

  /** The one that began first of those that wait for an answer, else the one that is quiet longest. */
  #victim(): Flow<Box> | undefined {
    const flows = this.live.filter(({ data: { belief } }) => belief && isUnanswered(belief));
    if (flows.length > 0) return flows[0];
    const quiet = this.live.filter(({ data: { belief } }) => belief && isQuiet(belief, this.#now));
    return quiet.toSorted((a, b) => a.lastSeen - b.lastSeen)[0];
  }

  #makeRoom(): boolean {
    const { oldestUnanswered, oldestQuiet } = this.table;
    const victim = oldestUnanswered ?? oldestQuiet;
    const expected = this.#victim();
    if (victim?.lastSeen !== expected?.lastSeen) assertEquals(victim, expected);
    if (oldestUnanswered !== undefined) assertEquals(oldestUnanswered, expected);
    if (victim === undefined) return false;
    this.#close(victim, "displaced");
    this.displaced++;
    return true;
  }

  #passTime(): void {
    if (this.#chance(0.1)) this.#clock -= this.#pick(10_000);
    else this.#clock += this.#pick(this.#profile.stepMs);
    if (this.#profile.hostile && this.#chance(0.02)) this.#clock += this.#pick(DAY_MS);
  }

  #tell(): number {
    this.#now = Math.max(this.#now, this.#clock);
    return this.#clock;
  }

  #countDrop(reason: string, datagrams = 1): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + datagrams);
  }

  #holdRefusal(held: readonly Uint8Array[], bytes: number): string | undefined {
    const sum = held.reduce((total, datagram) => total + datagram.length, bytes);
    if (held.length + 1 > this.#limits.heldDatagrams) return "held_datagrams";
    if (held.length > 0 && sum > this.#limits.heldBytes) return "held_bytes";
    return this.#taken + bytes + HELD_OVERHEAD > this.#memory ? "detect_memory" : undefined;
  }

  #send(): void {
    const client = this.clients[this.#pick(this.clients.length)];
    assert(client !== undefined);
    // Either empty, which is legal, or numbered.
    const length = this.#chance(0.1) ? 0 : 4 + this.#pick(this.#scratch.length - 4);
    const datagram = this.#scratch.subarray(0, length);
    datagram.fill(client.port);
    if (length > 0) new DataView(this.#scratch.buffer).setUint32(0, client.sent);
    client.sent++;
    this.#arrived++;
    const copy = datagram.slice();
    const known = this.byClient.get(client);
    const isFull = this.live.length >= this.#limits.flows;
    const time = this.#tell();
    const refusal = isFull && this.#victim() === undefined
      ? "limit_flows"
      : this.#holdRefusal([], length) ?? this.#refusal();
    const heldRefusal = this.#holdRefusal(known?.data.belief?.held ?? [], length);
    const calls = this.#admitCalls;
    const arrival = this.table.arrive(client.slot, client.host, client.port, datagram, time);
    this.#scratch.fill(0xee);

    const belief = known?.data.belief;
    if (known === undefined || belief === undefined) {
      assertEquals(arrival, refusal === undefined ? "new" : "refused");
      if (refusal !== undefined) {
        assertEquals(this.table.flow, undefined);
        this.#countDrop(refusal);
      } else this.#begun(client, copy);
      return;
    }
    assertEquals(this.table.flow, known);
    assertEquals(this.#admitCalls, calls, "A running flow was asked for admission");
    assertEquals(arrival, this.#expected(belief.state, heldRefusal));
    belief.lastSeen = this.#now;
    belief.sent++;
    if (arrival === "forward") this.#reach(belief, copy);
    else if (arrival === "held") belief.held.push(copy);
    else if (heldRefusal !== undefined) {
      belief.dropped++;
      this.#countDrop(heldRefusal);
    }
    agree(known);
    if (arrival === "full") this.#drive(known);
  }

  /** Returns the refusal of a newcomer that can be held: two may end for it, which may not be enough. */
  #refusal(): string | undefined {
    const needed = this.live.length - this.#limits.flows + 1;
    if (needed <= 0) return this.#deny;
    const supply =
      this.live.filter(({ data: { belief } }) =>
        belief !== undefined && (isUnanswered(belief) || isQuiet(belief, this.#now))
      ).length;
    return needed > Math.min(2, supply) ? "limit_flows" : this.#deny;
  }

  #expected(state: FlowState, heldRefusal: string | undefined): DatagramFate {
    if (state === "open") return "forward";
    if (heldRefusal === undefined) return "held";
    return state === "detecting" ? "full" : "dropped";
  }

  #begun(client: Client, first: Uint8Array): void {
    const flow = this.table.flow;
    assert(flow !== undefined && flow.data.belief === undefined, "A new flow reuses an old record");
    assertEquals([flow.slot, flow.host, flow.port], [client.slot, client.host, client.port]);
    flow.data.belief = newBelief(client, first, {
      now: this.#now,
      deadline: this.#now + this.#limits.detectMs,
      unansweredMs: this.#limits.unansweredMs ?? Infinity,
    });
    this.live.push(flow);
    this.byClient.set(client, flow);
    agree(flow);
  }

  #reach(belief: Belief, datagram: Uint8Array): void {
    belief.up++;
    belief.upBytes += datagram.length;
    this.#upEver++;
    if (datagram.length === 0) {
      belief.client.reached.push(-1);
      return;
    }
    const { buffer, byteOffset } = datagram;
    const number = new DataView(buffer, byteOffset).getUint32(0);
    const { reached } = belief.client;
    const before = reached.findLast((earlier) => earlier >= 0) ?? -1;
    assert(number > before, `Datagram ${number} came to the target after ${before}`);
    reached.push(number);
  }

  /** Takes a flow to the next step of its life. */
  #drive(flow: Flow<Box> | undefined): void {
    const belief = flow?.data.belief;
    if (flow === undefined || belief === undefined) return;
    const fails = this.#profile.hostile && this.#chance(0.15);
    switch (belief.state) {
      case "detecting": {
        if (fails) return this.#close(flow, "no_route");
        const timeout = this.#pick(10_000);
        assert(this.table.resolving(flow, timeout));
        belief.state = "resolving";
        belief.deadline = this.#now + timeout;
        break;
      }
      case "resolving": {
        if (fails) return this.#close(flow, "dns_failed");
        const idle = this.#pick(60_000);
        assert(this.table.opened(flow, idle));
        Object.assign(belief, { state: "flushing", deadline: Infinity, idleMs: idle });
        belief.lastSeen = this.#now;
        break;
      }
      case "flushing": {
        if (fails) return this.#close(flow, "target_refused");
        if (belief.sending) belief.held.shift();
        const next = this.table.nextHeld(flow);
        assertEquals(next, belief.held[0]);
        belief.sending = next !== undefined;
        if (next === undefined) belief.state = "open";
        else this.#reach(belief, next);
        break;
      }
      case "open":
        if (fails) return this.#close(flow, "target_failed");
        break;
      case "closed":
        assert(false, "A closed flow is still alive in the model");
    }
    agree(flow);
  }

  #answer(): void {
    const flow = this.live[this.#pick(this.live.length)];
    const belief = flow?.data.belief;
    if (flow === undefined || belief === undefined) return;
    const relays = belief.state === "flushing" || belief.state === "open";
    assertEquals(this.table.reply(flow, 10, this.#tell()), relays);
    if (relays) {
      belief.down++;
      belief.lastSeen = this.#now;
    }
    agree(flow);
  }

  #close(flow: Flow<Box>, reason: string): void {
    const belief = flow.data.belief;
    assert(belief !== undefined && this.table.close(flow, reason));
    const lost = belief.held.length - (belief.sending ? 1 : 0);
    this.#countDrop("flow_closed", lost);
    Object.assign(belief, { state: "closed", held: [], dropped: belief.dropped + lost });
    this.live.splice(this.live.indexOf(flow), 1);
    this.byClient.delete(belief.client);
    this.dead.push(flow);
    agree(flow);
    assertEquals(flow.reason, reason);
  }

  /** Makes late calls of a shell: any call on a dead flow, out-of-order ones on a living flow. */
  #misuse(): void {
    const { table } = this;
    const dead = this.dead[this.#pick(this.dead.length)];
    if (dead !== undefined) {
      assertEquals(table.resolving(dead, 1) || table.opened(dead, 1), false);
      assertEquals(table.reply(dead, 1, this.#tell()) || table.close(dead, "again"), false);
      assertEquals(table.nextHeld(dead), undefined);
      agree(dead);
    }
    const flow = this.live[this.#pick(this.live.length)];
    if (flow === undefined) return;
    if (flow.state !== "detecting") assertEquals(table.resolving(flow, 1), false);
    if (flow.state !== "resolving") assertEquals(table.opened(flow, 1), false);
    if (flow.state !== "flushing") assertEquals(table.nextHeld(flow), undefined);
    agree(flow);
  }

  #sweep(): void {
    const time = this.#tell();
    const due = new Map<Flow<Box>, Expiry>();
    for (const flow of this.live) {
      const belief = flow.data.belief;
      assert(belief !== undefined);
      if (this.#now >= belief.deadline) due.set(flow, "deadline");
      else if (this.#now - belief.lastSeen >= this.#idleOf(belief)) due.set(flow, "idle");
    }
    this.table.sweep(time, (flow, why) => {
      assertEquals(why, due.get(flow), "The sweep reports what is not due");
      due.delete(flow);
      // A calm shell goes on after the deadline and finishes flushing; otherwise anything may happen.
      if (flow.state === "open") this.#close(flow, why);
      else if (!this.#profile.hostile || this.#chance(0.5)) this.#drive(flow);
      else if (this.#chance(0.8)) this.#close(flow, why);
    });
    assertEquals(due.size, 0, "The sweep misses flows that are due");
  }

  #idleOf(belief: Belief): number {
    const { idleMs, unansweredMs } = belief;
    return idleMs !== Infinity && isUnanswered(belief) ? Math.min(idleMs, unansweredMs) : idleMs;
  }

  /** The checks that look at everything. */
  audit(): void {
    let memory = 0;
    const counts = { detecting: 0, resolving: 0, flushing: 0, open: 0 };
    const hosts = new Map<string, number>();
    for (const flow of this.live) {
      agree(flow);
      assertEquals(flow.held, flow.data.belief?.held);
      memory += flow.heldBytes + flow.held.length * HELD_OVERHEAD;
      if (flow.state !== "closed") counts[flow.state]++;
      hosts.set(flow.host, (hosts.get(flow.host) ?? 0) + 1);
    }
    assertEquals(this.#taken, memory);
    assertEquals(this.table.counts, counts);
    assertEquals(new Set(this.table), new Set(this.live));
    for (const [host, count] of this.admitted) assertEquals(count, hosts.get(host) ?? 0);
    const drops = Object.entries(this.counted).filter(([, count]) => count > 0);
    assertEquals(
      new Map(drops),
      new Map([...this.drops].filter(([, count]) => count > 0)),
    );
    const waiting = this.live.reduce((sum, flow) => {
      const belief = flow.data.belief;
      return sum + (belief?.held.length ?? 0) - (belief?.sending ? 1 : 0);
    }, 0);
    const dropped = drops.reduce((sum, [, count]) => sum + count, 0);
    assertEquals(this.#arrived, this.#upEver + waiting + dropped, "Datagrams are unaccounted for");
  }

  /** Lets everything finish: a calm world loses nothing, and every world ends empty. */
  end(): void {
    if (!this.#profile.hostile) {
      for (const flow of this.live) while (flow.state !== "open") this.#drive(flow);
      for (const client of this.clients) {
        assertEquals(client.reached.length, client.sent, "Datagrams were lost without a limit");
      }
    }
    this.#clock = this.#now + 1000 * DAY_MS;
    this.table.sweep(this.#tell(), (flow, why) => this.#close(flow, why));
    this.audit();
    assertEquals([this.table.size, this.table.hosts, this.table.held, this.#taken], [0, 0, 0, 0]);
    assertEquals([...this.admitted.values()].every((count) => count === 0), true);
  }

  /** What two runs of one seed must agree on. */
  summary(): string {
    return JSON.stringify([this.#now, this.#ids, this.#arrived, this.#upEver, this.counted]);
  }
}
