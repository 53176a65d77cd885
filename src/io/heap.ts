/**
 * The heap of this thread, as V8 reports it: each thread has one of its own, with a limit whose
 * passing ends the process.
 *
 * @module
 */

import process from "node:process";
import v8 from "node:v8";
import { BUILD } from "../build.ts";
import { readSystemFile } from "./system_file.ts";

const MIB = 1_048_576;

/** Spaces of the young generation. */
const YOUNG_SPACES: ReadonlySet<string> = new Set(["new_space", "new_large_object_space"]);

/** V8's young generation is three semi-spaces, of a 128th of the old generation each. */
const SEMI_SPACES = 3;
const SEMI_SPACE_SHARE = 1 / 128;

/** Megabytes of a semi-space in builds of shunt: see scripts/_permissions.ts. */
const BUILD_SEMI_SPACE = 1;

/** How much a thread's heap holds, garbage included. */
export interface HeapUse {
  /** Bytes in the old generation. */
  readonly used: number;
  /** Bytes that the old generation may have. */
  readonly limit: number;
  /** Bytes in the young generation, all of which may become old at once. */
  readonly young: number;
}

/** Bytes that the old generation may have; flags may not change while the process runs. */
let oldLimit: number | undefined;

/**
 * Reads how full this thread's heap is. Takes about 4 µs.
 *
 * @returns What it holds
 */
export function heapUse(): HeapUse {
  oldLimit ??= oldGenerationLimit(
    v8.getHeapStatistics().heap_size_limit,
    // Deno reads flags of V8's from the environment too, and then from its command line.
    `${readSystemFile("/proc/self/environ") ?? ""} ${readSystemFile("/proc/self/cmdline") ?? ""}`,
  );
  let used = 0;
  let young = 0;
  for (const { space_name, space_used_size } of v8.getHeapSpaceStatistics()) {
    if (YOUNG_SPACES.has(space_name)) young += space_used_size;
    else used += space_used_size;
  }
  return { used, limit: oldLimit, young };
}

/**
 * Finds the limit of the old generation, which is what runs out. V8 reports only the sum of both
 * generations: with `--max-old-space-size=64` that may be 160 MiB.
 *
 * @param total Bytes that both generations may have
 * @param flags Where V8's flags may be among others; empty if that is not known
 * @returns Bytes that the old generation may have
 */
export function oldGenerationLimit(total: number, flags: string): number {
  const old = flag(flags, "max-old-space-size");
  if (old !== undefined && old * MIB < total) return old * MIB;
  const semi = flag(flags, "max-semi-space-size") ??
    (BUILD === undefined ? undefined : BUILD_SEMI_SPACE);
  const young = semi === undefined
    ? total * SEMI_SPACES * SEMI_SPACE_SHARE / (1 + SEMI_SPACES * SEMI_SPACE_SHARE)
    : semi * SEMI_SPACES * MIB;
  return Math.max(total / 4, total - young);
}

/** The last word on a flag of V8's counts. */
function flag(flags: string, name: string): number | undefined {
  const words = name.replaceAll("-", "[-_]");
  const found = [...flags.matchAll(new RegExp(`--${words}[= ](\\d+)`, "g"))].at(-1)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** V8's collector, once it has been asked for. */
let collector: (() => void) | undefined;

/** Collects all garbage of this thread: as long as V8 takes to mark what lives. */
export function collectGarbage(): void {
  collector ??= findCollector();
  collector();
}

/** V8 gives it to contexts that are made once the flag is set. */
function findCollector(): () => void {
  try {
    v8.setFlagsFromString("--expose-gc");
    const { runInNewContext } = process.getBuiltinModule("node:vm");
    const found: unknown = runInNewContext("gc");
    if (typeof found === "function") return () => void found();
  } catch {
    // Then V8 collects when it thinks fit.
  }
  return () => {};
}
