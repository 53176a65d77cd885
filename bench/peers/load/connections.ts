/**
 * Many TCP connections to one port, opened at once. Knows no message.
 *
 * @module
 */

import { connectTcp, libc, loopback, noDelay } from "./libc.ts";
import { IN, OUT, Poll } from "./poll.ts";

/** Below the backlog of every participant. */
const WINDOW = 256;
const PATIENCE = 5000;

/** Open connections and the poll that waits for them. */
export class Connections {
  /** Waits for input of each connection. */
  readonly poll: Poll = new Poll();
  /** Their descriptors. */
  readonly fds: number[] = [];

  /**
   * Opens connections.
   *
   * @param port Where to
   * @param count How many
   * @throws {Error} If one is refused or takes 5 s
   */
  constructor(port: number, count: number) {
    const address = loopback(port);
    for (let open = 0; open < count;) {
      for (; this.fds.length < count && this.fds.length - open < WINDOW;) {
        const fd = connectTcp(address);
        noDelay(fd);
        this.fds.push(fd);
        this.poll.add(fd, OUT);
      }
      const n = this.poll.wait(PATIENCE);
      if (n === 0) throw new Error("A connection was not accepted within 5 s");
      for (let i = 0; i < n; i++) {
        if ((this.poll.events(i) & ~OUT) !== 0) {
          throw new Error("A connection was refused or reset");
        }
        this.poll.modify(this.poll.fd(i), IN);
        open++;
      }
    }
  }

  /** Closes all. */
  close(): void {
    for (const fd of this.fds) libc.close(fd);
    this.poll.close();
  }
}
