import { assert, assertEquals, assertRejects } from "@std/assert";
import { dirname } from "node:path";
import { FileWatch, type WatchOptions } from "../../../src/service/watch.ts";
import { missingForLibc, openLibc } from "../../../src/io/libc/symbols.ts";
import { inFolder } from "../_folder.ts";

// Else each test would be taken to have opened it.
if (missingForLibc() === undefined) openLibc();

const linux = Deno.build.os === "linux";
/** Long enough for a loaded machine to deliver events that belong together. */
const QUIET_MS = 15;

/** The events of a watch, to be waited for. */
class Events {
  readonly #lines: string[] = [];
  #waiting: ((line: string) => void) | undefined;
  readonly options: WatchOptions = {
    quietMs: QUIET_MS,
    onChange: (text) => this.#add(`changed ${text}`),
    onWaiting: () => this.#add("waiting"),
    onError: (error) => this.#add(String(error)),
  };

  #add(line: string): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#lines.push(line);
    else waiting(line);
  }

  next(): Promise<string> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve) => this.#waiting = resolve);
  }

  /** Returns the next event except for waiting; a write takes long on a busy machine. */
  async change(): Promise<string> {
    for (;;) {
      const line = await this.next();
      if (line !== "waiting") return line;
    }
  }

  /** Asserts that there is no event, which takes waiting. */
  async nothingFor(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    assertEquals(this.#lines, []);
  }
}

/** What a test has of a file that is watched. */
interface Watching {
  /** A folder of the test's own, which the file is in. */
  readonly folder: string;
  readonly path: string;
  readonly events: Events;
  readonly watch: FileWatch;
}

/** Watches a file, which says something, while a test does something with it. */
function watching(
  text: string,
  test: (at: Watching) => Promise<void>,
  name = "config.yaml",
): Promise<void> {
  return inFolder(async (folder) => {
    const path = `${folder}/${name}`;
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, text);
    const events = new Events();
    await using watch = new FileWatch(path, events.options);
    await watch.started;
    await test({ folder, path, events, watch });
  });
}

async function replace(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}

async function runs(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args, stdin: "null" }).output();
  assert(success, new TextDecoder().decode(stderr));
}

async function has(command: string): Promise<boolean> {
  return (await new Deno.Command("sh", { args: ["-c", `command -v ${command}`] }).output()).success;
}

/** Ways to change `config.yaml` from "old" to "new". */
const WRITERS: Readonly<Record<string, (folder: string, path: string) => Promise<void>>> = {
  "one that writes in place": (_, path) => Deno.writeTextFile(path, "new"),
  "one that renames over it": (_, path) => replace(path, "new"),
  "one that renames over it from elsewhere": async (_, path) => {
    const other = await Deno.makeTempFile();
    await Deno.writeTextFile(other, "new");
    await Deno.rename(other, path);
  },
  "one that removes it first": async (_, path) => {
    await Deno.remove(path);
    await Deno.writeTextFile(path, "new");
  },
  "one that links it into place": async (folder, path) => {
    await Deno.writeTextFile(`${folder}/other`, "new");
    await Deno.remove(path);
    await Deno.link(`${folder}/other`, path);
  },
  "one that changes its mode after its close": async (_, path) => {
    await Deno.writeTextFile(path, "new");
    await Deno.chmod(path, 0o600);
  },
  "one that keeps the old file until the end": async (_, path) => {
    await Deno.rename(path, `${path}~`);
    await Deno.writeTextFile(path, "new");
    await Deno.chmod(path, 0o600);
    await Deno.remove(`${path}~`);
  },
  "one that writes to another link of it": async (folder, path) => {
    await Deno.mkdir(`${folder}/other`);
    await Deno.link(path, `${folder}/other/link`);
    await Deno.writeTextFile(`${folder}/other/link`, "new");
  },
  "one that swaps the folder": async (folder) => {
    await Deno.mkdir(`${folder}/next`);
    await Deno.writeTextFile(`${folder}/next/config.yaml`, "new");
    await Deno.rename(`${folder}/conf`, `${folder}/last`);
    await Deno.rename(`${folder}/next`, `${folder}/conf`);
  },
  "one that makes the folder anew": async (folder, path) => {
    await Deno.remove(`${folder}/conf`, { recursive: true });
    await Deno.mkdir(`${folder}/conf`);
    await Deno.writeTextFile(path, "new");
  },
};

