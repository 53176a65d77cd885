/**
 * Memory and descriptors of a process over time, as reported by Linux. Knows nothing of the process.
 *
 * @module
 */

/** One look at a process. */
export interface Sample {
  /** Seconds since the first. */
  readonly at: number;
  /** Resident memory in MiB. */
  readonly rss: number;
  readonly descriptors: number;
}

const EVERY_MS = 1000;
/** Looks in a row that have to be the same, milliseconds between them, and how long it may take. */
const SETTLED = 10;
const LOOK_MS = 100;
const MOST_MS = 10_000;

async function look(pid: number): Promise<{ rss: number; descriptors: number }> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  let descriptors = 0;
  for await (const _ of Deno.readDir(`/proc/${pid}/fd`)) descriptors++;
  return { rss: Number(status.match(/VmRSS:\s+(\d+)/)?.[1] ?? 0) / 1024, descriptors };
}

/**
 * Returns how many connections of the whole machine the kernel broke because TCP had no memory left
 * (`tcp_mem`).
 */
export async function kernelAborts(): Promise<number> {
  const text = await Deno.readTextFile("/proc/net/netstat");
  const [names, values] = text.split("\n").filter((line) => line.startsWith("TcpExt:"))
    .map((line) => line.split(" "));
  return Number(values?.[names?.indexOf("TCPAbortOnMemory") ?? -1] ?? 0);
}

/** Looks at a process every second. */
export class Sampler {
  readonly samples: Sample[] = [];
  readonly #pid: number;
  readonly #started: number = performance.now();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param pid The process */
  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Looks now, and remembers. */
  async sample(): Promise<Sample> {
    const at = (performance.now() - this.#started) / 1000;
    const sample = { at, ...await look(this.#pid) };
    this.samples.push(sample);
    return sample;
  }

  /** Looks until nothing is opened any more: a process that has just become ready still does. */
  async settled(): Promise<Sample> {
    let [sample, same] = [await look(this.#pid), 0];
    const end = performance.now() + MOST_MS;
    while (same < SETTLED && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const next = await look(this.#pid);
      same = next.descriptors === sample.descriptors ? same + 1 : 0;
      sample = next;
    }
    return await this.sample();
  }

  /** Begins to look every second. */
  start(): void {
    // A process that has just ended has no values.
    this.#timer = setInterval(() => this.sample().catch(() => {}), EVERY_MS);
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.#timer);
  }
}

/**
 * Returns how much a value grows per minute, by least squares.
 *
 * @param samples The samples
 * @param key The value
 */
export function slope(samples: readonly Sample[], key: "rss" | "descriptors"): number {
  const count = samples.length;
  if (count < 2) return 0;
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / count;
  const [time, value] = [mean(({ at }) => at), mean((sample) => sample[key])];
  let [over, under] = [0, 0];
  for (const sample of samples) {
    over += (sample.at - time) * (sample[key] - value);
    under += (sample.at - time) ** 2;
  }
  return under === 0 ? 0 : over / under * 60;
}

/**
 * Picks some samples, evenly, the first and the last among them.
 *
 * @param samples All of them
 * @param count How many
 */
export function some(samples: readonly Sample[], count: number): Sample[] {
  if (samples.length <= count) return [...samples];
  const step = (samples.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, i) => samples[Math.round(i * step)]!);
}
