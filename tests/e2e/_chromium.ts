/**
 * Drives a real Chromium without a window, by its DevTools protocol. Knows the protocol, no page.
 *
 * @module
 */

import { until } from "./_shunt.ts";
import { Tool } from "./_tools.ts";

type Json = Readonly<Record<string, unknown>>;

/** How a page is looked at. */
export interface Look {
  readonly scheme: "light" | "dark";
  readonly width: number;
  readonly height: number;
}

/** Keys that are more than a letter: their code and the text that they type. */
const KEYS: Readonly<Record<string, readonly [code: number, text: string]>> = {
  Tab: [9, ""],
  Enter: [13, "\r"],
  Escape: [27, ""],
  " ": [32, " "],
  ArrowRight: [39, ""],
  ArrowDown: [40, ""],
};

/** Starts Chromium, or Chrome if there is no other. If there is neither, the error says what to install. */
function start(args: readonly string[]): Tool {
  try {
    return new Tool("chromium", args);
  } catch (error) {
    try {
      return new Tool("google-chrome", args);
    } catch {
      throw error;
    }
  }
}

/** One page in a browser of its own. */
export class Page implements AsyncDisposable {
  /** What went wrong in the page: errors, and what its policy forbade. */
  readonly errors: string[] = [];
  /** The addresses that it asked. */
  readonly requests: string[] = [];
  readonly #tool: Tool;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Json>>();
  #session: string | undefined;
  #sent = 0;

  private constructor(tool: Tool, folder: string, socket: WebSocket) {
    this.#tool = tool;
    this.#folder = folder;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(String(data))));
  }

  /**
   * Starts a browser with an empty page.
   *
   * @returns The page
   * @throws {Error} if there is no Chromium, with what to install
   */
  static async open(): Promise<Page> {
    const folder = await Deno.makeTempDir({ prefix: "shunt-chromium-" });
    const tool = start([
      "--headless=new",
      "--remote-debugging-port=0",
      `--user-data-dir=${folder}`,
      // Tests may run as root, where Chromium has no sandbox.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--hide-scrollbars",
      "about:blank",
    ]);
    const [, address] = await tool.says(/DevTools listening on (ws:\S+)/);
    const socket = new WebSocket(address!);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    const page = new Page(tool, folder, socket);
    const { targetId } = await page.#call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await page.#call("Target.attachToTarget", { targetId, flatten: true });
    page.#session = String(sessionId);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) {
      await page.#call(`${domain}.enable`);
    }
    return page;
  }

  #call(method: string, params: Json = {}): Promise<Json> {
    const id = ++this.#sent;
    const waiting = Promise.withResolvers<Json>();
    this.#waiting.set(id, waiting);
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    return waiting.promise;
  }

  // deno-lint-ignore no-explicit-any -- the protocol's own names, which a wrong one would not find
  #take({ id, result, error, method, params }: any): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error !== undefined) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
    if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
    if (method === "Log.entryAdded" && params.entry.level === "error") {
      this.errors.push(`${params.entry.text} ${params.entry.url ?? ""}`);
    }
    if (method === "Runtime.exceptionThrown") {
      const { exception, text } = params.exceptionDetails;
      this.errors.push(String(exception?.description ?? text));
    }
    if (method === "Runtime.consoleAPICalled" && ["error", "warning"].includes(params.type)) {
      this.errors.push(
        params.args.map((arg: Json) => String(arg.value ?? arg.description)).join(" "),
      );
    }
  }

  /** Goes to an address. */
  async go(url: string): Promise<void> {
    await this.#call("Page.navigate", { url });
    await this.until('document.readyState === "complete"', `${url} to be loaded`);
  }

  /** Looks at the page in another way. */
  async look({ scheme, width, height }: Look): Promise<void> {
    const features = [{ name: "prefers-color-scheme", value: scheme }];
    await this.#call("Emulation.setEmulatedMedia", { features });
    const mobile = width < 600;
    await this.#call("Emulation.setDeviceMetricsOverride", {
      ...{ width, height, mobile, deviceScaleFactor: 1 },
    });
  }

  /**
   * Evaluates an expression in the page.
   *
   * @param expression JavaScript
   * @returns Its value as JSON, promises awaited
   */
  async value<T>(expression: string): Promise<T> {
    // deno-lint-ignore no-explicit-any -- as above
    const { result, exceptionDetails }: any = await this.#call("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails === undefined) return result.value;
    throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
  }

  /** Returns the visible text of an element. */
  text(selector: string): Promise<string> {
    return this.value(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`);
  }

  /** Waits until an expression is true in the page. */
  async until(expression: string, what: string): Promise<void> {
    try {
      await until(() => this.#holds(expression), what, 15_000);
    } catch (error) {
      const seen = await this.value("document.body?.innerText").catch(String);
      throw new Error(`${String(error)}\n${this.errors.join("\n")}\n--- the page ---\n${seen}`);
    }
  }

  async #holds(expression: string): Promise<boolean> {
    try {
      return await this.value<boolean>(`Boolean(${expression})`);
    } catch (error) {
      // The page is just being loaded again.
      if (String(error).includes("navigated")) return false;
      throw error;
    }
  }

  /** Presses a key. */
  async press(key: string, { shift = false } = {}): Promise<void> {
    const [code, text] = KEYS[key] ?? [key.toUpperCase().charCodeAt(0), key];
    const event = {
      ...{ key, code: key === " " ? "Space" : key, windowsVirtualKeyCode: code },
      modifiers: shift ? 8 : 0,
    };
    await this.#call("Input.dispatchKeyEvent", {
      ...{ type: text === "" ? "rawKeyDown" : "keyDown", ...event },
      ...text === "" ? {} : { text },
    });
    await this.#call("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  /** Types text. */
  async type(text: string): Promise<void> {
    await this.#call("Input.insertText", { text });
  }

  /**
   * Presses Tab until an element has the focus.
   *
   * @param selector Which
   */
  async tabTo(selector: string): Promise<void> {
    for (let i = 0; i < 100; i++) {
      const there = `document.activeElement?.matches(${JSON.stringify(selector)})`;
      if (await this.value<boolean>(there)) return;
      await this.press("Tab");
    }
    throw new Error(`Tab never comes to ${selector}`);
  }

  /**
   * Takes a screenshot.
   *
   * @param path The PNG file
   */
  async shoot(path: string): Promise<void> {
    const { data } = await this.#call("Page.captureScreenshot");
    await Deno.writeFile(path, Uint8Array.fromBase64(String(data)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) =>
      this.#socket.addEventListener("close", resolve, { once: true })
    );
    this.#session = undefined;
    this.#call("Browser.close").catch(() => {});
    await closed;
    await this.#tool[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }
}