for (const [name, write] of Object.entries(WRITERS)) {
  Deno.test(`watch: sees ${name}, once, and goes on`, () =>
    watching("old", async ({ folder, path, events }) => {
      await write(folder, path);
      assertEquals(await events.change(), "changed new");
      await replace(path, "renamed");
      assertEquals(await events.change(), "changed renamed");
      await Deno.writeTextFile(path, "written");
      assertEquals(await events.change(), "changed written");
    }, "conf/config.yaml"));
}

const EDITORS: readonly (readonly [string, ...string[]])[] = [
  ["sed", "-i", "s/old/new/"],
  ["vim", "-es", "-u", "NONE", "-c", "s/old/new/", "-c", "wq"],
  ["vim", "-es", "-u", "NONE", "-c", "set backupcopy=no", "-c", "s/old/new/", "-c", "wq"],
];

for (const [command, ...args] of EDITORS) {
  Deno.test({
    name: `watch: sees ${command} ${args.join(" ")}`,
    ignore: !linux || !await has(command),
  }, () =>
    watching("old\n", async ({ path, events }) => {
      await runs(command, ...args, path);
      assertEquals(await events.change(), "changed new\n");
    }));
}

Deno.test(
  { name: "watch: waits for a writer that pauses, in place or anew", ignore: !linux },
  () =>
    watching("old", async ({ path, events }) => {
      for (const round of [1, 2]) {
        {
          using file = await Deno.open(path, { write: true, truncate: true, create: true });
          assertEquals(await events.next(), "waiting");
          await file.write(new TextEncoder().encode("half "));
          await Deno.chmod(path, 0o600);
          await events.nothingFor(12 * QUIET_MS);
          await file.write(new TextEncoder().encode(`and half ${round}`));
        }
        assertEquals(await events.change(), `changed half and half ${round}`);
        await Deno.remove(path);
      }
    }),
);

