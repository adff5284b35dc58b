// A page of another origin asks Locum through the official SDK: preflight, streams, readable headers.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join, normalize } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { GEMINI_MODEL, KEY, dialects, startWorld, waitUntil } from "../node/harness.mjs";

const SDK = dirname(fileURLToPath(import.meta.resolve("openai")));
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

let world;
let site;
let browser;
let page;

/** Serves the page, and the SDK's own modules, from an origin of their own. */
async function startSite() {
  const server = createServer(async (request, response) => {
    if (request.url === "/") {
      return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>page</title>");
    }
    const path = join(SDK, normalize(new URL(request.url, "http://site").pathname).replace(/^\/sdk/, ""));
    const module = await readFile(path).catch(() => null);
    response.writeHead(module ? 200 : 404, { "content-type": "text/javascript" }).end(module);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

before(async () => {
  world = await startWorld();
  site = await startSite();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  await page.evaluate(
    async ({ url, key }) => {
      const { default: OpenAI } = await import("/sdk/index.mjs");
      window.OpenAI = OpenAI;
      window.client = (options) =>
        new OpenAI({ baseURL: `${url}/v1`, apiKey: key, dangerouslyAllowBrowser: true, maxRetries: 0, ...options });
    },
    { url: world.url, key: KEY },
  );
});
after(async () => {
  await browser?.close();
  site?.close();
  await world?.stop();
});
beforeEach(() => world.clear());

test("an answer passes the preflight, and its request id can be read", async () => {
  await world.gemini.script(dialects.gemini.text("Good day."));
  const seen = await page.evaluate(async (model) => {
    const messages = [{ role: "user", content: "Hello" }];
    const { data, response, request_id } = await window
      .client()
      .chat.completions.create({ model, messages })
      .withResponse();
    return {
      text: data.choices[0].message.content,
      request_id,
      provider: response.headers.get("x-locum-provider"),
    };
  }, GEMINI_MODEL);
  assert.equal(seen.text, "Good day.");
  assert.ok(seen.request_id);
  assert.equal(seen.provider, "gemini");
});

test("a stream arrives piece by piece", async () => {
  await world.gemini.script(dialects.gemini.textStream("Good ", "day", "."));
  const pieces = await page.evaluate(async (model) => {
    const messages = [{ role: "user", content: "Hello" }];
    const pieces = [];
    for await (const chunk of await window.client().chat.completions.create({ model, messages, stream: true })) {
      pieces.push(chunk.choices[0]?.delta.content ?? "");
    }
    return pieces;
  }, GEMINI_MODEL);
  assert.equal(pieces.join(""), "Good day.");
});

test("an error is OpenAI's, not the browser's", async () => {
  const seen = await page.evaluate(async () => {
    try {
      await window.client({ apiKey: "sk-wrong" }).models.list();
    } catch (error) {
      return { is: error instanceof window.OpenAI.AuthenticationError, code: error.code, id: error.requestID };
    }
  });
  assert.equal(seen.is, true);
  assert.equal(seen.code, "invalid_api_key");
  assert.ok(seen.id);
});

test("a page that stops reading cancels the upstream", async () => {
  await world.gemini.script({ fault: "endless" });
  await page.evaluate(async (model) => {
    const messages = [{ role: "user", content: "Hello" }];
    const stream = await window.client().chat.completions.create({ model, messages, stream: true });
    let seen = 0;
    for await (const _chunk of stream) if (++seen === 20) break;
  }, GEMINI_MODEL);
  await waitUntil(async () => (await world.gemini.requests())[0].cancelled, "the cancellation");
});

test("an assistant's program runs in a page, polled at the server's pace and streamed", async () => {
  await world.gemini.script(dialects.gemini.textStream("Good ", "day."), dialects.gemini.textStream("Good ", "bye."));
  const seen = await page.evaluate(async (model) => {
    const { assistants, threads } = window.client().beta;
    const assistant = await assistants.create({ model });
    const thread = await threads.create({ messages: [{ role: "user", content: "Hello" }] });
    const begun = performance.now();
    const polled = await threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id });
    const elapsed = performance.now() - begun;
    const watching = threads.runs.stream(thread.id, { assistant_id: assistant.id });
    const deltas = [];
    watching.on("textDelta", (delta) => deltas.push(delta.value));
    const watched = await watching.finalRun();
    const deleted = await threads.delete(thread.id);
    return { statuses: [polled.status, watched.status], elapsed, text: deltas.join(""), deleted: deleted.deleted };
  }, GEMINI_MODEL);
  assert.deepEqual(seen.statuses, ["completed", "completed"]);
  assert.ok(seen.elapsed < 3000, "the SDK's own pace is five seconds");
  assert.equal(seen.text, "Good bye.");
  assert.equal(seen.deleted, true);
});
