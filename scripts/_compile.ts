/**
 * Makes binaries: the bundle and Deno's base, `denort`, in one file. Knows where the base comes from.
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

/** The variable by which Deno takes a base that is on this machine already. */
const BASE = "DENORT_BIN";

/**
 * Makes a binary of a bundle.
 *
 * @param bundle The bundle
 * @param output Where to
 * @param target For which platform; for this one unless given
 * @throws {Error} when the base cannot be had, which says what to do, or when Deno cannot compile
 */
export async function compile(bundle: string, output: string, target?: Target): Promise<void> {
  // Deno takes an empty one for a path.
  if (Deno.env.get(BASE) === "") Deno.env.delete(BASE);
  const base = Deno.env.get(BASE);
  const { ok, err } = await run(Deno.execPath(), [
    "compile",
    ...["--no-check", "--no-config", "--no-lock"],
    // At run time shunt writes nothing that it was not told to.
    "--no-code-cache",
    // Would be the output's name, which may differ from build to build.
    "--app-name=shunt",
    ...FLAGS,
    ...target === undefined ? [] : ["--target", target],
    ...["--output", output, bundle],
  ], base === undefined || target === undefined ? {} : { [BASE]: baseFor(base, target) });
  if (!ok) throw new Error(explain(err, target ?? Deno.build.target, base));
}

/**
 * The base for a platform.
 *
 * @param base What `DENORT_BIN` says, where `{target}` stands for the platform
 * @param target The platform
 * @returns The file
 */
export function baseFor(base: string, target: string): string {
  return base.replaceAll("{target}", target);
}

/**
 * Says in a sentence why there is no binary.
 *
 * @param err What Deno wrote
 * @param target The platform
 * @param base What `DENORT_BIN` says
 * @returns The sentence; what Deno wrote, where that is no question of the base
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

/** Where `deno task build` puts its binary. */
export const BINARY: string = `${ROOT}dist/shunt${Deno.build.os === "windows" ? ".exe" : ""}`;
