/**
 * Makes binaries from the bundle and Deno's base, `denort`. Knows where the base comes from.
 *
 * @module
 */

import { ROOT, run } from "./_command.ts";
import { FLAGS } from "./_permissions.ts";

/** The platforms of a release, as Rust names them. */
export const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
] as const;

/** One platform. */
export type Target = (typeof TARGETS)[number];

/** The variable that names a base on this machine. */
const BASE = "DENORT_BIN";

/**
 * Makes a binary from a bundle.
 *
 * @param bundle The bundle
 * @param output Where it goes
 * @param target The platform; default: this one
 * @throws {Error} if the base is not available, with what to do, or if Deno cannot compile
 */
export async function compile(bundle: string, output: string, target?: Target): Promise<void> {
  // Deno treats an empty value as a path.
  if (Deno.env.get(BASE) === "") Deno.env.delete(BASE);
  const base = Deno.env.get(BASE);
  const { ok, err } = await run(Deno.execPath(), [
    "compile",
    ...["--no-check", "--no-config", "--no-lock"],
    // At run time shunt must write nothing unless told to.
    "--no-code-cache",
    // Otherwise it is the output's name, which may differ between builds.
    "--app-name=shunt",
    ...FLAGS,
    ...target === undefined ? [] : ["--target", target],
    ...["--output", output, bundle],
  ], base === undefined || target === undefined ? {} : { [BASE]: baseFor(base, target) });
  if (!ok) throw new Error(explain(err, target ?? Deno.build.target, base));
}

/**
 * Returns the base for a platform.
 *
 * @param base The value of `DENORT_BIN`, in which `{target}` stands for the platform
 * @param target The platform
 * @returns The file
 */
export function baseFor(base: string, target: string): string {
  return base.replaceAll("{target}", target);
}

/**
 * Explains in a sentence why there is no binary.
 *
 * @param err What Deno wrote
 * @param target The platform
 * @param base The value of `DENORT_BIN`
 * @returns The sentence; Deno's own text if the base is not the cause
 */
export function explain(err: string, target: string, base: string | undefined): string {
  if (base !== undefined && err.includes("Could not find denort")) {
    return `There is no base at ${BASE} "${baseFor(base, target)}"; ` +
      `put denort ${Deno.version.deno} for ${target} there`;
  }
  if (base === undefined && err.includes("Setting up base binary")) {
    return `Cannot fetch Deno's base binary for ${target}; set ${BASE} to a file with denort ` +
      `${Deno.version.deno} for it, or use "deno task bundle", which needs none`;
  }
  return `"deno compile" failed:\n${err.trim()}`;
}

/** The binary of `deno task build`. */
export const BINARY: string = `${ROOT}dist/shunt${Deno.build.os === "windows" ? ".exe" : ""}`;
