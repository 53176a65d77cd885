/**
 * HTTP servers that serve one name and, as another site, everything else: each answers with the names
 * that it goes by.
 *
 * @module
 */

import { REFUSED, type ServerKind } from "./_kind.ts";
import { freePort, startServer } from "./_process.ts";

const SOURCES = new URL("./servers/", import.meta.url);

function place(): Promise<string> {
  return Deno.makeTempDir({ prefix: "shunt-differential-" });
}

function nginx(version: "1" | "2"): ServerKind {
  return {
    name: "nginx",
    needs: ["nginx"],
    async start() {
      const [port, folder] = [freePort(), await place()];
      const listen = `listen 127.0.0.1:${port}${version === "2" ? " http2" : ""};`;
      const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map((name) => `${name}_temp_path ${folder};`).join(" ");
      await Deno.writeTextFile(
        `${folder}/conf`,
        `daemon off; master_process off; error_log /dev/null crit; pid ${folder}/pid;
        events { worker_connections 512; }
        http {
          access_log off; ${paths} http2_max_field_size 64k; http2_max_header_size 128k;
          server { ${listen} return 200 "served: other\\n"; }
          server { ${listen} server_name ${REFUSED}; return 200 "served: ${REFUSED}\\n"; }
        }`,
      );
      const args = ["-p", folder, "-c", `${folder}/conf`];
      return startServer("nginx", port, { program: "nginx", args, folder });
    },
  };
}

function node(version: "1" | "2"): ServerKind {
  return {
    name: "node",
    needs: ["node"],
    start() {
      const port = freePort();
      const args = [new URL("node_http.mjs", SOURCES).pathname, version, String(port)];
      return startServer("node", port, { program: "node", args });
    },
  };
}

const go: ServerKind = {
  name: "go",
  needs: ["go"],
  async start() {
    const [port, folder] = [freePort(), await place()];
    const program = `${folder}/server`;
    const source = new URL("go_http.go", SOURCES).pathname;
    const path = `${Deno.env.get("PATH") ?? ""}:/usr/local/go/bin`;
    const built = await new Deno.Command("go", {
      args: ["build", "-o", program, source],
      env: { PATH: path },
    }).output();
    if (!built.success) throw new Error(new TextDecoder().decode(built.stderr));
    return startServer("go", port, { program, args: [String(port)], folder });
  },
};

/** The servers of HTTP/1. */
export const HTTP1_SERVERS: readonly ServerKind[] = [node("1"), nginx("1"), go];
/** The servers of HTTP/2 with prior knowledge. */
export const HTTP2_SERVERS: readonly ServerKind[] = [node("2"), nginx("2"), go];
