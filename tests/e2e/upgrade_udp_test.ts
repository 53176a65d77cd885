import { assert, assertEquals } from "@std/assert";
import { withShunt } from "./_process.ts";
import { TEST_IO } from "./_shunt.ts";
import type { LoadReport } from "./_udp_load.ts";

const FLOWS = 50;
const RATE = 10_000;

const config = (port: number, admin: number, target: number, workers: number) => `
listeners: { edge: { bind: "127.0.0.1:${port}", routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["127.0.0.1:${target}"] } }
workers: ${workers}
drain_timeout: 3s
admin: { bind: "127.0.0.1:${admin}" }`;

function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** The number of datagrams that the kernel dropped from the queues of a port, whose sockets change. */
class KernelDrops implements Disposable {
  readonly #drops = new Map<string, number>();
  readonly #timer = setInterval(() => this.#look(), 50);
  readonly #port: string;

  constructor(port: number) {
    this.#port = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  }

  #look(): void {
    for (const line of Deno.readTextFileSync("/proc/net/udp").split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(this.#port)) this.#drops.set(fields[9]!, Number(fields[12]));
    }
  }

  get sum(): number {
    return [...this.#drops.values()].reduce((sum, drops) => sum + drops, 0);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** A load in a process of its own. */
class Load implements AsyncDisposable {
  readonly #child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-ffi",
      `${import.meta.dirname}/_udp_load.ts`,
      String(FLOWS),
      String(RATE),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  readonly #lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  readonly #stdin = this.#child.stdin.getWriter();

  async read<T>(): Promise<T> {
    let text = "";
    while (!text.endsWith("\n")) text += (await this.#lines.read()).value ?? "\n";
    return JSON.parse(text);
  }

  async say(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#lines.cancel();
  }
}

for (const [before, after] of [[1, 1], [2, 2]] as const) {
  Deno.test({
    name:
      `upgrade: ${RATE} datagrams a second on ${FLOWS} flows lose none from ${before} to ${after} worker(s), and flows change their port once`,
    ignore: TEST_IO !== "libc",
  }, async () => {
    await using load = new Load();
    const target = await load.read<number>();
    const [port, admin] = [freePort(), freePort()];
    using drops = new KernelDrops(port);
    let report: LoadReport | undefined;
    await withShunt(config(port, admin, target, before), async (old) => {
      await load.say(String(port));
      await new Promise((resolve) => setTimeout(resolve, 500));
      await withShunt(config(port, admin, target, after), async (next) => {
        assertEquals(await old.exited(), 0);
        await next.says("The shunt that this one took over from has ended");
        await new Promise((resolve) => setTimeout(resolve, 500));
        await load.say("stop");
        report = await load.read<LoadReport>();
      }, { args: ["--upgrade"] });
    }, { ends: true });
    const { sent, received, answered, answers, ports } = report!;
    const changes = ports.map((all) => all.length - 1);
    const lost = `lost ${sent - received} of ${sent}, answers ${answered - answers} of ` +
      `${answered}; ${drops.sum} by full queues; ports changed ${Math.min(...changes)} to ` +
      `${Math.max(...changes)} times`;
    assert(sent > RATE, lost);
    assert(sent - received + answered - answers <= drops.sum, lost);
    assert(changes.every((count) => count === 1), lost);
  });
}
