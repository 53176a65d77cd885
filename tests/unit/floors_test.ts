/** The floors of ARCHITECTURE.md, held against the imports of src/. */

import { assertEquals, assertExists, assertGreater } from "@std/assert";
import { dirname, join, normalize, relative } from "node:path";

const ROOT = new URL("../../", import.meta.url).pathname;
/** The floor of the single files of src/. */
const SINGLE = "*.ts";

/** The files that each file imports: for values or types, at once or later. Paths from src/. */
async function readImports(): Promise<Map<string, string[]>> {
  const imports = new Map<string, string[]>();
  const look = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) await look(path);
      else if (name.endsWith(".ts")) {
        imports.set(relative(`${ROOT}src`, path), await importsOf(path));
      }
    }
  };
  await look(`${ROOT}src`);
  return imports;
}

async function importsOf(path: string): Promise<string[]> {
  // Examples in comments are no imports.
  const text = (await Deno.readTextFile(path)).replaceAll(/\/\*\*[^]*?\*\//g, "");
  const found = text.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"\n]*\.ts)"/g);
  return [...found].map(([, to]) => relative(`${ROOT}src`, normalize(join(dirname(path), to!))))
    .filter((to) => !to.startsWith(".."));
}

function folderOf(file: string): string {
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : SINGLE;
}

/** The folders, each with the number of its floor; the highest is 0. */
async function readFloors(): Promise<Map<string, number>> {
  const text = await Deno.readTextFile(`${ROOT}ARCHITECTURE.md`);
  const block = text.match(/^```floors\n([^]*?)^```$/m)?.[1];
  assertExists(block, "ARCHITECTURE.md has no block of floors");
  const floors = block.trim().split("\n").map((line) => line.split(" "));
  const folders = floors.flatMap((names, floor) => names.map((name) => [name, floor] as const));
  assertEquals(new Map(folders).size, folders.length, "a folder is on two floors");
  return new Map(folders);
}

Deno.test("floors: every folder of src/ is on exactly one", async () => {
  const floors = await readFloors();
  const folders = new Set([...(await readImports()).keys()].map(folderOf));
  assertEquals([...floors.keys()].sort(), [...folders].sort());
});

Deno.test("floors: imports lead to lower ones only", async () => {
  const [floors, imports] = await Promise.all([readFloors(), readImports()]);
  const wrong: string[] = [];
  let right = 0;
  for (const [file, others] of imports) {
    for (const other of others) {
      const [from, to] = [folderOf(file), folderOf(other)];
      if (from === to) continue;
      if (floors.get(from)! < floors.get(to)!) right++;
      else wrong.push(`src/${file} imports src/${other}`);
    }
  }
  assertEquals(wrong, []);
  assertGreater(right, 0);
});

Deno.test("floors: no file imports itself by others", async () => {
  const imports = await readImports();
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) circles.push([...path.slice(at), file].join(" → "));
    if (at >= 0 || done.has(file)) return;
    for (const other of imports.get(file) ?? []) walk(other, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  assertEquals(circles, []);
});
