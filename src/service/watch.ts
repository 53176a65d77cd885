/**
 * Reports when the configuration file has changed and is whole. Knows files and their events, never what
 * is in the file.
 *
 * If there are events (inotify), a close after writing is one of them ("access"), so a file is being
 * written after a "modify" until an "access". "modify" stands for attributes as well: a program that
 * changes them after its close (vim sets an ACL) looks like the next writer, but the text is the same as
 * at the close. Without events a file is whole once two reads have found the same.
 *
 * Events may be missing or stop: network file systems and folders further up have none. So the file is also
 * read now and then, and nothing here waits for an event.
 *
 * @module
 */

import { dirname, resolve } from "node:path";
import { type FileEventKind, Inotify } from "../io/libc/inotify.ts";
import { missingForLibc } from "../io/libc/symbols.ts";
import { readTextFile } from "../text_file.ts";
import { within } from "../within.ts";
import { findTrail, inodesOf, markOf, orMissing, type Trail } from "./trail.ts";

/** Milliseconds between two reads of events, at most. */
const READ_MS = 100;
const QUIET_MS = 250;
/** Milliseconds between two looks at the file without an event. */
const POLL_MS = 1000;
/** Looks at the file's inode, size and times until it is read all the same. */
const LOOKS = 30;
/** Stands for a writer that no watch has seen. */
const UNSEEN = "";
/** Quiet times until {@linkcode WatchOptions.onWaiting} is called, or a suspected writer counts as gone. */
const WAITING_QUIETS = 8;
/** Milliseconds until a watch that could not be opened is tried again: there may have been too few descriptors. */
const RETRY_MS = 5000;
/** How often the path is followed again while it changes. After that, the timer does it. */
const MAX_ROUNDS = 10;
/** Milliseconds that the end of the watch waits for work under way: reading may take longer. */
const END_MS = 1000;

/** Options of a {@linkcode FileWatch}. */
export interface WatchOptions {
  /** Called with the whole text, never empty, once per change, and only after the last call has settled. */
  readonly onChange: (text: string) => void | Promise<void>;
  /** Called once if a changed file is still open for writing, or empty. */
  readonly onWaiting?: () => void;
  /** Called once if a change was found by looking, without an event. */
  readonly onMissed?: () => void;
  /** Called with errors, also those of {@linkcode onChange}. Watching goes on. Must not throw. */
  readonly onError: (error: unknown) => void;
  /** The text that is in use; by default that of the file at the start. */
  readonly text?: string;
  /** Whether events are used if there are some; by default they are. */
  readonly events?: boolean;
  /** Milliseconds without an event before the file is looked at; 250 by default. */
  readonly quietMs?: number;
  /** Milliseconds between looks without an event; 1000 by default. */
  readonly pollMs?: number;
}

interface Watched {
  readonly path: string;
  readonly end: () => void;
}

/** Watches a file through symbolic links, and through replacement and removal of it or of its folder. */
export class FileWatch implements AsyncDisposable {
  /** Resolves once every later change will be noticed; never rejects. */
  readonly started: Promise<void>;
  readonly #path: string;
  readonly #options: WatchOptions;
  readonly #quietMs: number;
  readonly #pollMs: number;
  #source: Inotify | undefined;
  #reading: ReturnType<typeof setInterval> | undefined;
  /** By path and inode: the file at a path may be replaced, and its folder's watch stays meanwhile. */
  readonly #watched = new Map<string, Watched>();
  /** The keys of watches that have seen a write and no close since, or have missed events. */
  readonly #open = new Set<string>();
  #trail: Trail = { file: undefined, folders: new Set(), names: new Set() };
  /** Whether the path may lead elsewhere by now. */
  #moved = true;
  #text: string | undefined;
  /** The text when the file was last closed. */
  #closedText: string | undefined;
  /** How many files have had this path. */
  #files = 0;
  #events = 0;
  #lastEvent = 0;
  /** The number of events when a change was last reported. */
  #eventsSeen = 0;
  /** The file's mark when it was last read, and how often it has been the same since. */
  #mark = "";
  #looks = 0;
  /** The text of the last read, if no event shows that it is whole. */
  #found: string | undefined;
  #reportedMissed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #checking: Promise<void>;
  #snapshots = Promise.resolve();
  #snapshotWaits = false;
  #snapshotOf = 0;
  #reporting = false;
  #reportedWaiting = false;
  #lastProblem = "";
  #closed = false;

