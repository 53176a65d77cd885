/**
 * Real HTTP servers that serve one name as `refused.example` and everything else as another site, and
 * what they answer to raw bytes. Knows nothing of shunt.
 *
 * @module
 */

import { concat } from "../unit/_hello.ts";

/** The name that a route refuses. */
export const REFUSED = "refused.example";

/** Milliseconds that a server has for an answer; only what it does not answer at all takes them. */
const ANSWER_MS = 100;
/** Milliseconds that a server has to start, and between looks. */
const START_MS = 20_000;
const RETRY_MS = 20;
/** The names that a server goes by, in a field or a body. */
const SERVED = /served: ?([^\r\n]*)/i;

/** A server that runs. */
export interface Server extends AsyncDisposable {
  readonly name: string;
  /** Protocols that it serves; one socket each. */
  readonly paths: Readonly<Partial<Record<"1" | "2", string>>>;
}

const SERVERS = new URL("./servers/", import.meta.url);

const NGINX = `daemon off; master_process off; error_log /dev/null crit; pid PLACE/pid;
events { worker_connections 512; }
http {
  access_log off; client_body_temp_path PLACE; proxy_temp_path PLACE; fastcgi_temp_path PLACE;
  uwsgi_temp_path PLACE; scgi_temp_path PLACE; http2_max_field_size 64k; http2_max_header_size 128k;
  server { listen unix:PLACE/one; listen unix:PLACE/two http2; return 200 "served: other\\n"; }
  server {
    listen unix:PLACE/one; listen unix:PLACE/two http2; server_name ${REFUSED};
    return 200 "served: ${REFUSED}\\n";
  }
}
`;

async function spawned(
  name: string,
  command: readonly string[],
  options: { readonly paths: Server["paths"]; readonly place: string },
): Promise<Server> {
  const [program = "", ...args] = command;
  const { paths, place } = options;
  let over = false;
  let child: Deno.ChildProcess;
  // Fuzzing has crashed Node's HTTP/2.
  const running = (async () => {
    while (!over) {
      for (const path of Object.values(paths)) await Deno.remove(path).catch(() => {});
      child = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" })
        .spawn();
      await child.status;
    }
  })();
  const server: Server = {
    name,
    paths,
    async [Symbol.asyncDispose]() {
      over = true;
      child.kill("SIGTERM");
      await running;
      await Deno.remove(place, { recursive: true });
    },
  };
  for (const path of Object.values(paths)) (await connected(path)).close();
  return server;
}

/** Connects to a server, which may be about to start. */
async function connected(path: string): Promise<Deno.Conn> {
  for (let left = START_MS / RETRY_MS;; left--) {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      if (left <= 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Whether a program can be run here. */
async function isThere(program: string, ...args: readonly string[]): Promise<boolean> {
  try {
    await new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" }).output();
    return true;
  } catch {
    return false;
  }
}

/** How to start each server, by name; `undefined` is what a machine without it gets. */
export const START: Readonly<Record<string, () => Promise<Server | undefined>>> = {
  async node() {
    if (!await isThere("node", "--version")) return undefined;
    const place = await Deno.makeTempDir({ prefix: "shunt-node-" });
    const paths = { "1": `${place}/one`, "2": `${place}/two` };
    const script = new URL("node_http.mjs", SERVERS).pathname;
    return await spawned("node", ["node", script, paths["1"], paths["2"]], { paths, place });
  },
  async nginx() {
    const program = await isThere("nginx", "-v") ? "nginx" : "/usr/sbin/nginx";
    if (!await isThere(program, "-v")) return undefined;
    const place = await Deno.makeTempDir({ prefix: "shunt-nginx-" });
    await Deno.writeTextFile(`${place}/conf`, NGINX.replaceAll("PLACE", place));
    const paths = { "1": `${place}/one`, "2": `${place}/two` };
    return await spawned("nginx", [program, "-p", place, "-c", `${place}/conf`], { paths, place });
  },
  async go() {
    const program = await isThere("go", "version") ? "go" : "/usr/local/go/bin/go";
    if (!await isThere(program, "version")) return undefined;
    const place = await Deno.makeTempDir({ prefix: "shunt-go-" });
    const built = await new Deno.Command(program, {
      args: ["build", "-o", `${place}/server`, new URL("go_http.go", SERVERS).pathname],
    }).output();
    if (!built.success) throw new Error(new TextDecoder().decode(built.stderr));
    const paths = { "1": `${place}/socket`, "2": `${place}/socket` };
    return await spawned("go", [`${place}/server`, paths["1"]], { paths, place });
  },
};

/**
 * Sends bytes to a server as one client and reads what it answers first.
 *
 * @param server The server
 * @param version HTTP's major version
 * @param bytes The bytes
 * @returns Whether it serves {@linkcode REFUSED}
 */
export async function servesRefused(
  server: Server,
  version: "1" | "2",
  bytes: Uint8Array,
): Promise<boolean> {
  const path = server.paths[version];
  if (path === undefined) return false;
  const socket = await connected(path);
  const timer = setTimeout(() => shut(socket), ANSWER_MS);
  let text = "";
  try {
    const writing = writeAll(socket, bytes, version === "1").catch(() => {});
    const buffer = new Uint8Array(4096);
    let got: Uint8Array = new Uint8Array(0);
    for (;;) {
      const count = await socket.read(buffer);
      if (count === null) break;
      got = concat(got, buffer.subarray(0, count));
      text = new TextDecoder("latin1").decode(got);
      if (version === "1" ? SERVED.test(text) : isOver(got)) break;
    }
    shut(socket);
    await writing;
  } catch {
    // It was shut: by the time or by the server.
  } finally {
    clearTimeout(timer);
    shut(socket);
  }
  return (SERVED.exec(text)?.[1] ?? "").split("|").includes(REFUSED);
}

function shut(socket: Deno.Conn): void {
  try {
    socket.close();
  } catch {
    // It is shut already.
  }
}

async function writeAll(socket: Deno.Conn, bytes: Uint8Array, end: boolean): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
  if (end) await socket.closeWrite();
}

/** Whether a server's HTTP/2 frames hold an answer's end or the connection's. */
function isOver(bytes: Uint8Array): boolean {
  for (let at = 0; bytes.length - at >= 9;) {
    const [type, flags] = [bytes[at + 3]!, bytes[at + 4]!];
    if (type === 7 || type === 3 || ((type === 0 || type === 1) && (flags & 1) === 1)) return true;
    at += 9 + (bytes[at]! << 16 | bytes[at + 1]! << 8 | bytes[at + 2]!);
  }
  return false;
}
