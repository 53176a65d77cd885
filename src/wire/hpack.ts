/**
 * Decodes one HPACK header block (RFC 7541), the first of a connection, so the dynamic table starts empty.
 * Knows no frame and does not judge the header fields.
 *
 * @module
 */

import { END_OF_STRING, type HeaderField, HUFFMAN_TREE, STATIC_TABLE } from "./hpack_tables.ts";
import { latin1 } from "./reader.ts";

/** Size of the dynamic table until the server's SETTINGS say otherwise (RFC 9113 §6.5.2). */
const MAX_TABLE_SIZE = 4096;
const ENTRY_OVERHEAD = 32; // RFC 7541 §4.1
// A fifth continuation byte would overflow the bit operators, and no block is that long.
const MAX_INTEGER_SHIFT = 21;

/**
 * Decodes the first header block of a connection.
 *
 * Time and memory are bounded by the block's length: a field costs at least one byte of it, and fields that
 * refer to the table share its strings. But one byte can repeat a field, so `visit` must stop decoding
 * after some number of fields to bound its own work. Table size updates are accepted after a field too, as
 * nginx and Go do, although RFC 7541 §4.2 allows them only at the start.
 *
 * @param block The whole block, fragments joined
 * @param visit Called with each field in order; `false` stops decoding
 * @returns `false` if the block is malformed or decoding was stopped
 */
export function decodeHeaderBlock(
  block: Uint8Array,
  visit: (name: string, value: string) => unknown,
): boolean {
  return new BlockDecoder(block).run(visit);
}

/** Reads through one block. `#failed` is set at the first error, and nothing is read after it. */
class BlockDecoder {
  readonly #block: Uint8Array;
  /** Newest entry first, as the index counts (RFC 7541 §2.3.3). */
  readonly #table: HeaderField[] = [];
  #tableSize = 0;
  #tableLimit = MAX_TABLE_SIZE;
  #at = 0;
  #failed = false;

  constructor(block: Uint8Array) {
    this.#block = block;
  }

  run(visit: (name: string, value: string) => unknown): boolean {
    while (this.#at < this.#block.length) {
      const first = this.#block[this.#at]!;
      if ((first & 0xe0) === 0x20) {
        const limit = this.#integer(5);
        if (limit > MAX_TABLE_SIZE) return false;
        this.#tableLimit = limit;
        this.#evict(limit);
      } else {
        const field = this.#field(first);
        if (field === undefined || this.#failed) return false;
        if (visit(field[0], field[1]) === false) return false;
      }
      if (this.#failed) return false;
    }
    return true;
  }

  /** Reads one field representation (RFC 7541 §6.1 and §6.2). */
  #field(first: number): HeaderField | undefined {
    if (first & 0x80) return this.#entry(this.#integer(7));
    const indexing = (first & 0x40) !== 0;
    const index = this.#integer(indexing ? 6 : 4);
    const name = index === 0 ? this.#string() : this.#entry(index)?.[0];
    if (name === undefined) return undefined;
    const field: HeaderField = [name, this.#string()];
    if (indexing && !this.#failed) this.#add(field);
    return field;
  }

  #entry(index: number): HeaderField | undefined {
    return index <= STATIC_TABLE.length
      ? STATIC_TABLE[index - 1]
      : this.#table[index - STATIC_TABLE.length - 1];
  }

  #add(field: HeaderField): void {
    const size = sizeOf(field);
    this.#evict(this.#tableLimit - size);
    // An entry larger than the table empties it and is not kept (RFC 7541 §4.4).
    if (size > this.#tableLimit) return;
    this.#table.unshift(field);
    this.#tableSize += size;
  }

  #evict(limit: number): void {
    while (this.#tableSize > limit) {
      const oldest = this.#table.pop();
      if (oldest === undefined) return;
      this.#tableSize -= sizeOf(oldest);
    }
  }

  /** Reads an integer with a prefix of this many bits (RFC 7541 §5.1). */
  #integer(prefix: number): number {
    const mask = (1 << prefix) - 1;
    // A read past the end gives zero bits, which would look like an integer.
    if (this.#at >= this.#block.length) this.#failed = true;
    let value = this.#block[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= MAX_INTEGER_SHIFT; shift += 7) {
      const byte = this.#block[this.#at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.#failed = true;
    return 0;
  }

  /** Reads a string literal, plain or Huffman-coded (RFC 7541 §5.2). */
  #string(): string {
    const huffman = (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    this.#at = end;
    const text = this.#failed || end > this.#block.length
      ? undefined
      : huffman
      ? decodeHuffman(this.#block, start, end)
      : latin1(this.#block, start, end);
    if (text === undefined) this.#failed = true;
    return text ?? "";
  }
}

function sizeOf(field: HeaderField): number {
  return field[0].length + field[1].length + ENTRY_OVERHEAD;
}

/** The shortest code has five bits (RFC 7541, appendix B). */
const LEAST_BITS = 5;
/** Shared by all strings: it is filled and read within one call. */
let symbols = new Uint8Array(256);

/** Returns the text, or `undefined` if the padding is not at most seven ones (RFC 7541 §5.2). */
function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  const most = Math.floor((end - start) * 8 / LEAST_BITS);
  if (symbols.length < most) symbols = new Uint8Array(most);
  let length = 0;
  let node = 0;
  let pending = 0; // bits since the last symbol
  let ones = true; // whether all of them were ones
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    for (let shift = 7; shift >= 0; shift--) {
      const bit = (byte >> shift) & 1;
      const next = HUFFMAN_TREE[node + bit]!;
      if (next < 0) {
        if (next === ~END_OF_STRING) return undefined;
        symbols[length++] = ~next;
        node = 0;
        pending = 0;
        ones = true;
      } else {
        node = next;
        pending++;
        if (bit === 0) ones = false;
      }
    }
  }
  return pending < 8 && ones ? latin1(symbols, 0, length) : undefined;
}
