/**
 * Runs install.sh against releases of its own, served on loopback.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { tarGz } from "../../../scripts/_archive.ts";
import { ROOT } from "./_deploy.ts";

const encoder = new TextEncoder();
const ARCHIVE = `shunt-${Deno.build.target}.tar.gz`;

/** A release: what lies at its address, by name. */
type Release = Readonly<Record<string, string | Uint8Array>>;

function archiveOf(program: string): Uint8Array<ArrayBuffer> {
  const papers = { name: "README.md", data: encoder.encode("read me"), executable: false };
  const binary = { name: "shunt", data: encoder.encode(program), executable: true };
  return new Uint8Array(tarGz([papers, binary], 1_000_000_000));
}

async function checksum(data: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data)).toHex();
}

const PROGRAM = `#!/bin/sh\n[ "$1" = version ] && echo "shunt 9.9.9 (fake)"\n`;

async function goodRelease(program = PROGRAM): Promise<Release> {
  const archive = archiveOf(program);
  const sums = `${"0".repeat(64)}  another-${ARCHIVE}\n${await checksum(archive)}  ${ARCHIVE}\n`;
  return { [ARCHIVE]: archive, SHA256SUMS: sums };
}

interface Installed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What is in the folder that it installs to. */
  readonly files: readonly string[];
}

async function install(
  release: Release,
  env: Readonly<Record<string, string>> = {},
  before?: (folder: string) => Promise<void>,
): Promise<Installed> {
  const folder = await Deno.makeTempDir({ prefix: "shunt-install-" });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const body = release[new URL(request.url).pathname.slice("/release/".length)];
    return body === undefined
      ? new Response("no such file", { status: 404 })
      : new Response(typeof body === "string" ? body : new Uint8Array(body));
  });
  try {
    await before?.(folder);
    const command = new Deno.Command("sh", {
      args: [`${ROOT}install.sh`],
      cwd: folder,
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        HOME: folder,
        SHUNT_DIR: `${folder}/bin`,
        SHUNT_BASE_URL: `http://127.0.0.1:${server.addr.port}/release`,
        ...env,
      },
    });
    const { code, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    const names = await Array.fromAsync(Deno.readDir(`${folder}/bin`), ({ name }) => name)
      .catch(() => []);
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr), files: names };
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("install: fetches this machine's archive, checks it and installs one file", async () => {
  const { code, out, err, files } = await install(await goodRelease());
  assertEquals([code, err, files], [0, "", ["shunt"]]);
  assertMatch(out, /^Installed shunt 9\.9\.9 \(fake\) as .*\/bin\/shunt\nAdd .*\/bin to PATH\n$/);
});

Deno.test("install: a folder may be given relative to the current one", async () => {
  const { code, out, files } = await install(await goodRelease(), { SHUNT_DIR: "bin" });
  assertEquals([code, files], [0, ["shunt"]]);
  assertMatch(out, /^Installed shunt 9\.9\.9 \(fake\) as \/.*\/bin\/shunt\n/);
});

Deno.test("install: replaces a shunt that goes on running", async () => {
  let inode: number | null = null;
  let held: Deno.FsFile | undefined;
  try {
    const { code, files } = await install(await goodRelease(), {}, async (folder) => {
      await Deno.mkdir(`${folder}/bin`);
      await Deno.writeTextFile(`${folder}/bin/shunt`, "old");
      held = await Deno.open(`${folder}/bin/shunt`);
      inode = (await held.stat()).ino;
    });
    assertEquals([code, files], [0, ["shunt"]]);
    // The old file still exists for processes that have it open: it was replaced, not written into.
    assertEquals((await held?.stat())?.ino, inode);
    assertEquals((await held?.stat())?.size, 3);
  } finally {
    held?.close();
  }
});

Deno.test("install: an archive that does not match SHA256SUMS is not installed", async () => {
  const release = { ...await goodRelease(), [ARCHIVE]: archiveOf(`${PROGRAM}evil\n`) };
  const { code, err, files } = await install(release);
  assertEquals([code, files], [1, []]);
  assertStringIncludes(err, `error: The checksum of ${ARCHIVE} is wrong: nothing was installed`);
});

const REFUSED: readonly [string, (good: Release) => Release, RegExp][] = [
  ["no archive", ({ SHA256SUMS }) => ({ SHA256SUMS: SHA256SUMS! }), /error: Cannot fetch http/],
  ["no checksums", ({ [ARCHIVE]: it }) => ({ [ARCHIVE]: it! }), /error: Cannot fetch http/],
  [
    "checksums of other files",
    (good) => ({ ...good, SHA256SUMS: `${"0".repeat(64)}  another.tar.gz\n` }),
    /error: SHA256SUMS does not list shunt-/,
  ],
];

for (const [what, change, message] of REFUSED) {
  Deno.test(`install: a release with ${what} is refused`, async () => {
    const { code, err, files } = await install(change(await goodRelease()));
    assertEquals([code, files], [1, []]);
    assertMatch(err, message);
  });
}

Deno.test("install: a binary that does not run here is not installed", async () => {
  const { code, err, files } = await install(await goodRelease("#!/bin/sh\nexit 1\n"));
  assertEquals([code, files], [1, []]);
  assertStringIncludes(err, "error: The binary does not run here");
});

Deno.test("install: without a repository it asks for one", async () => {
  const { code, err } = await install({}, { SHUNT_BASE_URL: "" });
  assertEquals(code, 1);
  assertStringIncludes(err, "error: Set SHUNT_REPOSITORY");
});