  /** @param path The file, which may be missing */
  constructor(path: string, options: WatchOptions) {
    this.#path = resolve(path);
    this.#options = options;
    this.#quietMs = options.quietMs ?? QUIET_MS;
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#text = options.text;
    try {
      if (options.events !== false && missingForLibc() === undefined) {
        const source = this.#source = new Inotify();
        this.#reading = setInterval(() => source.read(), Math.min(this.#quietMs, READ_MS));
      }
    } catch (error) {
      options.onError(error);
    }
    this.started = this.#checking = this.#start();
  }

  async #start(): Promise<void> {
    try {
      this.#text ??= await this.#read();
    } catch (error) {
      this.#reportProblem(error);
    }
    await this.#follow();
    // What is written from now on must not count as what was there.
    await this.#snapshots;
    this.#checkIn(this.#quietMs);
  }

  /**
   * Reads the file once no process is writing it. It is then not reported as a change.
   *
   * @returns The whole file, or `undefined` if there is none
   * @throws {Error} if it is still being written after some time, or cannot be read
   */
  async read(): Promise<string | undefined> {
    for (let left = WAITING_QUIETS;; left--) {
      await this.#snapshots;
      const text = await this.#read();
      if (text === undefined) return undefined;
      if (this.#closed) throw new Error(`"${this.#path}" is no longer watched`);
      const fresh = text !== this.#text && left === WAITING_QUIETS;
      const open = this.#source !== undefined && text !== this.#closedText &&
        (this.#open.size > 0 || fresh);
      if (text !== "" && !open) {
        if (!this.#reporting) this.#text = text;
        return text;
      }
      // It may be another file by now, which no watch has announced.
      this.#queue(() => this.#follow());
      await this.#checking;
      if (left === 0) throw new Error(`"${this.#path}" is being written; try again`);
      await new Promise((resolve) => setTimeout(resolve, this.#quietMs));
    }
  }

  #checkIn(ms: number, { polled = false, look = false } = {}): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#queue(async () => {
        if (!look || await this.#looksOther()) await this.#check(polled || look);
        else this.#lookAgain();
      });
    }, ms);
  }

  #lookAgain(): void {
    this.#checkIn(this.#pollMs, { look: true });
  }

  /** Reports whether the file has to be read, without reading it: it has changed, or it is time. */
  async #looksOther(): Promise<boolean> {
    const mark = await markOf(this.#path);
    const same = mark === this.#mark && !this.#moved && !this.#reportedWaiting &&
      ++this.#looks < LOOKS;
    if (!same) this.#looks = 0;
    this.#mark = mark;
    return !same;
  }

  #queue(work: () => Promise<void>): void {
    this.#checking = this.#checking.then(work).catch((error) => {
      this.#reportProblem(error);
      this.#lookAgain();
    });
  }

  async #check(polled: boolean): Promise<void> {
    const events = this.#events;
    if (this.#moved || polled) await this.#follow();
    await this.#snapshots;
    const text = await this.#read();
    // An event meanwhile has set the timer again, and so will the end of a call under way.
    if (this.#closed || this.#reporting || events !== this.#events) return;
    // A watch that could not be opened has set it to an earlier time.
    if (!this.#moved) this.#lookAgain();
    if (text === undefined || text === this.#text) {
      this.#reportedWaiting = false;
      return;
    }
    if (this.#source === undefined && text !== this.#found) {
      this.#found = text;
      return this.#checkIn(this.#pollMs);
    }
    if (polled && events === this.#eventsSeen) {
      // The event may be waiting to be read.
      this.#source?.read();
      if (events !== this.#events) return;
      if (this.#source !== undefined && !this.#reportedMissed) {
        this.#reportedMissed = true;
        this.#options.onMissed?.();
      }
    }
    // A write may be younger than the last event that has arrived.
    if (this.#open.size === 0 && text !== this.#closedText) this.#suspectWriter(UNSEEN);
    // Every rewrite in place begins with an empty file, which is no configuration.
    if (text === "" || (this.#source !== undefined && this.#open.size > 0)) {
      const left = this.#lastEvent + WAITING_QUIETS * this.#quietMs - performance.now();
      // There were no events for a folder before it was watched, so the path is followed again too.
      if (left > 0) return this.#checkIn(left, { polled: true });
      if (text === "" || text !== this.#closedText) {
        if (this.#reportedWaiting) return;
        this.#reportedWaiting = true;
        return this.#options.onWaiting?.();
      }
    }
    this.#open.clear();
    this.#found = undefined;
    this.#eventsSeen = this.#events;
    this.#text = text;
    this.#reportedWaiting = false;
    this.#report(text);
  }

  /** Assumes a writer that was not seen, because events were missed, until the file has long been the same. */
  #suspectWriter(key: string): void {
    this.#open.add(key);
    this.#lastEvent = performance.now();
    this.#remember();
  }

  async #report(text: string): Promise<void> {
    this.#reporting = true;
    try {
      await this.#options.onChange(text);
    } catch (error) {
      if (!this.#closed) this.#options.onError(error);
    }
    this.#reporting = false;
    this.#lastProblem = "";
    this.#checkIn(this.#quietMs);
  }

  /** Reports a problem once, even if it comes several times in a row. */
  #reportProblem(error: unknown): void {
    const problem = String(error);
    if (this.#closed || problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    this.#options.onError(error);
  }

  #onEvent(key: string, kind: FileEventKind, path: string): void {
    const watched = this.#watched.get(key);
    if (watched === undefined) return;
    const missed = kind === "missed";
    if (!missed && !this.#trail.names.has(path)) return;
    this.#events++;
    this.#lastEvent = performance.now();
    const atFile = path === this.#trail.file;
    if (kind === "modify" && atFile) {
      this.#open.add(key);
    } else if (kind === "access" && atFile) {
      this.#open.delete(key);
      this.#open.delete(UNSEEN);
      this.#remember();
    } else {
      if (missed) {
        this.#suspectWriter(key);
      } else if (kind === "remove" && path === watched.path) {
        // The watch ended with its file. There may already be another file at the path.
        this.#unwatch(key, watched);
      } else if (atFile) {
        this.#open.delete(key);
        this.#open.delete(UNSEEN);
        this.#closedText = undefined;
        this.#files++;
        // The replaced file reports its lost link, which may look like its successor's "modify".
        if (kind === "rename") this.#remember();
      }
      // At once: what happens in a new folder is seen only once the folder is watched.
      if (!this.#moved) this.#queue(() => this.#follow());
      this.#moved = true;
    }
    this.#checkIn(this.#quietMs);
  }

  /** Reads the text at the close of the file. */
  #remember(): void {
    this.#snapshotOf = this.#files;
    if (this.#snapshotWaits) return;
    this.#snapshotWaits = true;
    this.#snapshots = this.#snapshots.then(async () => {
      this.#snapshotWaits = false;
      const file = this.#snapshotOf;
      const text = await this.#read();
      // The text of another file does not count.
      if (file === this.#files) this.#closedText = text;
    }).catch((error) => this.#reportProblem(error));
  }

  #read(): Promise<string | undefined> {
    return orMissing(readTextFile(this.#path));
  }

  /** Watches what the path leads through now, and stops watching what it led through before. */
  async #follow(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.#moved = false;
      // A new watch may have come too late for what happened in between.
      if (!await this.#followOnce()) return;
    }
    this.#moved = true;
    this.#checkIn(this.#quietMs);
  }

  /** Reports whether there is a new watch. */
  async #followOnce(): Promise<boolean> {
    const trail = await findTrail(this.#path);
    const keys = await inodesOf(trail);
    if (this.#closed) return false;
    if (trail.file !== this.#trail.file) {
      this.#open.clear();
      this.#closedText = undefined;
      this.#files++;
    }
    this.#trail = trail;
    for (const [key, watched] of this.#watched) {
      if (!keys.has(key)) this.#unwatch(key, watched);
    }
    let opened = false;
    for (const [key, path] of keys) {
      if (!this.#watched.has(key) && this.#watch(key, path)) opened = true;
    }
    return opened;
  }

  #watch(key: string, path: string): boolean {
    if (this.#source === undefined) return false;
    const { file } = this.#trail;
    try {
      const end = this.#source.watch(path, (kind, at) => this.#onEvent(key, kind, at));
      this.#watched.set(key, { path, end });
      // A writer may have begun before.
      if (file !== undefined && path === dirname(file)) this.#suspectWriter(key);
      return true;
    } catch (error) {
      // It was removed again, which its folder announces.
      if (error instanceof Deno.errors.NotFound) return false;
      this.#reportProblem(error);
      this.#moved = true;
      this.#checkIn(RETRY_MS);
      return false;
    }
  }

  #unwatch(key: string, { end }: Watched): void {
    this.#watched.delete(key);
    this.#open.delete(key);
    end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#reading);
    this.#watched.clear();
    this.#source?.[Symbol.dispose]();
    this.#source = undefined;
    // A call of `onChange` is not waited for: it may be what disposes of the watch.
    await within(END_MS, Promise.all([this.#checking, this.#snapshots]));
  }
}