Deno.test(
  { name: "watch: waits for a writer in a folder that was not there", ignore: !linux },
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/a/b/config.yaml`;
      const events = new Events();
      await using watch = new FileWatch(path, events.options);
      await watch.started;
      await Deno.mkdir(`${folder}/a/b`, { recursive: true });
      {
        using file = await Deno.open(path, { write: true, create: true });
        await file.write(new TextEncoder().encode("half "));
        await file.sync();
        await events.nothingFor(2 * QUIET_MS);
        await file.write(new TextEncoder().encode("and half"));
      }
      assertEquals(await events.change(), "changed half and half");
    }),
);

Deno.test("watch: a change after a read on demand is reported, a change back too", () =>
  watching("old", async ({ folder, path, events, watch }) => {
    assertEquals(await watch.read(), "old");
    await replace(path, "new");
    assertEquals(await watch.read(), "new");
    await Deno.writeTextFile(path, "old");
    // The text that was read may be reported too, if the watch comes first.
    while (await events.change() !== "changed old");
    await Deno.mkdir(`${folder}/next`);
    await Deno.writeTextFile(`${folder}/next/config.yaml`, "newer");
    await Deno.rename(`${folder}/conf`, `${folder}/last`);
    await Deno.rename(`${folder}/next`, `${folder}/conf`);
    assertEquals(await watch.read(), "newer");
    await Deno.remove(path);
    assertEquals(await watch.read(), undefined);
    await Deno.mkdir(path);
    await assertRejects(() => watch.read(), Error, "is not a file");
  }, "conf/config.yaml"));

Deno.test(
  { name: "watch: a file that is being written is not read on demand", ignore: !linux },
  () =>
    watching("old", async ({ path, events, watch }) => {
      {
        using file = await Deno.open(path, { write: true, truncate: true });
        await file.write(new TextEncoder().encode("half "));
        assertEquals(await events.next(), "waiting");
        await assertRejects(() => watch.read(), Error, "is being written; try again");
        await file.write(new TextEncoder().encode("and half"));
      }
      assertEquals(await events.change(), "changed half and half");
      assertEquals(await watch.read(), "half and half");
    }),
);

Deno.test("watch: follows a volume of Kubernetes", () =>
  inFolder(async (folder) => {
    const publish = async (version: string) => {
      await Deno.mkdir(`${folder}/..${version}`);
      await Deno.writeTextFile(`${folder}/..${version}/config.yaml`, version);
      await Deno.symlink(`..${version}`, `${folder}/..data_tmp`);
      await Deno.rename(`${folder}/..data_tmp`, `${folder}/..data`);
    };
    await publish("1");
    await Deno.symlink("..data/config.yaml", `${folder}/config.yaml`);
    const events = new Events();
    await using watch = new FileWatch(`${folder}/config.yaml`, events.options);
    await watch.started;
    for (const version of ["2", "3"]) {
      await publish(version);
      await Deno.remove(`${folder}/..${Number(version) - 1}`, { recursive: true });
      assertEquals(await events.change(), `changed ${version}`);
    }
  }));

Deno.test("watch: follows links to folders and files, whatever replaces them", () =>
  inFolder(async (folder) => {
    for (const release of ["1", "2"]) {
      await Deno.mkdir(`${folder}/releases/${release}/etc`, { recursive: true });
      await Deno.writeTextFile(`${folder}/releases/${release}/etc/real`, release);
      await Deno.symlink("etc/real", `${folder}/releases/${release}/config.yaml`);
    }
    await Deno.symlink(`${folder}/releases/1`, `${folder}/current`);
    const events = new Events();
    await using watch = new FileWatch(`${folder}/current/../current/config.yaml`, {
      ...events.options,
      pollMs: 5 * QUIET_MS,
    });
    await watch.started;
    await Deno.writeTextFile(`${folder}/releases/1/etc/real`, "in place");
    assertEquals(await events.change(), "changed in place");
    await Deno.symlink("releases/2", `${folder}/next`);
    await Deno.rename(`${folder}/next`, `${folder}/current`);
    assertEquals(await events.change(), "changed 2");
    await replace(`${folder}/current/config.yaml`, "no link");
    assertEquals(await events.change(), "changed no link");
    // No watch reaches up to here.
    await Deno.rename(`${folder}/releases`, `${folder}/old`);
    await Deno.mkdir(`${folder}/releases/2`, { recursive: true });
    await Deno.writeTextFile(`${folder}/releases/2/config.yaml`, "moved");
    assertEquals(await events.change(), "changed moved");
  }));

Deno.test("watch: does not report a file with the same text, or other files", () =>
  watching("same", async ({ folder, path, events }) => {
    await Deno.utime(path, 1, 1);
    await Deno.chmod(path, 0o600);
    await Deno.writeTextFile(path, "same");
    await replace(path, "same");
    await Deno.remove(path);
    await Deno.writeTextFile(`${folder}/other.yaml`, "other");
    await Deno.writeTextFile(path, "same");
    await events.nothingFor(12 * QUIET_MS);
    await replace(path, "changed");
    assertEquals(await events.change(), "changed changed");
  }));

Deno.test("watch: compares with the text in use, which was read before", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config.yaml`, "newer");
    const events = new Events();
    await using _watch = new FileWatch(`${folder}/config.yaml`, {
      ...events.options,
      text: "older",
    });
    assertEquals(await events.change(), "changed newer");
  }));

Deno.test("watch: goes on after its callback has failed", () =>
  inFolder(async (folder) => {
    const path = `${folder}/config.yaml`;
    const events = new Events();
    await using watch = new FileWatch(path, {
      ...events.options,
      onChange: (text) => {
        if (text.startsWith("bad")) return Promise.reject(new Error(text));
        return events.options.onChange(text);
      },
    });
    await watch.started;
    await replace(path, "bad 1");
    assertEquals(await events.next(), "Error: bad 1");
    await replace(path, "bad 2");
    assertEquals(await events.next(), "Error: bad 2");
    await Deno.remove(path);
    await Deno.mkdir(path);
    assertEquals(await events.next(), `Error: "${path}" is not a file`);
    await Deno.remove(path);
    await replace(path, "good");
    assertEquals(await events.change(), "changed good");
  }));

