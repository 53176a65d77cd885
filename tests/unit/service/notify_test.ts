import { assert, assertEquals } from "@std/assert";
import { type Notifier, openNotifier } from "../../../src/service/notify.ts";
import { missingForLibc, openLibc } from "../../../src/io/libc/symbols.ts";

/** The service manager's end. */
class Manager implements Disposable {
  readonly #socket: Deno.DatagramConn;

  constructor(path: string) {
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path });
  }

  async next(): Promise<string> {
    return new TextDecoder().decode((await this.#socket.receive())[0]);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

// It stays open for the thread, which a test would be blamed for.
if (missingForLibc() === undefined) openLibc();

const linux = Deno.build.os === "linux";
const ABSTRACT = `shunt-test-${crypto.randomUUID()}`;

function open(env: Readonly<Record<string, string>>): Notifier {
  return openNotifier((name) => env[name]);
}

async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/notify`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function exchange(manager: Manager, notifier: Notifier): Promise<void> {
  notifier.ready();
  assertEquals(await manager.next(), "READY=1");
  notifier.ready("2 listeners");
  assertEquals(await manager.next(), "READY=1\nSTATUS=2 listeners");
  notifier.reloading();
  const reloading = await manager.next();
  assert(/^RELOADING=1(\nMONOTONIC_USEC=\d+)?$/.test(reloading), reloading);
  assertEquals(reloading.includes("MONOTONIC_USEC"), missingForLibc() === undefined);
  notifier.status("three\nMAINPID=1");
  assertEquals(await manager.next(), "STATUS=three MAINPID=1");
  notifier.watchdog();
  assertEquals(await manager.next(), "WATCHDOG=1");
  // What is sent at once arrives in order.
  notifier.status("draining");
  notifier.stopping();
  assertEquals(await manager.next(), "STATUS=draining");
  assertEquals(await manager.next(), "STOPPING=1");
}

Deno.test(
  { name: "notify: a socket with a path gets every line", ignore: !linux },
  () =>
    withPath(async (path) => {
      using manager = new Manager(path);
      await using notifier = open({ NOTIFY_SOCKET: path });
      await exchange(manager, notifier);
    }),
);

Deno.test(
  { name: "notify: a socket with an abstract name gets every line", ignore: !linux },
  async () => {
    using manager = new Manager(`\0${ABSTRACT}`);
    await using notifier = open({ NOTIFY_SOCKET: `@${ABSTRACT}` });
    await exchange(manager, notifier);
  },
);

Deno.test({
  name: "notify: the time of a reload is that of CLOCK_MONOTONIC",
  ignore: missingForLibc() !== undefined,
}, () =>
  withPath(async (path) => {
    using manager = new Manager(path);
    await using notifier = open({ NOTIFY_SOCKET: path });
    const uptime = async () => Number((await Deno.readTextFile("/proc/uptime")).split(" ")[0]);
    const before = await uptime();
    notifier.reloading();
    const sent = Number(/USEC=(\d+)$/.exec(await manager.next())![1]) / 1e6;
    // The file is cut to 10 ms, and counts suspension that the clock leaves out.
    if (before > 0) assert(sent > before - 1 && sent <= await uptime() + 0.01, `${sent} ${before}`);
  }));

Deno.test(
  { name: "notify: lines wait while the manager's queue is full", ignore: !linux },
  () =>
    withPath(async (path) => {
      using manager = new Manager(path);
      await using notifier = open({ NOTIFY_SOCKET: path });
      const lines = Array.from({ length: 60 }, (_, i) => `${i} ${"x".repeat(1000)}`);
      for (const line of lines) notifier.status(line);
      notifier.watchdog();
      for (const line of lines) assertEquals(await manager.next(), `STATUS=${line}`);
      notifier.stopping();
      assertEquals(await manager.next(), "STOPPING=1");
    }),
);

Deno.test(
  { name: "notify: closing does not wait long for a full queue", ignore: !linux },
  () =>
    withPath(async (path) => {
      using _manager = new Manager(path);
      const notifier = open({ NOTIFY_SOCKET: path });
      for (let i = 0; i < 500; i++) notifier.status("x".repeat(1000));
      const begun = performance.now();
      await notifier[Symbol.asyncDispose]();
      assert(performance.now() - begun < 4500);
      notifier.stopping();
    }),
);

Deno.test("notify: nothing happens without a manager, and a bad one costs nothing", async () => {
  for (const name of ["", "relative", "vsock:2:1", "/nowhere/notify", `/${"x".repeat(200)}`]) {
    await using notifier = open({ NOTIFY_SOCKET: name });
    notifier.ready("up");
    notifier.reloading();
    notifier.watchdog();
    notifier.stopping();
  }
  await using notifier = open({ WATCHDOG_USEC: "1000000" });
  notifier.ready();
  assertEquals(notifier.watchdogMs, undefined);
});

const WATCHDOGS: readonly [Readonly<Record<string, string>>, number | undefined][] = [
  [{}, undefined],
  [{ WATCHDOG_USEC: "30000000" }, 15_000],
  [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: `${Deno.pid}` }, 15_000],
  [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: `${Deno.pid + 1}` }, undefined],
  [{ WATCHDOG_USEC: "0" }, undefined],
  [{ WATCHDOG_USEC: "-5" }, undefined],
  [{ WATCHDOG_USEC: "soon" }, undefined],
];

for (const [variables, ms] of WATCHDOGS) {
  Deno.test({
    name: `notify: ${JSON.stringify(variables)} asks for a sign of life every ${ms} ms`
      .replace(`${Deno.pid + 1}`, "another's").replace(`${Deno.pid}`, "ours"),
    ignore: !linux,
  }, async () => {
    await using notifier = open({ NOTIFY_SOCKET: "/run/notify", ...variables });
    assertEquals(notifier.watchdogMs, ms);
  });
}

Deno.test(
  { name: "notify: works without permission to call libc", ignore: !linux },
  () =>
    withPath(async (path) => {
      using manager = new Manager(path);
      const module = import.meta.resolve("../../../src/service/notify.ts");
      const program = `import { openNotifier } from ${JSON.stringify(module)};
      const notifier = openNotifier();
      notifier.ready("up");
      notifier.reloading();
      notifier.stopping();
      await notifier[Symbol.asyncDispose]();
      Deno.exit(0);`;
      const file = `${path}.ts`;
      await Deno.writeTextFile(file, program);
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--no-prompt",
          `--config=${new URL("../../../deno.json", import.meta.url).pathname}`,
          "--allow-net",
          "--allow-env=NOTIFY_SOCKET",
          `--allow-read=${path}`,
          `--allow-write=${path}`,
          file,
        ],
        env: { NOTIFY_SOCKET: path },
        stdin: "null",
      }).output();
      const { success, stderr } = await child;
      assert(success, new TextDecoder().decode(stderr));
      assertEquals(await manager.next(), "READY=1\nSTATUS=up");
      assertEquals(await manager.next(), "RELOADING=1");
      assertEquals(await manager.next(), "STOPPING=1");
      const left = [];
      for await (const { name } of Deno.readDir(path.replace(/\/[^/]*$/, ""))) left.push(name);
      assertEquals(left.sort(), ["notify", "notify.ts"]);
    }),
);
