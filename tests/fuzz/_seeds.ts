/**
 * Valid inputs by protocol to start from: captures of real clients, and inputs that tests build. They are
 * imported rather than read, so that fuzzing needs no permission to read.
 *
 * @module
 */

import { buildClientHello, bytesOf, concat, prefixed, recordize } from "../unit/_hello.ts";
import { headerChecksum } from "../../src/wire/proxy_tlvs.ts";
import connect from "../testdata/http1_curl_connect.hex" with { type: "text" };

import get from "../testdata/http1_curl_get.hex" with { type: "text" };
import absolute from "../testdata/http1_curl_proxy_absolute.hex" with { type: "text" };
import http2 from "../testdata/http2_curl_prior_knowledge.hex" with { type: "text" };
import postgres from "../testdata/postgres_psql_startup.hex" with { type: "text" };
import quicDeno from "../testdata/quic_v1_initial_deno.hex" with { type: "text" };
import quic1 from "../testdata/quic_v1_initial_rfc9001_a2.hex" with { type: "text" };
import quic2 from "../testdata/quic_v2_initial_rfc9369_a2.hex" with { type: "text" };
import socks4 from "../testdata/socks4_curl.hex" with { type: "text" };
import socks4a from "../testdata/socks4a_curl.hex" with { type: "text" };
import socks5 from "../testdata/socks5_curl.hex" with { type: "text" };
import ssh from "../testdata/ssh_openssh_client.hex" with { type: "text" };
import tlsCurl from "../testdata/tls_curl_client.hex" with { type: "text" };
import tlsDeno from "../testdata/tls_deno_client.hex" with { type: "text" };
import tlsOpenssl from "../testdata/tls_openssl_client.hex" with { type: "text" };
import tlsNoSni from "../testdata/tls_openssl_tls12_no_sni.hex" with { type: "text" };
import { type Kin, kin } from "./mutate.ts";

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/[0-9a-f]{2}/g) ?? [], (pair) => parseInt(pair, 16));
}

/** ClientHello messages without a carrier. */
export const HELLOS: readonly Uint8Array[] = [
  buildClientHello({ sni: "www.example.com", alpn: ["h2", "http/1.1"] }),
  buildClientHello({ sni: "WWW.Example.com.", alpn: ["h3"], size: 1800 }),
  buildClientHello({ sni: "a.b", before: [[0x0a0a, new Uint8Array(0)]], sessionId: 0 }),
  buildClientHello({ alpn: ["\n\x1b[31m", "x".repeat(255)] }),
  buildClientHello({ bare: true }),
];

const WORDS = ["\r\n", "\n", "\r\n ", " ", ":", ".", "..", "\0", "%", "[::1]", "\x7f", "\xff"];

/** TLS sessions. */
export const TLS: Kin = kin([
  ...[tlsCurl, tlsDeno, tlsOpenssl, tlsNoSni].map(hex),
  ...HELLOS.map((hello) => recordize(hello)),
  recordize(HELLOS[0]!, [1]),
  recordize(HELLOS[1]!, [3, 9, 700, 1]),
], [hex("1603010001"), hex("160301"), hex("01"), hex("0000"), hex("0010"), ".", ".."]);

/** ClientHello messages, to be damaged. */
export const HELLO: Kin = kin(HELLOS, TLS.tokens);

/** HTTP/1.x sessions. */
export const HTTP1: Kin = kin([
  ...[connect, get, absolute].map(hex),
  "\r\nGET / HTTP/1.0\r\nHost:\r\n a.example\r\nHost: b.example:80\r\n\r\n",
  "OPTIONS * HTTP/1.1\nhOsT :a\nHOST: [::1]:8080\n\n",
  "PROPFIND /x HTTP/1.1\r\nHost: a.example.\r\n\r\n",
  "CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n",
  "GET ws://u@a.example:1/?#x HTTP/1.1\r\n\r\n",
], [...WORDS, "Host: ", "host:", "HTTP/1.1", "GET ", "CONNECT ", "http://", "PRI * HTTP/2.0"]);

