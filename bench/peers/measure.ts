/**
 * The definition of a measurement. Knows no measurement.
 *
 * @module
 */

import type { Job } from "./load/job.ts";
import type { Load, Loader } from "./loader.ts";
import type { Instance, Ports } from "./participant.ts";
import { cpuSeconds } from "./proc.ts";
import type { Better } from "./stats.ts";

/** One figure of the report. */
export interface Metric {
  /** Its key in the JSON. */
  readonly id: string;
  /** Its name in the report. */
  readonly label: string;
  /** Its unit. */
  readonly unit: string;
  /** Which is better. */
  readonly better: Better;
  /** Decimals. */
  readonly digits: number;
  /** Smaller values count as this much in ratios. */
  readonly floor?: number;
}

/** Figures by metric. */
export type Figures = Readonly<Record<string, number>>;

/** The means of a measurement. */
export interface Context {
  /** The participant. */
  readonly instance: Instance;
  /** The load generators. */
  readonly loader: Loader;
  /** Seconds that count. */
  readonly seconds: number;
  /** Seconds before them. */
  readonly warm: number;
  /** Figures of the backends themselves in this round, if they were measured. */
  readonly direct: Figures | undefined;
  /**
   * Starts another instance of the participant, and ends it afterwards.
   *
   * @param use Gets it, and the milliseconds from its start to its first answer
   * @returns Its result
   */
  fresh<T>(use: (instance: Instance, ms: number) => Promise<T>): Promise<T>;
}

/** One measurement of one participant. */
export interface Measure {
  /** Its name for `--only`. */
  readonly name: string;
  /** What the participant must have. */
  readonly needs: keyof Ports;
  /** Whether it is repeated with logs on. */
  readonly logs: boolean;
  /** The metrics that it measures. */
  readonly metrics: readonly Metric[];
  /**
   * Measures.
   *
   * @param context The participant and the means
   * @returns A figure for each metric that applies
   */
  run(context: Context): Promise<Figures>;
}

/**
 * Runs a job and reads the CPU time that the participant took for it.
 *
 * @param context The participant and the means
 * @param job The job
 * @returns What was done, and user and system seconds of the proxy; undefined without a proxy
 */
export async function loadWithCpu(
  { instance, loader }: Context,
  job: Job,
): Promise<Load & { readonly cpu: number | undefined }> {
  const pid = instance.countsCpu ? instance.pid : undefined;
  const before = pid === undefined ? 0 : cpuSeconds(pid);
  const load = await loader.run(job);
  const cpu = pid === undefined ? undefined : cpuSeconds(pid) - before;
  return { ...load, cpu };
}

/**
 * Returns a port that the measurement needs.
 *
 * @param port The participant's port
 * @returns The port
 * @throws {Error} If the participant has none
 */
export function portOf(port: number | undefined): number {
  if (port === undefined) throw new Error("The participant has no port for this measurement");
  return port;
}
