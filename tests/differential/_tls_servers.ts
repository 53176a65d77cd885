/**
 * TLS servers that have a certificate for one name and none that their other clients could use: a
 * ServerHello means that they serve that name.
 *
 * @module
 */

import { run } from "../e2e/_tools.ts";
import { REFUSED, type Server, type ServerKind } from "./_kind.ts";
import { freePort, startServer } from "./_process.ts";

interface Identity {
  readonly folder: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes a certificate, in a folder of its own. */
async function identify(...kind: readonly string[]): Promise<Identity> {
  const folder = await Deno.makeTempDir({ prefix: "shunt-differential-" });
  const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  const subject = ["-subj", `/CN=${REFUSED}`, "-addext", `subjectAltName=DNS:${REFUSED}`];
  const files = ["-nodes", "-keyout", key, "-out", cert];
  await run("openssl", ["req", "-x509", "-days", "2", "-newkey", ...kind, ...subject, ...files]);
  return { folder, cert, key };
}

const CURVE = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

const openssl: ServerKind = {
  name: "openssl",
  needs: ["openssl"],
  async start(): Promise<Server> {
    const port = freePort();
    const named = await identify(...CURVE);
    // Forms offer only ECDSA, so that this certificate serves no client.
    const other = await identify("rsa:2048");
    for (const file of ["cert", "key"]) {
      await Deno.rename(`${other.folder}/${file}.pem`, `${named.folder}/other-${file}.pem`);
    }
    await Deno.remove(other.folder);
    const others = [`${named.folder}/other-cert.pem`, `${named.folder}/other-key.pem`];
    return startServer("openssl", port, {
      program: "openssl",
      args: [
        ...["s_server", "-accept", `127.0.0.1:${port}`, "-quiet", "-www"],
        ...["-cert", others[0]!, "-key", others[1]!, "-cert2", named.cert, "-key2", named.key],
        ...["-servername", REFUSED, "-servername_fatal"],
      ],
      folder: named.folder,
    });
  },
};

const node: ServerKind = {
  name: "node",
  needs: ["node", "openssl"],
  async start(): Promise<Server> {
    const port = freePort();
    const { folder, cert, key } = await identify(...CURVE);
    const script = `
const { readFileSync } = require("fs"), tls = require("tls");
const [cert, key] = ${JSON.stringify([cert, key])}.map((file) => readFileSync(file));
const named = tls.createSecureContext({ cert, key });
const SNICallback = (name, done) =>
  done(null, name.toLowerCase() === ${JSON.stringify(REFUSED)} ? named : undefined);
const server = tls.createServer({ SNICallback }, (socket) => socket.on("error", () => {}));
server.on("tlsClientError", () => {}).listen(${port}, "127.0.0.1");
`;
    return startServer("node", port, { program: "node", args: ["-e", script], folder });
  },
};

const go: ServerKind = {
  name: "go",
  needs: ["go", "openssl"],
  async start(): Promise<Server> {
    const port = freePort();
    const { folder, cert, key } = await identify(...CURVE);
    await Deno.writeTextFile(
      `${folder}/main.go`,
      `package main

import ("crypto/tls"; "errors"; "net"; "os"; "strings"; "time")

func main() {
	go func() { os.Stdin.Read(make([]byte, 1)); os.Exit(0) }()
	cert, err := tls.LoadX509KeyPair(${JSON.stringify(cert)}, ${JSON.stringify(key)})
	if err != nil { panic(err) }
	config := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if strings.EqualFold(hello.ServerName, ${JSON.stringify(REFUSED)}) { return &cert, nil }
		return nil, errors.New("no such name")
	}}
	listener, err := net.Listen("tcp", "127.0.0.1:${port}")
	if err != nil { panic(err) }
	for {
		conn, err := listener.Accept()
		if err != nil { panic(err) }
		go func() {
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(2 * time.Second))
			tls.Server(conn, config).Handshake()
		}()
	}
}
`,
    );
    return startServer("go", port, { program: "go", args: ["run", `${folder}/main.go`], folder });
  },
};

const nginx: ServerKind = {
  name: "nginx",
  needs: ["nginx", "openssl"],
  async start(): Promise<Server> {
    const port = freePort();
    const { folder, cert, key } = await identify(...CURVE);
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
    await Deno.writeTextFile(
      `${folder}/nginx.conf`,
      `daemon off; master_process off; error_log /dev/null; pid ${folder}/pid;
events {}
http { access_log off; ssl_protocols TLSv1.2 TLSv1.3; ${paths}
  server { listen 127.0.0.1:${port} ssl default_server; ssl_reject_handshake on; }
  server { listen 127.0.0.1:${port} ssl; server_name ${REFUSED};
    ssl_certificate ${cert}; ssl_certificate_key ${key}; }
}
`,
    );
    const args = ["-e", "/dev/null", "-p", folder, "-c", `${folder}/nginx.conf`];
    return startServer("nginx", port, { program: "nginx", args, folder });
  },
};

/** All that are tried. */
export const TLS_SERVERS: readonly ServerKind[] = [openssl, node, go, nginx];
