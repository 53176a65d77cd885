/**
 * Pools of read buffers. Knows how memory becomes resident, but not what is in it. A buffer may be given
 * back only after the read that used it has settled.
 *
 * @module
 */

/** Size class of a buffer: 0 = 8 KiB, 1 = 64 KiB, 2 = 256 KiB, 3 = 1 MiB. */
export type BufferClass = 0 | 1 | 2 | 3;

/** A class whose buffers count against `limits.relay_memory`. */
export type LargeClass = Exclude<BufferClass, 0>;

/** Bytes of a buffer of each class. */
export const BUFFER_BYTES = [8_192, 65_536, 262_144, 1_048_576] as const;

/** The length of the longest datagram. */
const DATAGRAM_BYTES = 65_536;

const SLAB_BYTES = 33_554_432;

/**
 * Carves buffers from lazily mapped slabs of 32 MiB, of which only touched pages are resident; an array of
 * its own is zero-filled and resident at once. Touched pages stay resident, so only small buffers may be
 * numerous.
 */
class SlabPool {
  readonly #bytes: number;
  readonly #free: Uint8Array[] = [];
  #slab = new ArrayBuffer(0);
  #carved = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  take(): Uint8Array {
    const pooled = this.#free.pop();
    if (pooled !== undefined) return pooled;
    if (this.#carved === this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(SLAB_BYTES);
      this.#carved = 0;
    }
    const buffer = new Uint8Array(this.#slab, this.#carved, this.#bytes);
    this.#carved += this.#bytes;
    return buffer;
  }

  give(buffer: Uint8Array): void {
    this.#free.push(buffer);
  }
}

const small = new SlabPool(BUFFER_BYTES[0]);
const datagrams = new SlabPool(DATAGRAM_BYTES);
const large: Readonly<Record<LargeClass, Uint8Array[]>> = { 1: [], 2: [], 3: [] };

/** Bytes of large buffers, in use or pooled, that this thread may have. */
let largeLimit = 134_217_728;
/** Bytes of large buffers that exist. */
let largeBytes = 0;

/** Limits the bytes of this thread's large buffers: `limits.relay_memory`. */
export function limitLargeBuffers(bytes: number): void {
  largeLimit = bytes;
}

/**
 * Takes a buffer of 8 KiB, with the content that its last user left. With 64 KiB, 10,000 sessions that had
 * each been busy once kept 1.3 GB.
 */
export function takeSmallBuffer(): Uint8Array {
  return small.take();
}

/** Bytes of grown buffers that are kept for reuse: enough for about 60 clients at once. */
const GROWN_KEPT = 4_194_304;
/** Free buffers by their length. */
const grown = new Map<number, Uint8Array[]>();
let grownBytes = 0;

/**
 * Takes a buffer larger than the small ones, for clients whose first bytes are many. A new one for each
 * client was garbage of 112 KiB a session, which took 100 MiB until it was collected.
 *
 * @param bytes Its length
 * @returns A buffer with the content that its last user left
 */
export function takeGrownBuffer(bytes: number): Uint8Array {
  const pooled = grown.get(bytes)?.pop();
  if (pooled === undefined) return new Uint8Array(bytes);
  grownBytes -= bytes;
  return pooled;
}

/** Gives such a buffer back. It is dropped if enough are free. */
export function giveGrownBuffer(buffer: Uint8Array): void {
  const { length } = buffer;
  if (grownBytes + length > GROWN_KEPT) return;
  grownBytes += length;
  const free = grown.get(length);
  if (free === undefined) grown.set(length, [buffer]);
  else free.push(buffer);
}

/** Takes a buffer for a datagram of any length, with the content that its last user left. */
export function takeDatagramBuffer(): Uint8Array {
  return datagrams.take();
}

/** Gives a datagram's buffer back. */
export function giveDatagramBuffer(buffer: Uint8Array): void {
  datagrams.give(buffer);
}

/**
 * Takes a large buffer out of its pool.
 *
 * @param size The size class
 * @returns A buffer with the content that its last user left, or `undefined` at the limit
 */
export function takeLargeBuffer(size: LargeClass): Uint8Array | undefined {
  const pooled = large[size].pop();
  if (pooled !== undefined) return pooled;
  const bytes = BUFFER_BYTES[size];
  // Buffers that are idle in other pools count against the limit, so they are dropped.
  for (const other of [3, 2, 1] as const) {
    while (largeBytes + bytes > largeLimit && large[other].pop() !== undefined) {
      largeBytes -= BUFFER_BYTES[other];
    }
  }
  if (largeBytes + bytes > largeLimit) return undefined;
  largeBytes += bytes;
  return new Uint8Array(bytes);
}

/**
 * Gives a buffer back.
 *
 * @param size The size class it was taken from
 * @param buffer The buffer
 */
export function giveBuffer(size: BufferClass, buffer: Uint8Array): void {
  if (size === 0) small.give(buffer);
  else large[size].push(buffer);
}