/** HPACK header blocks: plain, indexed, Huffman-coded (RFC 7541, appendices C.2, C.4 and C.6). */
export const BLOCKS: Kin = kin([
  hex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"),
  hex("828684418cf1e3c2e5f23a6ba0ab90f4ff"),
  hex("4882640258 85aec3771a4b 6196d07abe941054d444a8200595040b8166e082a62d1bff"),
  concat(hex("3fe11f 82 84 87 66"), prefixed(1, bytesOf("a.example")), hex("bebf40"), hex("0161")),
  concat(hex("20 3fe11f 40"), prefixed(1, bytesOf("host")), prefixed(1, bytesOf("b.example:80"))),
], [hex("3fe11f"), hex("be"), hex("40"), hex("7f"), hex("ffffffff0f"), hex("8cf1e3c2e5f23a6b")]);

/** HTTP/2 sessions. */
export const HTTP2: Kin = kin([
  hex(http2),
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x08\x06\0\0\0\0\x0012345678",
], [
  ...[0, 1, 2, 3, 4, 6, 8, 9].map((type) => Uint8Array.of(0, 0, 8, type, 4, 0, 0, 0, 1)),
  hex("000006040000000000000300000064"),
]);

/** SSH sessions. */
export const SSH: Kin = kin(
  [hex(ssh), "SSH-1.99-x\n", "SSH-2.0-a\r\n"],
  ["SSH-", "2.0-", "1.99-", "-"],
);

/** PostgreSQL's first packets: a startup message, and requests for TLS, GSSAPI and to cancel. */
export const POSTGRES: Kin = kin(
  [
    hex(postgres),
    ...["0804d2162f", "0804d21630", "1004d2162e0000000100000002"].map((rest) =>
      hex(`000000${rest}`)
    ),
  ],
  [hex("00030000"), hex("04d2162f"), hex("04d21630"), "user\0", "\0\0"],
);

/** SOCKS 5 sessions. */
export const SOCKS5: Kin = kin([hex(socks5), Uint8Array.of(5, 3, 0, 1, 0x80)], [hex("0501")]);

/** SOCKS 4 and 4a sessions. */
export const SOCKS4: Kin = kin([socks4, socks4a].map(hex), [hex("0401"), hex("00000001"), "\0"]);

/** QUIC first datagrams. */
export const QUIC: Kin = kin(
  [quic1, quic2, quicDeno].map(hex),
  [hex("00000001"), hex("6b3343cf"), hex("00000000"), hex("4000"), hex("c0000000ffffffff")],
);

/** WireGuard messages. */
export const WIREGUARD: Kin = kin(
  [[1, 148], [2, 92], [3, 64], [4, 32], [4, 1472]].map(([type = 0, size = 0]) =>
    concat([type, 0, 0, 0], new Uint8Array(size - 4).fill(0x5a))
  ),
  [hex("01000000"), hex("04000000")],
);

/** A PROXY header with a name, TLS details and, at its end, a checksum. */
function summedHeader(): Uint8Array {
  const header = concat(
    hex("0d0a0d0a000d0a515549540a21110033"),
    hex("c0000201c6336407dc0401bb"),
    hex("02000b"),
    bytesOf("web.example"),
    hex("20000f0100000000210007544c5376312e33"),
    hex("03000400000000"),
  );
  new DataView(header.buffer).setUint32(
    header.length - 4,
    headerChecksum(header, header.length, header.length - 4),
  );
  return header;
}

/** PROXY headers before a session. */
export const PROXY: Kin = kin([
  "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nGET / HTTP/1.1\r\n\r\n",
  "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 65535\r\n",
  "PROXY UNKNOWN ffff:f...f:ffff\r\n",
  concat(hex("0d0a0d0a000d0a515549540a2111000c"), hex("c0000201c6336407dc0401bb")),
  concat(hex("0d0a0d0a000d0a515549540a21210024"), new Uint8Array(36).fill(0x20)),
  concat(hex("0d0a0d0a000d0a515549540a213100d8"), new Uint8Array(216)),
  concat(hex("0d0a0d0a000d0a515549540a20000007"), hex("03000401020304")),
  summedHeader(),
], [
  "PROXY ",
  "TCP4 ",
  "TCP6 ",
  "UNKNOWN",
  "\r\n",
  " ",
  "::",
  "%eth0",
  "0",
  hex("0d0a0d0a000d0a51"),
]);

/** What any client may open a session with. */
export const ANY_STREAM: Kin = {
  seeds: [TLS, HTTP1, HTTP2, SSH, POSTGRES, SOCKS5, SOCKS4, PROXY].flatMap(({ seeds }) => seeds),
  tokens: [TLS, HTTP1, SSH, POSTGRES, SOCKS5, SOCKS4].flatMap(({ tokens }) => tokens),
};
