/**
 * A target's process as its parent sees it: it can be killed, and comes back on the same ports. Knows
 * nothing of shunt.
 *
 * @module
 */

import { Child, until } from "./child.ts";
import type { SoakRecord, TargetPorts } from "./records.ts";

/** Files that every target needs. */
export interface TargetFiles {
  readonly cert: string;
  readonly key: string;
}

/** A target that may die and come back. */
export class TargetProcess {
  readonly #name: string;
  readonly #files: TargetFiles;
  readonly #onRecord: (record: SoakRecord) => void;
  #ports: TargetPorts | undefined;
  #child: Child | undefined;

  /**
   * @param name Its name
   * @param files Files that it needs
   * @param onRecord Called with each record
   */
  constructor(name: string, files: TargetFiles, onRecord: (record: SoakRecord) => void) {
    this.#name = name;
    this.#files = files;
    this.#onRecord = onRecord;
  }

  /** Its ports, from its first start on. */
  get ports(): TargetPorts {
    if (this.#ports === undefined) throw new Error(`Target ${this.#name} has not started`);
    return this.#ports;
  }

  /** Starts it, on the ports that it had before. */
  async start(): Promise<void> {
    let bound = false;
    const { cert, key } = this.#files;
    const args = ["--name", this.#name, "--cert", cert, "--key", key];
    if (this.#ports !== undefined) args.push("--ports", JSON.stringify(this.#ports));
    this.#child = new Child("target.ts", args, (record) => {
      if (record.from !== "bound") return this.#onRecord(record);
      this.#ports = record.ports;
      bound = true;
    });
    await until(() => bound, `target ${this.#name}`, 60_000);
  }

  /** Kills it. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  /** Lets it say the rest, and end. */
  async end(): Promise<void> {
    await this.#child?.end();
  }
}
