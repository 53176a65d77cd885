/**
 * Harmful clients of the admin address, as a separate program: `_crowd.ts ADDRESS KIND COUNT` prints
 * "ready" once each has begun, or after 2 s, and goes on until it is killed.
 *
 * @module
 */

/** What a client does with a connection; it connects anew once that is over. */
type Act = (conn: Deno.Conn) => Promise<void>;

const encoder = new TextEncoder();

async function write(conn: Deno.Conn, text: string): Promise<void> {
  for (let rest = encoder.encode(text); rest.length > 0;) {
    rest = rest.subarray(await conn.write(rest));
  }
}

async function untilClosed(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  while (await conn.read(buffer) !== null);
}

/** Reads nothing, and so does not see whether it was closed. */
function forEver(): Promise<void> {
  return new Promise(() => {});
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function request(path: string, method = "GET", more = ""): string {
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
}

function neverReads(path: string): Act {
  return async (conn) => {
    await write(conn, request(path));
    await forEver();
  };
}

function hammers(path: string, method = "GET"): Act {
  return async (conn) => {
    await write(conn, request(path, method));
    await untilClosed(conn);
  };
}

/** All kinds. */
const KINDS: Readonly<Record<string, Act>> = {
  silent: untilClosed,
  slow_heads: async (conn) => {
    for (const byte of request("/healthz", "GET", `X-Slow: ${"x".repeat(10_000)}\r\n`)) {
      await write(conn, byte);
      await pause(100);
    }
  },
  half_heads: async (conn) => {
    await write(conn, "GET /healthz HTTP/1.1\r\nHost: loc");
    await untilClosed(conn);
  },
  half_heads_and_gone: async (conn) => {
    await write(conn, "GET /healthz HTTP/1.1\r\nHost: loc");
  },
  unread_page: neverReads("/page.js"),
  unread_metrics: neverReads("/metrics"),
  unread_sessions: neverReads("/api/sessions?limit=1000"),
  unread_openapi: neverReads("/api/openapi.json"),
  unread_health: neverReads("/healthz"),
  unread_and_gone: async (conn) => {
    await write(conn, request("/page.js"));
    await pause(20);
  },
  pipelined: async (conn) => {
    for (;;) await write(conn, request("/page.js").repeat(20));
  },
  no_body: async (conn) => {
    await write(conn, request("/api/reload", "POST", "Content-Length: 4096\r\n"));
    await untilClosed(conn);
  },
  endless_body: async (conn) => {
    await write(conn, request("/api/reload", "POST", "Transfer-Encoding: chunked\r\n"));
    for (;;) {
      await write(conn, "1;x=y\r\nx\r\n");
      await pause(20);
    }
  },
  long_heads: async (conn) => {
    await write(conn, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(16_000)}`);
    await untilClosed(conn);
  },
  tls: async (conn) => {
    await write(conn, `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${"\x07".repeat(300)}`);
    await untilClosed(conn);
  },
  hammers_metrics: hammers("/metrics"),
  hammers_page: hammers("/page.js"),
  hammers_sessions: hammers("/api/sessions?limit=1000"),
  hammers_health: hammers("/healthz"),
  hammers_reload: hammers("/api/reload", "POST"),
};

/** Their names, and the one that does all of it. */
export const CROWDS: readonly string[] = [...Object.keys(KINDS), "all"];

function addressOf(text: string): Deno.ConnectOptions | Deno.UnixConnectOptions {
  if (text.startsWith("unix:")) return { transport: "unix", path: text.slice(5) };
  const colon = text.lastIndexOf(":");
  return { hostname: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

async function live(address: string, act: Act, onBegun: () => void): Promise<never> {
  for (;;) {
    try {
      using conn = await Deno.connect(addressOf(address) as Deno.ConnectOptions);
      onBegun();
      await act(conn);
    } catch {
      // It was closed, or found no room: it comes again.
      await pause(1);
    }
  }
}

if (import.meta.main) {
  const [address = "", kind = "all", count = "64"] = Deno.args;
  const acts = kind === "all" ? Object.values(KINDS) : [KINDS[kind]!];
  // Clients that wait for nothing do not keep a program running.
  setInterval(() => {}, 1000);
  const ready = () => Deno.stdout.writeSync(encoder.encode("ready\n"));
  // Clients that reconnect immediately may keep some of the others out.
  setTimeout(ready, 2000);
  let left = Number(count);
  for (let i = 0; i < Number(count); i++) {
    let begun = false;
    void live(address, acts[i % acts.length]!, () => {
      if (!begun && --left === 0) ready();
      begun = true;
    });
  }
}
