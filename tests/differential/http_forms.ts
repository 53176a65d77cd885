/**
 * Forms of HTTP/1 requests that some server takes, or that look as if one did. Each has `refused.example`
 * in one place; another name next to it is `other`.
 *
 * @module
 */

import type { Dice } from "../fuzz/mutate.ts";
import { bytesOf } from "../unit/_hello.ts";
import { REFUSED } from "./_kind.ts";

const R = REFUSED;
const HOST = `Host: ${R}`;
const GET = "GET / HTTP/1.1";

/** Before the request line. */
const BEFORE = ["\r\n".repeat(9), "\n".repeat(40_000), "\r\r\n", "\r", "\n\r", " ", "\0", " \r\n"];

const METHODS = (
  "GET POST HEAD PRI SOURCE OPTIONS DESCRIBE ANNOUNCE PLAY GET_PARAMETER FLUSH M-SEARCH FOO get G_T " +
  `a!#$ GE(T G\xffT ${"M".repeat(33)} ${"M".repeat(2000)} ${"M".repeat(70_000)}`
).split(" ");
const VERSIONS = [
  ..."1.0 1.1 1.2 1.9 1.10 1.100 1.0010 01.1 1. 1 2.0 3.0 0.9 1.1\t".split(" "),
  ...["1.1 ", "1.1 x", `1.1${" ".repeat(700)}`, "1.1\r", "1.1\rX: y", `1.${"0".repeat(600)}1`],
].map((version) => `HTTP/${version}`);
const OTHER_VERSIONS = ["http/1.1", "Http/1.1", "RTSP/1.0", "RTSP/2.0", "ICE/1.0", "SIP/2.0", ""];
const TARGETS = [
  ..."* *x foo/bar foo:bar foo:/bar ?x @x # /# // 1foo://x/ f_o://x/ http:///x http:// ws:x".split(
    " ",
  ),
  ..."http://:80/ http://u@/ http://other/ http://[::1/ http:/refused.example/ HTTP://other".split(
    " ",
  ),
  ...["/a\tb", "/a\x01b", "/a\0b", "/a\x7fb", "/a\rb", "/a\xffb", "/a b", "/a\x0cb", ""],
  ...[`/${"y".repeat(70_000)}`, `${" ".repeat(700)}/`, `/${" ".repeat(700)}`, " /", "/ ", "\t/"],
];

/** Request lines that a Host field follows. */
const LINES = [
  ...METHODS.flatMap((method) => [`${method} / HTTP/1.1`, `${method} /`, `${method} / RTSP/1.0`]),
  ...[...VERSIONS, ...OTHER_VERSIONS].map((version) => `GET / ${version}`),
  ...TARGETS.map((target) => `GET ${target} HTTP/1.1`),
  ...["GET  /", "GET *", "GET http://x/", "GET /\t", "PRI * HTTP/2.0", "SOURCE / ICE/1.0"],
  ...["OPTIONS rtsp://a/ RTSP/1.0", "CONNECT other:443 HTTP/1.1", "CONNECT / HTTP/1.1"],
  ...["GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", " / HTTP/1.1", "GET / HTTP/1.1 HTTP/1.1"],
  "CONNECT http://other/ HTTP/1.1",
];

/** Authorities in a target; `Host: other` follows, or nothing. */
const AUTHORITIES = [
  ...[R, `u:p@${R}`, `u@p@${R}`, `@${R}`, `%72efused.example`, `${R}:123456`, `${R}:abc`, `${R}?x`],
  ...[`${R}\\x`, `${R};x`, `${R}#x`, `${R}.`, R.toUpperCase(), `${"u".repeat(600)}@${R}`, `/${R}/`],
  ...[`other@${R}`, `${R}@other`, `${R}:80@other`, `${R}/@other`, `[${R}]`, `${R}:`, `${R},other`],
];

/** Values of a Host field. */
const VALUES = [
  ...[
    ":123456",
    ":abc",
    ":80:80",
    ":8 0",
    ":",
    ":-1",
    ":80/x",
    ":@other",
    ".:80",
    ".",
    "..",
    "/",
    "#x",
  ],
  ...[", other", " other", "%00", "\\x", "!", ";x", "?x", "[", "\x0c", "\r ", "\0", "\tx", "\xa0"],
  ...["8".repeat(400), "8".repeat(5000)].map((port) => `:${port}`),
].map((after) => `Host: ${R}${after}`);
const OTHER_VALUES = [
  ..."%72efused.example u@refused.example u:p@refused.example [::1]refused.example".split(" "),
  ...[
    `"${R}"`,
    `[${R}]`,
    R.toUpperCase(),
    `\x0c${R}`,
    `\x0b${R}`,
    `\r${R}`,
    `\0${R}`,
    `\xef\xbb\xbf${R}`,
  ],
  ...[`${" ".repeat(600)}${R}`, `${R}${" ".repeat(600)}`, `${"\t".repeat(600)}${R}\t`, `\r\n ${R}`],
].map((value) => `Host:${value}`);

