/**
 * The heap of this thread, as V8 reports it. Each thread has its own, with a limit; passing it ends the
 * process.
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

/** V8's young generation consists of three semi-spaces, each 1/128 of the old generation. */
const SEMI_SPACES = 3;
const SEMI_SPACE_SHARE = 1 / 128;

/** Megabytes of a semi-space in builds of shunt; see scripts/_permissions.ts. */
const BUILD_SEMI_SPACE = 1;

/** The use of a thread's heap, garbage included. */
export interface HeapUse {
  /** Bytes in the old generation. */
  readonly used: number;
  /** Limit of the old generation in bytes. */
  readonly limit: number;
  /** Bytes in the young generation. All of them may become old at once. */
  readonly young: number;
}

/** Limit of the old generation in bytes. Flags do not change while the process runs. */
let oldLimit: number | undefined;

/** Reads how full this thread's heap is. Takes about 4 µs. */
export function heapUse(): HeapUse {
  oldLimit ??= oldGenerationLimit(
    v8.getHeapStatistics().heap_size_limit,
    // Deno reads V8's flags from the environment and then from its command line.
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
 * Returns the limit of the old generation, which is the one that is hit. V8 reports only the sum of both
 * generations: with `--max-old-space-size=64` it may be 160 MiB.
 *
 * @param total Limit of both generations in bytes
 * @param flags Text that may contain V8's flags; empty if unknown
 * @returns Limit of the old generation in bytes
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

/** Returns the value of a flag of V8. The last one in the text counts. */
function flag(flags: string, name: string): number | undefined {
  const words = name.replaceAll("-", "[-_]");
  const found = [...flags.matchAll(new RegExp(`--${words}[= ](\\d+)`, "g"))].at(-1)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** V8's garbage collector, once it has been found. */
let collector: (() => void) | undefined;

/** Collects all garbage of this thread. Takes as long as V8 needs to mark the live objects. */
export function collectGarbage(): void {
  collector ??= findCollector();
  collector();
}

/** V8 exposes the collector to contexts that are created after the flag is set. */
function findCollector(): () => void {
  try {
    v8.setFlagsFromString("--expose-gc");
    const { runInNewContext } = process.getBuiltinModule("node:vm");
    const found: unknown = runInNewContext("gc");
    if (typeof found === "function") return () => void found();
  } catch {
    // Without it, V8 decides when to collect.
  }
  return () => {};
}
