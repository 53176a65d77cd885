import { assertEquals } from "@std/assert";
import { Lingering, type LingerLimits } from "../../../src/io/linger.ts";
import type { Stream } from "../../../src/io/mod.ts";
import { LingerCounters } from "../../../src/observe/metrics/linger_counters.ts";

const LIMITS: LingerLimits = { connections: 3, bytes: 1000, stallMs: 300, graceMs: 100 };
const NOWHERE = { host: "", port: 0 };

/** A connection whose queue is set by the test. */
class FakeStream implements Stream {
  readonly local = NOWHERE;
  readonly remote = NOWHERE;
  /** Unsent bytes; `undefined` if unknown. */
  queue: number | undefined;
  /** How often it cannot be reset yet. */
  notYet = 0;
  state: "open" | "ended" | "closed" | "reset" = "open";
  readonly #read = Promise.withResolvers<number | null>();

  constructor(queue?: number) {
    this.queue = queue;
    // The test may not wait for it.
    this.#read.promise.catch(() => {});
  }

  read(): Promise<number | null> {
    return this.#read.promise;
  }

  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(bytes.length);
  }

  closeWrite(): Promise<void> {
    if (this.state === "open") this.state = "ended";
    return Promise.resolve();
  }

  setNoDelay(): void {}

  unsent(): number | undefined {
    return this.state === "closed" || this.state === "reset" ? 0 : this.queue;
  }

  abandon(): boolean {
    if (this.notYet-- > 0) return false;
    this.state = "reset";
    this.#read.reject(new Error("closed"));
    return true;
  }

  close(): void {
    if (this.state !== "reset") this.state = "closed";
    this.#read.reject(new Error("closed"));
  }

  /** The other side ends. */
  async end(): Promise<void> {
    this.#read.resolve(null);
    await new Promise((resolve) => setTimeout(resolve));
  }

  /** The other side resets. */
  async break(): Promise<void> {
    this.#read.reject(new Error("reset"));
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function make(): { lingering: Lingering; counters: LingerCounters; sockets: { total: number } } {
  const counters = new LingerCounters();
  const sockets = { total: 0, add: (change: number) => sockets.total += change };
  return { lingering: new Lingering(counters, { limits: LIMITS, sockets }), counters, sockets };
}

const SENT = { sent: true };

Deno.test("io linger: closes at once if there is nothing to deliver, or that is unknown", () => {
  const { lingering, counters } = make();
  const cases = [
    [new FakeStream(0), SENT],
    [new FakeStream(1), SENT],
    [new FakeStream(undefined), SENT],
    // Nothing was written to it: the kernel is not asked.
    [new FakeStream(500), { sent: false }],
  ] as const;
  for (const [stream, options] of cases) {
    lingering.close(stream, options);
    assertEquals(stream.state, "closed");
  }
  assertEquals([counters.connections, counters.bytes], [0, 0]);
});

Deno.test("io linger: lasts while the queue shrinks, and counts its bytes", () => {
  const { lingering, counters, sockets } = make();
  const stream = new FakeStream(500);
  lingering.close(stream, SENT);
  assertEquals([counters.connections, counters.bytes, sockets.total], [1, 500, 1]);
  // Whole: else a second later may be a hair less than a second later.
  const begun = Math.ceil(performance.now());
  for (let i = 1; i <= 20; i++) {
    stream.queue = 500 - i * 20;
    lingering.sweep(begun + i * 1000);
    assertEquals(stream.state, "ended");
    assertEquals(counters.bytes, stream.queue);
  }
  // Only the end is left.
  stream.queue = 1;
  lingering.sweep(begun + 21_000);
  assertEquals(stream.state, "closed");
  assertEquals([counters.connections, counters.bytes, sockets.total], [0, 0, 0]);
});

Deno.test("io linger: resets stalled connections", () => {
  const { lingering, counters } = make();
  const stream = new FakeStream(500);
  lingering.close(stream, SENT);
  const begun = performance.now();
  stream.queue = 400;
  lingering.sweep(begun + 200);
  lingering.sweep(begun + 400);
  assertEquals(stream.state, "ended");
  lingering.sweep(begun + 550);
  assertEquals(stream.state, "reset");
  assertEquals([counters.connections, counters.resets.stalled], [0, 1]);
});

Deno.test("io linger: after a graceful end the client is read from a little longer, or until it ends", async () => {
  const { lingering, counters } = make();
  const [quick, quiet] = [new FakeStream(0), new FakeStream(0)];
  for (const stream of [quick, quiet]) lingering.close(stream, { sent: true, graceful: true });
  const begun = performance.now();
  assertEquals(counters.connections, 2);
  await quick.end();
  assertEquals([quick.state, quiet.state], ["closed", "ended"]);
  lingering.sweep(begun + 250);
  assertEquals(quiet.state, "closed");
  assertEquals(counters.connections, 0);
});

Deno.test("io linger: a connection that cannot report lingers until the other side ends, or as long as a stalled one", async () => {
  const { lingering, counters } = make();
  const [quick, quiet] = [new FakeStream(), new FakeStream()];
  for (const stream of [quick, quiet]) lingering.close(stream, { sent: true, graceful: true });
  const begun = performance.now();
  await quick.end();
  lingering.sweep(begun + 200);
  assertEquals([quick.state, quiet.state], ["closed", "ended"]);
  lingering.sweep(begun + 450);
  assertEquals(quiet.state, "closed");
  assertEquals(counters.connections, 0);
});

Deno.test("io linger: an end of the other side does not stop the delivery, a reset does", async () => {
  const { lingering, counters } = make();
  const stream = new FakeStream(500);
  lingering.close(stream, { sent: true, graceful: true });
  await stream.end();
  lingering.sweep(performance.now() + 150);
  assertEquals(stream.state, "ended");
  const broken = new FakeStream(500);
  lingering.close(broken, SENT);
  await broken.break();
  assertEquals([broken.state, counters.connections], ["closed", 1]);
  lingering.cutAll();
});

Deno.test("io linger: a client that takes nothing is displaced before one that takes little", () => {
  const { lingering, counters } = make();
  const streams = [10, 10, 10].map((bytes) => new FakeStream(bytes));
  for (const stream of streams) lingering.close(stream, SENT);
  // The second takes none.
  streams[0]!.queue = 9;
  streams[2]!.queue = 9;
  lingering.sweep(performance.now() + 150);
  lingering.close(new FakeStream(10), SENT);
  assertEquals(streams.map(({ state }) => state), ["ended", "reset", "ended"]);
  assertEquals([counters.connections, counters.bytes], [3, 28]);
  lingering.cutAll();
});

Deno.test("io linger: a connection that cannot be reset yet takes no other's place", () => {
  const { lingering, counters } = make();
  const streams = [10, 10, 10, 10].map((bytes) => new FakeStream(bytes));
  streams[0]!.notYet = 1;
  for (const stream of streams) lingering.close(stream, SENT);
  assertEquals(streams.map(({ state }) => state), ["ended", "ended", "ended", "ended"]);
  assertEquals([counters.connections, counters.bytes, counters.resets.displaced], [4, 30, 1]);
  lingering.sweep(performance.now() + 150);
  assertEquals(streams.map(({ state }) => state), ["reset", "ended", "ended", "ended"]);
  assertEquals([counters.connections, counters.resets.displaced], [3, 1]);
  lingering.cutAll();
});

Deno.test("io linger: one connection too many displaces the oldest", () => {
  const { lingering, counters } = make();
  const streams = Array.from({ length: 5 }, () => new FakeStream(10));
  for (const stream of streams) lingering.close(stream, SENT);
  assertEquals(streams.map(({ state }) => state), ["reset", "reset", "ended", "ended", "ended"]);
  assertEquals([counters.connections, counters.bytes, counters.resets.displaced], [3, 30, 2]);
  lingering.cutAll();
  assertEquals([counters.connections, counters.bytes, counters.resets.shutdown], [0, 0, 3]);
});

Deno.test("io linger: too many bytes displace the oldest, and at last the newcomer", () => {
  const { lingering, counters } = make();
  const [first, second, third] = [600, 300, 500].map((bytes) => new FakeStream(bytes)) as [
    FakeStream,
    FakeStream,
    FakeStream,
  ];
  for (const stream of [first, second, third]) lingering.close(stream, SENT);
  assertEquals([first.state, second.state, third.state], ["reset", "ended", "ended"]);
  assertEquals(counters.bytes, 800);
  const huge = new FakeStream(2000);
  lingering.close(huge, SENT);
  assertEquals([second.state, third.state, huge.state], ["ended", "ended", "reset"]);
  assertEquals([counters.bytes, counters.resets.displaced], [800, 2]);
  lingering.cutAll();
});

Deno.test("io linger: connections that close by themselves are counted, and displaced like others", () => {
  const { lingering, counters, sockets } = make();
  const cuts: number[] = [];
  const releases: (() => void)[] = [];
  for (let i = 0; i < 5; i++) {
    releases.push(lingering.hold(() => cuts.push(i)));
  }
  assertEquals([cuts, counters.connections, sockets.total], [[0, 1], 3, 3]);
  releases[2]!();
  releases[2]!();
  assertEquals(counters.connections, 2);
  lingering.cutAll();
  assertEquals([cuts, counters.connections, sockets.total], [[0, 1, 3, 4], 0, 0]);
});

Deno.test("io linger: a limit drops undelivered bytes, and tries again if the sockets cannot yet", () => {
  const { lingering, counters } = make();
  const cases = [[0, "closed"], [undefined, "closed"], [500, "reset"]] as const;
  for (const [queue, state] of cases) {
    const stream = new FakeStream(queue);
    lingering.drop(stream);
    assertEquals(stream.state, state);
  }
  assertEquals([counters.connections, counters.resets.limit], [0, 1]);
  const late = new FakeStream(500);
  late.notYet = 2;
  lingering.drop(late);
  assertEquals([counters.connections, counters.bytes, late.state], [1, 0, "open"]);
  lingering.sweep(performance.now() + 150);
  assertEquals(late.state, "open");
  lingering.sweep(performance.now() + 250);
  assertEquals([late.state, counters.connections, counters.bytes], ["reset", 0, 0]);
  assertEquals(counters.resets.limit, 2);
});

Deno.test("io linger: reports when nothing is left to deliver", async () => {
  const { lingering } = make();
  await lingering.delivered();
  const [slow, quiet] = [new FakeStream(500), new FakeStream(0)];
  lingering.close(slow, SENT);
  lingering.close(quiet, { sent: true, graceful: true });
  let told = false;
  const delivered = lingering.delivered().then(() => told = true);
  lingering.sweep(performance.now() + 120);
  await Promise.resolve();
  assertEquals(told, false);
  slow.queue = 0;
  lingering.sweep(performance.now() + 240);
  await delivered;
  lingering.cutAll();
});