Deno.test("watch: calls again only after the last call has ended, with the latest text", () =>
  inFolder(async (folder) => {
    const path = `${folder}/config.yaml`;
    const events = new Events();
    let finish: (() => void) | undefined;
    await using watch = new FileWatch(path, {
      ...events.options,
      onChange: (text) => {
        events.options.onChange(text);
        if (text === "1") return new Promise((resolve) => finish = resolve);
      },
    });
    await watch.started;
    await replace(path, "1");
    assertEquals(await events.change(), "changed 1");
    await replace(path, "2");
    await events.nothingFor(2 * QUIET_MS);
    await replace(path, "3");
    await events.nothingFor(12 * QUIET_MS);
    finish!();
    assertEquals(await events.change(), "changed 3");
  }));

Deno.test("watch: ends when it is disposed of, even during a call", () =>
  inFolder(async (folder) => {
    const path = `${folder}/config.yaml`;
    const ended = Promise.withResolvers<void>();
    const watch = new FileWatch(path, {
      quietMs: QUIET_MS,
      onChange: async () => {
        await watch[Symbol.asyncDispose]();
        ended.resolve();
      },
      onError: ended.reject,
    });
    await watch.started;
    await replace(path, "new");
    await ended.promise;
    await new FileWatch(path, { onChange: () => {}, onError: () => {} })[Symbol.asyncDispose]();
  }));

for (const [name, write] of Object.entries(WRITERS)) {
  Deno.test(`watch: without events, sees ${name} by checking`, () =>
    inFolder(async (folder) => {
      const path = `${folder}/conf/config.yaml`;
      await Deno.mkdir(`${folder}/conf`);
      await Deno.writeTextFile(path, "old");
      const events = new Events();
      await using watch = new FileWatch(path, {
        ...events.options,
        events: false,
        pollMs: QUIET_MS,
      });
      await watch.started;
      await write(folder, path);
      assertEquals(await events.change(), "changed new");
      await replace(path, "renamed");
      assertEquals(await events.change(), "changed renamed");
    }));
}

Deno.test("watch: without events, a file that changes at each check is waited for", () =>
  inFolder(async (folder) => {
    const path = `${folder}/config.yaml`;
    await Deno.writeTextFile(path, "old");
    const events = new Events();
    const options = { ...events.options, events: false, pollMs: 20 * QUIET_MS };
    await using watch = new FileWatch(path, options);
    await watch.started;
    for (let i = 0; i < 15; i++) {
      await Deno.writeTextFile(path, `part ${i}`);
      await events.nothingFor(2 * QUIET_MS);
    }
    assertEquals(await events.change(), "changed part 14");
  }));

Deno.test({
  name: "watch: a change without an event is reported, and that it was missed",
  ignore: !linux,
}, () =>
  inFolder(async (folder) => {
    for (const version of ["1", "2"]) {
      await Deno.mkdir(`${folder}/${version}/a/b`, { recursive: true });
      await Deno.writeTextFile(`${folder}/${version}/a/b/config.yaml`, version);
    }
    await Deno.mkdir(`${folder}/top`);
    await Deno.rename(`${folder}/1`, `${folder}/top/c`);
    const events = new Events();
    const missed = Promise.withResolvers<void>();
    await using watch = new FileWatch(`${folder}/top/c/a/b/config.yaml`, {
      ...events.options,
      pollMs: QUIET_MS,
      onMissed: missed.resolve,
    });
    await watch.started;
    await events.nothingFor(12 * QUIET_MS);
    // No watch reaches up to here.
    await Deno.rename(`${folder}/top/c`, `${folder}/old`);
    await Deno.rename(`${folder}/2`, `${folder}/top/c`);
    assertEquals(await events.change(), "changed 2");
    await missed.promise;
  }));
