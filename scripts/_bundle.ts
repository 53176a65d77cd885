/**
 * Makes all of shunt one JavaScript file. Knows what that file begins with.
 *
 * @module
 */

import { relative } from "node:path";
import { deno, ROOT } from "./_command.ts";
import { FLAGS } from "./_permissions.ts";
import type { Stamp } from "./_stamp.ts";

/** Where the bundle is made. */
export const BUNDLE: string = `${ROOT}dist/shunt.js`;

/** Neither a configuration nor a lock file that lies near is shunt's. Linux reads 255 bytes of it. */
const SHEBANG = `#!/usr/bin/env -S deno run --no-config --no-lock ${FLAGS.join(" ")}`;

/**
 * Makes the bundle.
 *
 * @param stamp What to stamp it with
 * @param output Where to
 * @throws {Error} when Deno cannot bundle
 */
export async function makeBundle({ commit, epoch }: Stamp, output = BUNDLE): Promise<void> {
  await deno("bundle", "--quiet", "--output", output, "scripts/entry.ts");
  const code = withoutCachePath(await Deno.readTextFile(output), await npmCache());
  const build = `const SHUNT_BUILD = ${JSON.stringify({ commit })};`;
  await Deno.writeTextFile(output, `${SHEBANG}\n${build}\n${code}`);
  if (Deno.build.os !== "windows") await Deno.chmod(output, 0o755);
  // A binary holds the time of the file in it.
  await Deno.utime(output, epoch, epoch);
}

/** The bundler names modules by their paths, which differ from machine to machine. */
function withoutCachePath(code: string, cache: string): string {
  const path = relative(ROOT, cache).replaceAll("\\", "/");
  const escaped = path.replaceAll(/[.+*?^$()[\]{}|\\]/g, "\\$&");
  return code.replaceAll(new RegExp(`${escaped}/[^/\\s"]+/`, "g"), "npm/");
}

async function npmCache(): Promise<string> {
  const { npmCache }: { readonly npmCache: string } = JSON.parse(await deno("info", "--json"));
  return npmCache;
}
