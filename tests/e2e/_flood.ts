/**
 * Floods, and what must go on meanwhile: clients that are served all the time, memory and processor
 * time of a process.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { bytes, connect, readExactly, writeAll } from "./_shunt.ts";

/** Resident memory of a process in MiB. */
export async function rss(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

/** Processor time that a process has used, in milliseconds. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // After the name, which may hold blanks: utime and stime are the 12th and 13th, in ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Descriptors that a process has open. */
export async function descriptors(pid: number): Promise<number> {
  let count = 0;
  for await (const _ of Deno.readDir(`/proc/${pid}/fd`)) count++;
  return count;
}

/**
 * Does something for each of many, some at once.
 *
 * @param count How many
 * @param work What to do
 * @param atOnce How many at once
 */
export async function each(
  count: number,
  work: (i: number) => Promise<unknown>,
  atOnce = 50,
): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, async () => {
    while (next < count) await work(next++);
  }));
}

/** Closes everything that a test has opened. */
export class Opened implements Disposable {
  readonly all: { close(): void }[] = [];

  /** Keeps one. */
  add<T extends { close(): void }>(one: T): T {
    this.all.push(one);
    return one;
  }

  /** Closes all so far. */
  close(): void {
    for (const one of this.all.splice(0)) {
      try {
        one.close();
      } catch {
        // Closed already.
      }
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens a connection and waits until shunt ends it.
 *
 * @param port Where to connect to
 * @param first What it sends first
 * @returns Milliseconds from its connection to its end
 */
export async function refused(port: number, first = ""): Promise<number> {
  const begun = performance.now();
  let conn: Deno.TcpConn | undefined;
  try {
    conn = await connect(port);
    if (first !== "") await writeAll(conn, bytes(first));
    assertEquals(await conn.read(new Uint8Array(1)), null, "a refused client got an answer");
  } catch (error) {
    if (!isReset(error)) throw error;
  } finally {
    conn?.close();
  }
  return performance.now() - begun;
}

/** Whether a connection was reset. */
export function isReset(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.NotConnected;
}

/** Sends something and wants it back. */
export async function echoed(conn: Deno.TcpConn, message: string): Promise<void> {
  await writeAll(conn, bytes(message));
  assertEquals(await readExactly(conn, message.length), bytes(message));
}

/** Whether a client is served now. */
export async function isServed(port: number, first = "x"): Promise<boolean> {
  let conn: Deno.TcpConn | undefined;
  try {
    conn = await connect(port);
    await writeAll(conn, bytes(first));
    return await conn.read(new Uint8Array(1)) === 1;
  } catch (error) {
    if (isReset(error)) return false;
    throw error;
  } finally {
    conn?.close();
  }
}

/** Sessions to an echo that are used all the time: each answer is checked and timed. */
export class Steady {
  /** The longest that an answer took, in milliseconds. */
  worst = 0;
  rounds = 0;
  readonly #loops: Promise<void>[];
  #over = false;
  #failure: unknown;

  private constructor(conns: readonly Deno.TcpConn[]) {
    this.#loops = conns.map((conn, i) =>
      this.#run(conn, i).catch((error: unknown) => {
        this.#failure ??= error;
      })
    );
  }

  /**
   * Begins them.
   *
   * @param port Where they connect to
   * @param count How many
   */
  static async start(port: number, count = 8): Promise<Steady> {
    const conns: Deno.TcpConn[] = [];
    for (let i = 0; i < count; i++) {
      const conn = await connect(port);
      await echoed(conn, `hello ${i}`);
      conns.push(conn);
    }
    return new Steady(conns);
  }

  async #run(conn: Deno.TcpConn, i: number): Promise<void> {
    for (let round = 0; !this.#over; round++) {
      const begun = performance.now();
      await echoed(conn, `${i}:${round}`.padEnd(1000, "."));
      this.worst = Math.max(this.worst, performance.now() - begun);
      this.rounds++;
      // So that they measure, and are no flood themselves.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    conn.close();
  }

  /**
   * Ends them, after each has been served once more.
   *
   * @param worstMs What no answer may have taken
   */
  async stop(worstMs = 3000): Promise<void> {
    this.#over = true;
    await Promise.all(this.#loops);
    if (this.#failure !== undefined) throw this.#failure;
    assert(this.rounds >= this.#loops.length, "the steady sessions were not served");
    assert(this.worst < worstMs, `a steady session waited ${Math.round(this.worst)} ms`);
  }
}
