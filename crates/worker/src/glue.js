// One call into JavaScript for what would be dozens: each crossing between the two worlds costs as much as the work itself.
// Nothing here decides anything.
//
// Headers cross as one text: name, line feed, value, line feed. No header can hold a line feed.

// A stream of small pieces is handed over once in this time at most: that of two pictures on a screen. Each time costs as much
// computing as ten pieces that are read, and computing is what the platform limits and charges for.
const PACE_MS = 32;
// As much is read ahead.
const ENOUGH_BYTES = 65536;

// What is awaited in the program goes on through promises, where this is not there; here those are the cheaper way.
globalThis.queueMicrotask = undefined;

const headLines = (headers) => {
  let lines = "";
  for (const [name, value] of headers) lines += `${name}\n${value}\n`;
  return lines;
};

// An object is what the platform takes in the least time, but it holds each name only once.
const headersOf = (lines) => {
  const parts = lines.split("\n");
  const headers = {};
  for (let at = 0; at + 1 < parts.length; at += 2) {
    if (parts[at] in headers) return pairs(parts);
    headers[parts[at]] = parts[at + 1];
  }
  return headers;
};

const pairs = (parts) => {
  const pairs = [];
  for (let at = 0; at + 1 < parts.length; at += 2) pairs.push([parts[at], parts[at + 1]]);
  return pairs;
};

/** A request's method, address and headers. */
export const requestHead = (request) => `${request.method}\n${request.url}\n${headLines(request.headers)}`;

/** A response of the platform's. */
export const respond = (status, lines, body) => new Response(body, { status, headers: headersOf(lines) });

/**
 * A body, read ahead of who takes it. What comes in small pieces faster than PACE_MS is handed over together: taking a piece
 * costs more than reading it. The first piece, and one that comes after a pause, is handed over at once.
 */
export class Pieces {
  #reader;
  #isPaced;
  #waiting = { pieces: [], bytes: 0 };
  #isReading = false;
  #isOver = false;
  #error;
  #next = 0;
  #wake = () => {};

  /** `isPaced`: whether pieces are handed over together. */
  constructor(stream, isPaced) {
    this.#reader = stream.getReader();
    this.#isPaced = isPaced;
  }

  /** What has come: nothing at the end, `null` where one has to wait. */
  take() {
    if (!this.#isReading && !this.#isOver) this.#readAhead();
    const waiting = this.#waiting;
    if (waiting.bytes === 0) {
      if (!this.#isOver) return null;
      if (this.#error) throw this.#error;
      return undefined;
    }
    if (this.#isEarly()) return null;
    const pieces = waiting.pieces.splice(0);
    const taken = pieces.length === 1 ? pieces[0] : joined(pieces, waiting.bytes);
    waiting.bytes = 0;
    if (this.#isPaced) this.#next = Date.now() + PACE_MS;
    return taken;
  }

  /** Resolves when there is something to take. */
  async ready() {
    while (this.#waiting.bytes === 0 && !this.#isOver) await this.#change();
    if (this.#isEarly()) await this.#change(this.#next - Date.now());
  }

  cancel() {
    this.#reader.cancel().catch(() => {});
  }

  #isEarly() {
    return this.#isReading && Date.now() < this.#next;
  }

  async #readAhead() {
    this.#isReading = true;
    // The loop runs once for each piece, however small.
    const [reader, waiting] = [this.#reader, this.#waiting];
    try {
      while (waiting.bytes < ENOUGH_BYTES) {
        const { value } = await reader.read();
        if (value === undefined) {
          this.#isOver = true;
          break;
        }
        waiting.bytes += value.byteLength;
        if (waiting.pieces.push(value) === 1) this.#wake();
      }
    } catch (error) {
      this.#error = error;
      this.#isOver = true;
    }
    this.#isReading = false;
    this.#wake();
  }

  /** Resolves when anything has changed; with `millis`, when they are over, or nothing more is read ahead. */
  #change(millis) {
    return new Promise((wake) => {
      if (millis === undefined) {
        this.#wake = wake;
        return;
      }
      const timer = setTimeout(wake, millis);
      this.#wake = () => {
        if (this.#isReading) return;
        clearTimeout(timer);
        wake();
      };
    });
  }
}

const joined = (pieces, bytes) => {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
};

/** A data point of Analytics Engine. The texts come as lines. */
export const writePoint = (dataset, index, blobs, doubles) =>
  dataset.writeDataPoint({ indexes: [index], blobs: blobs.split("\n"), doubles: [...doubles] });

/** A request to somebody else, and what comes of it. */
export class Call {
  #controller = new AbortController();
  #response;

  /** Resolves to the status and the headers. */
  async send(url, method, lines, body) {
    this.#response = await fetch(url, {
      method,
      headers: headersOf(lines),
      body,
      redirect: "manual",
      signal: this.#controller.signal,
    });
    return `${this.#response.status}\n${headLines(this.#response.headers)}`;
  }

  /** All of the body at once. */
  whole() {
    return this.#response.arrayBuffer();
  }

  /** The body to be read; nothing where there is none. */
  pieces() {
    const { body, headers } = this.#response;
    const isStream = headers.get("content-type")?.startsWith("text/event-stream") ?? false;
    return body ? new Pieces(body, isStream) : undefined;
  }

  hangUp() {
    this.#controller.abort();
  }
}