function many(count: number, line = "a:"): readonly string[] {
  return Array.from({ length: count }, () => line);
}

/** Lines after the request line. */
const FIELDS: readonly (readonly string[])[] = [
  ...[...VALUES, ...OTHER_VALUES].map((line) => [line]),
  ...["host", "HOST", "hOsT"].map((name) => [`${name}:${R}`]),
  ...["Host :", "Host\t:", "Host\r:", '"Host":', "_Host:", " Host:", "\tHost:", "Hos\0t:", "Ho st:"]
    .flatMap((
      name,
    ) => [[`${name} ${R}`], ["Host: other", `${name} ${R}`], [`${name} other`, HOST]]),
  [HOST, " x"],
  [HOST, " "],
  [" X: y", HOST],
  ["X: y", ` ${HOST}`, "Host: other"],
  ["Host: ref", " used.example"],
  [HOST, HOST],
  [HOST, "HOST: REFUSED.example:80"],
  [HOST, "Host: other"],
  ["Host: other", HOST],
  [HOST, "Host: a/b"],
  ["Host: a/b", HOST],
  [HOST, "Host:"],
  ["Host:", HOST],
  many(10, HOST),
  [...many(513), HOST],
  [HOST, ...many(513)],
  [...many(1900), HOST],
  [...many(2100), HOST],
  [`X: ${"y".repeat(70_000)}`, HOST],
  [HOST, `X: ${"y".repeat(70_000)}`],
  ...["X", "X Y: z", "X(: z", ": z", "\x01: x", "a: \x01x", "a: \0", "a\0: x", `X: y\rHost: other`]
    .flatMap((line) => [[line, HOST], [HOST, line]]),
  [`X: y\r${HOST}`],
  [
    HOST,
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQCAAAAAAIA",
  ],
  [HOST, "Transfer-Encoding: chunked"],
];

/** A request of lines. */
function request(...lines: readonly string[]): string {
  return [...lines, "", ""].join("\r\n");
}

/** All forms. */
export const HTTP1_FORMS: readonly Uint8Array[] = [
  ...BEFORE.map((before) => before + request(GET, HOST)),
  ...LINES.map((line) => request(line, HOST)),
  ...AUTHORITIES.flatMap((authority) => [
    request(`GET http://${authority}/ HTTP/1.1`, "Host: other"),
    request(`GET zz+q://${authority} HTTP/1.0`),
    request(`GET http://${authority}/${"y".repeat(600)} HTTP/1.1`, HOST),
    request(`CONNECT ${authority}:443 HTTP/1.1`, "Host: other"),
    request(`GET /${authority} HTTP/1.1`, "Host: other"),
  ]),
  ...FIELDS.map((lines) => request(GET, ...lines)),
  ...FIELDS.map((lines) => request("GET http://other/ HTTP/1.1", ...lines)),
  ...[
    `${GET}\n${HOST}\n\n`,
    `${GET}\n${HOST}\r\n\n`,
    `${GET}\r\n${HOST}\r\r\n\r\n`,
    `GET /\n${HOST}\n\n`,
  ],
  `${GET}\r\n${HOST}\r\n\r\r\n`,
].map(bytesOf);

const SHORT = 700;
/** One in this many parts is odd. With more, servers refuse nearly all forms. */
const ODD = 6;
const LINE_ENDS = ["\r\n", "\r\n", "\r\n", "\n", "\r\r\n", "\r"];

function short(list: readonly string[]): readonly string[] {
  return list.filter(({ length }) => length < SHORT);
}

const WORDS = {
  before: short(BEFORE),
  methods: short(METHODS),
  targets: [
    ...short(TARGETS),
    ...short(AUTHORITIES).flatMap((one) => [`http://${one}/`, `a:${one}`]),
  ],
  versions: short([...VERSIONS, ...OTHER_VERSIONS]),
  fields: short([...new Set(FIELDS.flat())]),
};

/**
 * Puts a head together out of the parts that the table's forms have, several odd ones at a time.
 *
 * @param dice Chance
 * @returns The head
 */
export function composeHead(dice: Dice): Uint8Array {
  const odd = (list: readonly string[], plain: string) => dice.once(ODD) ? dice.pick(list) : plain;
  const end = () => odd(LINE_ENDS, "\r\n");
  const blank = () => odd(["  ", "\t", "", "   "], " ");
  const line = odd(WORDS.methods, "GET") + blank() + odd(WORDS.targets, "/") + blank() +
    odd(WORDS.versions, "HTTP/1.1");
  const fields = Array.from({ length: 1 + dice.below(3) }, () => odd(WORDS.fields, HOST) + end());
  const before = dice.once(8) ? dice.pick(WORDS.before) : "";
  return bytesOf(before + line + end() + fields.join("") + end());
}
