/**
 * Pools of read buffers in three sizes. Knows how memory becomes resident; never what is in it.
 * A buffer may be given back only after the read that used it has settled.
 *
 * @module
 */

/** Size class of a buffer: 0 = 64 KiB, 1 = 256 KiB, 2 = 1 MiB. */
export type BufferClass = 0 | 1 | 2;

/** Bytes of a buffer of each class. */
export const BUFFER_BYTES = [65_536, 262_144, 1_048_576] as const;

const SLAB_BUFFERS = 512;

const pools: readonly [Uint8Array[], Uint8Array[], Uint8Array[]] = [[], [], []];

/** Bytes of large buffers, in use or pooled, that this thread may have. */
let largeLimit = 134_217_728;
/** Bytes of large buffers that there are. */
let largeBytes = 0;

/**
 * Sets what this thread's large buffers may take: `limits.relay_memory`.
 *
 * @param bytes The limit
 */
export function limitLargeBuffers(bytes: number): void {
  largeLimit = bytes;
}

/**
 * Takes a buffer of 64 KiB out of its pool.
 *
 * @returns A buffer with whatever its last user left in it
 */
export function takeSmallBuffer(): Uint8Array {
  const pooled = pools[0].pop();
  if (pooled !== undefined) return pooled;
  // One lazily mapped slab of 32 MiB: only touched pages count (9.9 KB an idle session), while a
  // 64 KiB array of its own is zero-filled and resident at once and was most of a connection's cost.
  const slab = new ArrayBuffer(BUFFER_BYTES[0] * SLAB_BUFFERS);
  for (let i = SLAB_BUFFERS - 1; i > 0; i--) {
    pools[0].push(new Uint8Array(slab, i * BUFFER_BYTES[0], BUFFER_BYTES[0]));
  }
  return new Uint8Array(slab, 0, BUFFER_BYTES[0]);
}

/**
 * Takes a large buffer out of its pool.
 *
 * @param size The size class
 * @returns A buffer with whatever its last user left in it, or `undefined` at the limit
 */
export function takeLargeBuffer(size: 1 | 2): Uint8Array | undefined {
  const pooled = pools[size].pop();
  if (pooled !== undefined) return pooled;
  const bytes = BUFFER_BYTES[size];
  if (largeBytes + bytes > largeLimit) {
    // What lies idle in the other pool is not there for this one.
    const other = size === 1 ? 2 : 1;
    while (largeBytes + bytes > largeLimit && pools[other].pop() !== undefined) {
      largeBytes -= BUFFER_BYTES[other];
    }
    if (largeBytes + bytes > largeLimit) return undefined;
  }
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
  pools[size].push(buffer);
}
