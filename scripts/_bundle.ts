/**
 * Bundles all of shunt into one JavaScript file. Knows how that file begins.
 *
 * @module
 */

import { relative } from "node:path";
import { deno, ROOT } from "./_command.ts";
import { FLAGS } from "./_permissions.ts";
import type { Stamp } from "./_stamp.ts";

/** Where the bundle goes. */
export const BUNDLE: string = `${ROOT}dist/shunt.js`;

/** A configuration or lock file of Deno's nearby must not be used. Linux reads 255 bytes of this line. */
const SHEBANG = `#!/usr/bin/env -S deno run --no-config --no-lock ${FLAGS.join(" ")}`;

/**
 * Makes the bundle.
 *
 * @param stamp The stamp of the build
 * @param output Where it goes
 * @throws {Error} if Deno cannot bundle
 */
export async function makeBundle({ commit, epoch }: Stamp, output = BUNDLE): Promise<void> {
  await deno("bundle", "--quiet", "--output", output, "scripts/entry.ts");
  const code = withoutCachePath(await Deno.readTextFile(output), await npmCache());
  const build = `const SHUNT_BUILD = ${JSON.stringify({ commit })};`;
  await Deno.writeTextFile(output, `${SHEBANG}\n${build}\n${code}`);
  if (Deno.build.os !== "windows") await Deno.chmod(output, 0o755);
  // A binary contains this file's time.
  await Deno.utime(output, epoch, epoch);
}

/** Removes the paths by which the bundler names modules, which differ from machine to machine. */
function withoutCachePath(code: string, cache: string): string {
  const path = relative(ROOT, cache).replaceAll("\\", "/");
  const escaped = path.replaceAll(/[.+*?^$()[\]{}|\\]/g, "\\$&");
  return code.replaceAll(new RegExp(`${escaped}/[^/\\s"]+/`, "g"), "npm/");
}

async function npmCache(): Promise<string> {
  const { npmCache }: { readonly npmCache: string } = JSON.parse(await deno("info", "--json"));
  return npmCache;
}
