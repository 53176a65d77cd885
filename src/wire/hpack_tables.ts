/**
 * The fixed tables of HPACK: static header fields (RFC 7541 appendix A) and the Huffman code
 * (appendix B). Knows no header block.
 *
 * @module
 */

/** A header field: name and value, one character per byte. */
export type HeaderField = readonly [name: string, value: string];

// Appendix A in its order, index 1 first; a value, if there is one, follows the space.
const STATIC = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

/** The static table. Its first entry has index 1 in a header block. */
export const STATIC_TABLE: readonly HeaderField[] = STATIC.split("\n").map((line) => {
  const space = line.indexOf(" ");
  return space < 0 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
});

/** End of string. An encoder must not send this symbol (RFC 7541 §5.2). */
export const END_OF_STRING = 256;

// Lengths of the codes of the symbols 0 to 256, one character each: a = 1, b = 2 and on
// through ASCII to ~ = 30. The code is canonical: codes of one length have the order of their symbols.
const LENGTHS = "mw|||||||x~||~||||||||~|||||||||fjjlmfhkjjhkhfffeeefffffffghoflj" +
  "mfgggggggggggggggggggggghghmsmnfoefefefffeggfffefgfeefgggggoknm|" +
  "tvttvvvwvwwwwwxwxxvwxwwwwuvwvwwxvutvvwwuwvvxuvwwuuvuwvwwtvvvwvvw" +
  "zztsvwvyzzz{{zxysuz{{z{xuuzz|{{{txtuvuuwvvyyxxzwz{zz{{{{{|{{{{{z" +
  "~";

/**
 * The code as a binary tree: two entries per node, for a 0 and for a 1 bit; zero or more is the next
 * node, below zero is the symbol as its complement (`~symbol`).
 */
export const HUFFMAN_TREE: Int16Array = growTree();

function growTree(): Int16Array {
  const tree = new Int16Array(2 * END_OF_STRING);
  let nodes = 1;
  let code = 0;
  for (let length = 1; length <= 30; length++, code *= 2) {
    for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
      if (LENGTHS.charCodeAt(symbol) - 96 !== length) continue;
      let at = 0;
      for (let bit = length - 1; bit > 0; bit--) {
        const branch = at + ((code >> bit) & 1);
        if (tree[branch] === 0) tree[branch] = 2 * nodes++;
        at = tree[branch]!;
      }
      tree[at + (code & 1)] = ~symbol;
      code++;
    }
  }
  return tree;
}
