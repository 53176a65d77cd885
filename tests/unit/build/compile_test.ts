/**
 * What `deno task build` makes and says. There need be no denort here: any program of Linux serves as
 * the base of a binary that is looked at and not run.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { run } from "../../../scripts/_command.ts";
import { baseFor, compile, explain } from "../../../scripts/_compile.ts";
import { FLAGS } from "../../../scripts/_permissions.ts";
import { findStamp } from "../../../scripts/_stamp.ts";
import { ROOT } from "./_deploy.ts";

/** What Deno writes into a binary about how to run it. */
interface Metadata {
  readonly permissions: Readonly<Record<string, unknown>>;
  readonly unstable_config: { readonly features: readonly string[] };
  readonly code_cache_key: string | null;
}

async function compiled(bundle: string, output: string, base = "/bin/true"): Promise<Uint8Array> {
  Deno.env.set("DENORT_BIN", base);
  try {
    await compile(bundle, output);
  } finally {
    Deno.env.delete("DENORT_BIN");
  }
  return await Deno.readFile(output);
}

function metadataOf(binary: Uint8Array): Metadata {
  const text = new TextDecoder("latin1").decode(binary);
  const start = text.indexOf('{"argv":');
  assert(start > 0, "no metadata");
  let end = start;
  for (let depth = 0; end === start || depth > 0; end++) {
    if (text[end] === "{") depth++;
    if (text[end] === "}") depth--;
  }
  return JSON.parse(text.slice(start, end));
}

Deno.test({
  name: "build: a binary may do what shunt needs and nothing else, and the same makes the same",
  ignore: Deno.build.os !== "linux" || Deno.env.has("DENORT_BIN"),
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "shunt-build-" });
    try {
      const bundle = `${folder}/shunt.js`;
      await Deno.writeTextFile(bundle, "console.log(1);\n");
      const first = await compiled(bundle, `${folder}/one`);
      const second = await compiled(bundle, `${folder}/two`);
      assertEquals(second, first);
      const { permissions, unstable_config, code_cache_key } = metadataOf(first);
      const env = FLAGS.find((flag) => flag.startsWith("--allow-env="))?.split("=")[1]?.split(",");
      // An empty list is "all of it"; `null` is "none".
      const { allow_import: _, ...rest } = permissions;
      assertEquals(rest, {
        allow_net: [],
        allow_read: [],
        allow_write: [],
        allow_ffi: [],
        allow_env: env,
        ignore_env: [],
        allow_run: null,
        allow_sys: null,
        // Stands above the hosts that Deno allows by default.
        deny_import: [],
        deny_env: null,
        deny_ffi: null,
        deny_net: null,
        deny_read: null,
        deny_run: null,
        deny_sys: null,
        deny_write: null,
        ignore_read: null,
        prompt: false,
      });
      assertEquals(unstable_config.features, ["net"]);
      assertEquals(code_cache_key, null);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("build: a missing base is reported in one sentence", async () => {
  const folder = await Deno.makeTempDir({ prefix: "shunt-build-" });
  try {
    await Deno.writeTextFile(`${folder}/shunt.js`, "console.log(1);\n");
    const error = await assertRejects(() =>
      compiled(`${folder}/shunt.js`, `${folder}/shunt`, `${folder}/none`)
    );
    assertMatch(error.message, /^There is no base at DENORT_BIN ".*\/none"; put denort .* there$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("build: Deno's output becomes a sentence if it is about the base", () => {
  const offline = "error: Writing\n\nCaused by:\n    0: Setting up base binary.\n    1: dns error";
  assertMatch(
    explain(offline, "x86_64-pc-windows-msvc", undefined),
    /^Cannot fetch Deno's base binary for x86_64-pc-windows-msvc; set DENORT_BIN .* "deno task bundle"/,
  );
  assertStringIncludes(explain("error: Disk full", "any", undefined), "failed:\nerror: Disk full");
  assertStringIncludes(explain("error: Disk full", "any", "/base"), "failed:\nerror: Disk full");
  assertEquals(
    baseFor("/opt/denort-{target}", "aarch64-apple-darwin"),
    "/opt/denort-aarch64-apple-darwin",
  );
});

Deno.test("build: the stamp is the commit, and SOURCE_DATE_EPOCH if it is set", async () => {
  const stamp = async (epoch: string) => {
    const code = `import { findStamp } from "${ROOT}scripts/_stamp.ts";
      console.log(JSON.stringify(await findStamp()));`;
    return await run(Deno.execPath(), ["eval", code], { SOURCE_DATE_EPOCH: epoch });
  };
  const [own, set, bad] = await Promise.all([findStamp(), stamp("1000000000"), stamp("soon")]);
  assertMatch(own.commit ?? "none", /^[0-9a-f]{12,}(-dirty)?$|^none$/);
  assertEquals(JSON.parse(set.out).epoch, 1_000_000_000);
  assertStringIncludes(bad.err, 'SOURCE_DATE_EPOCH "soon" is no number of seconds');
});

Deno.test("build: no module but build.ts looks for files beside itself, where a build has none", async () => {
  const found: string[] = [];
  const look = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) await look(path);
      else if (
        name.endsWith(".ts") &&
        /\bimport\.meta\.(url|dirname|filename|resolve)\b/.test(await Deno.readTextFile(path))
      ) {
        found.push(path.slice(ROOT.length));
      }
    }
  };
  await look(`${ROOT}src`);
  assertEquals(found, ["src/build.ts"], 'use import … with { type: "text" }');
});
