/**
 * Files that are made by code and kept in the repository. `deno task update` makes all of them anew.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

/**
 * Asserts that a file says what would be written to it now, or with `--update` writes it.
 *
 * @param path The file, from the project's folder
 * @param text What it should say
 */
export async function assertGolden(path: string, text: string): Promise<void> {
  const url = new URL(`../../${path}`, import.meta.url);
  const there = await Deno.readTextFile(url);
  if (there === text) return;
  if (Deno.args.includes("--update")) return await Deno.writeTextFile(url, text);
  assertEquals(there, text, `${path} is not up to date: run "deno task update"`);
}
