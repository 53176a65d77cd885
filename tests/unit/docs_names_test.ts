/** Holds the files and functions that ARCHITECTURE.md and docs/states.md name against src/. */

import { assertEquals, assertGreater } from "@std/assert";
import { CLOSE_REASONS } from "../../src/observe/reasons.ts";

const ROOT = new URL("../../", import.meta.url);
const DOCS = ["ARCHITECTURE.md", "docs/states.md"];
/** Places of files, by which what is in it is named. */
const FILE = "`([\\w./{},-]+\\.ts)`";

const texts = new Map<string, string>();

/** Reads a file, by its path from the project's folder or from src/; `undefined` if there is none. */
async function read(path: string): Promise<string | undefined> {
  for (const place of [path, `src/${path}`]) {
    const known = texts.get(place);
    if (known !== undefined) return known;
    try {
      const text = await Deno.readTextFile(new URL(place, ROOT));
      texts.set(place, text);
      return text;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** Reports whether a file declares a function, class, type, constant or member. */
function declares(text: string, name: string): boolean {
  const word = name.replace("#", "").replace("$", "\\$");
  const declared = `\\b(?:function\\*?|class|const|let|interface|type|get|set)\\s+#?${word}\\b`;
  const member =
    `^\\s+(?:(?:abstract|static|readonly|override|async)\\s+)*\\*?#?${word}\\??[<(:;=\\s]`;
  return new RegExp(`${declared}|${member}`, "m").test(text);
}

/** Every file that a text names, with what it is said to declare. */
function* claimsOf(text: string): Generator<readonly [path: string, names: readonly string[]]> {
  for (const [, path, list] of text.matchAll(new RegExp(`${FILE}(?:\\s+\\(([^()]*)\\))?`, "g"))) {
    const names = [...(list ?? "").matchAll(/`([A-Za-z#][\w.#]*)`/g)].map(([, name]) => name!);
    yield [path!, names.filter((name) => !name.endsWith(".ts"))];
  }
}

async function wrongIn(text: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const [path, names] of claimsOf(text)) {
    const source = await read(path);
    if (source === undefined && !path.includes("NAME")) wrong.push(`${path} does not exist`);
    for (const part of names.flatMap((name) => name.split("."))) {
      if (source !== undefined && !declares(source, part)) wrong.push(`${path} has no ${part}`);
    }
  }
  return wrong;
}

for (const doc of DOCS) {
  Deno.test(`docs: every file and function that ${doc} names is there`, async () => {
    const text = await Deno.readTextFile(new URL(doc, ROOT));
    assertGreater([...claimsOf(text)].length, 20);
    assertEquals(await wrongIn(text), []);
  });
}

Deno.test("docs: a file and a function that are not there are found", async () => {
  const text =
    "`manage/gone.ts` and `manage/life.ts` (`Life.finish`, `Life.vanish`, a word), `plane.ts`";
  assertEquals(await wrongIn(text), [
    "manage/gone.ts does not exist",
    "manage/life.ts has no vanish",
    "plane.ts does not exist",
  ]);
});

Deno.test("docs: docs/states.md says where a session or flow ends with each close reason", async () => {
  const text = await Deno.readTextFile(new URL("docs/states.md", ROOT));
  assertEquals(CLOSE_REASONS.filter((reason) => !text.includes(`\`${reason}\``)), []);
});
