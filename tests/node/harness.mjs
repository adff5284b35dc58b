// What the Node suites share: the scripted upstreams, one Locum in front of them, and the official client.

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import OpenAI from "openai";

const target = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../target");
const { LOCUM_HOST, NODE_BIN, LOCUM_WORKER } = process.env;
const locum =
  LOCUM_HOST === "worker"
    ? [NODE_BIN, join(import.meta.dirname, "../worker/serve.mjs"), LOCUM_WORKER]
    : [process.env.LOCUM_BIN ?? join(target, "debug/locum"), "serve"];
const programs = {
  upstream: process.env.SCRIPTED_UPSTREAM_BIN ?? join(target, "debug/scripted-upstream"),
};

export const KEY = "sk-locum-black-box-0123456789";
export const GEMINI_MODEL = "gemini-flash-latest";
export const OPENAI_MODEL = "gpt-4.1-mini";

/** Starts a program in an empty folder of its own, which goes with it. */
function start(program, args, env) {
  const { PATH, HOME } = process.env;
  const cwd = mkdtempSync(join(tmpdir(), "locum-test-"));
  const child = spawn(program, args, { cwd, env: { PATH, HOME, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  child.once("exit", () => rmSync(cwd, { recursive: true, force: true }));
  return child;
}

/** The settings of a Locum that keeps nothing in its folder, where that is the host; as `harness/hosts.py` has it. */
function keptElsewhere() {
  if (LOCUM_HOST !== "postgres") return {};
  const { LOCUM_TEST_POSTGRES, LOCUM_TEST_S3, PG_BIN } = process.env;
  const own = `locum_${randomBytes(12).toString("hex")}`;
  execFileSync(`${PG_BIN}/psql`, ["-Xq", "-d", LOCUM_TEST_POSTGRES, "-c", `CREATE DATABASE ${own}`]);
  return {
    DATABASE_URL: LOCUM_TEST_POSTGRES.replace(/[^/]*$/, own),
    STORAGE_URL: `s3://locum/${own}`,
    AWS_ENDPOINT_URL: LOCUM_TEST_S3,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "locum",
    AWS_SECRET_ACCESS_KEY: "locum-secret",
  };
}

async function stop(child) {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Polls until `condition()` is true and resolves to what it returned. */
export async function waitUntil(condition, what) {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; await pause(20)) {
    const value = await condition();
    if (value) return value;
  }
  throw new Error(`${what} did not come true`);
}

class Upstream {
  static async start() {
    const upstream = new Upstream();
    upstream.child = start(programs.upstream, ["--port", "0"], {});
    const [line] = await once(createInterface(upstream.child.stdout), "line");
    upstream.url = `http://${line.replace("listening on ", "")}`;
    return upstream;
  }

  /** What the coming requests get, one behaviour each; after them the default good answer. */
  async script(...behaviours) {
    await this.#control("POST", "/__script", behaviours);
  }

  async clear() {
    await this.#control("DELETE", "/__requests");
  }

  async requests() {
    return (await this.#control("GET", "/__requests")).json();
  }

  stop() {
    return stop(this.child);
  }

  async #control(method, path, body) {
    const response = await fetch(this.url + path, { method, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response;
  }
}

/** Locum with both upstreams, and clients for it. `settings` are added to the environment. */
export async function startWorld(settings = {}) {
  const [openai, gemini, port] = await Promise.all([Upstream.start(), Upstream.start(), freePort()]);
  const url = `http://127.0.0.1:${port}`;
  const child = start(locum[0], locum.slice(1), {
    API_KEY: KEY,
    ENABLE_RATE_LIMIT: "false",
    HOST: "127.0.0.1",
    LOG_LEVEL: "warn",
    NODE_ENV: "production",
    PORT: String(port),
    PROVIDER_OPENAI_ENABLED: "true",
    OPENAI_API_KEY: "upstream-key",
    OPENAI_BASE_URL: `${openai.url}/v1`,
    PROVIDER_GEMINI_ENABLED: "true",
    GEMINI_API_KEY: "upstream-key",
    GEMINI_BASE_URL: gemini.url,
    ...keptElsewhere(),
    ...settings,
  });
  child.stdout.resume();
  const stopAll = () => Promise.all([stop(child), openai.stop(), gemini.stop()]);
  try {
    await waitUntil(() => {
      if (child.exitCode !== null) throw new Error(`locum ended with ${child.exitCode}`);
      return fetch(`${url}/health/live`).then((response) => response.ok, () => false);
    }, "GET /health/live");
  } catch (error) {
    // Else the upstreams would keep the runner waiting for ever.
    await stopAll();
    throw error;
  }
  return {
    url,
    openai,
    gemini,
    client: (options = {}) => new OpenAI({ baseURL: `${url}/v1`, apiKey: KEY, maxRetries: 0, timeout: 20_000, ...options }),
    clear: () => Promise.all([openai.clear(), gemini.clear()]),
    stop: stopAll,
  };
}

// What an upstream says, in each provider's own JSON.

const openaiHead = { id: "chatcmpl-upstream", created: 1_790_000_000, model: OPENAI_MODEL };
const openaiUsage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
const geminiUsage = { promptTokenCount: 11, candidatesTokenCount: 4, thoughtsTokenCount: 3, totalTokenCount: 18 };

const openaiCall = ([name, args], index) => ({
  id: `call_upstream${index}`,
  type: "function",
  function: { name, arguments: JSON.stringify(args) },
});
const openaiWhole = (message, finish_reason) => ({
  body: {
    ...openaiHead,
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", refusal: null, ...message }, logprobs: null, finish_reason }],
    usage: openaiUsage,
  },
});
const openaiStream = (deltas, reason) => ({
  chunks: [
    ...[{ role: "assistant", content: "" }, ...deltas, null].map((delta) => ({
      choices: [{ index: 0, delta: delta ?? {}, logprobs: null, finish_reason: delta ? null : reason }],
    })),
    { choices: [], usage: openaiUsage },
  ].map((chunk) => ({ ...openaiHead, object: "chat.completion.chunk", ...chunk })),
});
const geminiAnswer = (parts, finishReason) => ({
  candidates: [{ content: { role: "model", parts }, index: 0, ...(finishReason && { finishReason }) }],
  modelVersion: "gemini-3.8-flash",
  ...(finishReason && { usageMetadata: geminiUsage }),
});
const geminiCall = ([name, args], index) => ({
  functionCall: { name, args },
  ...(index === 0 && { thoughtSignature: "c2lnbmF0dXJl" }),
});

/** The same answers said by either provider. */
export const dialects = {
  openai: {
    model: OPENAI_MODEL,
    text: (content) => openaiWhole({ content }, "stop"),
    calls: (...calls) => openaiWhole({ content: null, tool_calls: calls.map(openaiCall) }, "tool_calls"),
    textStream: (...texts) => openaiStream(texts.map((content) => ({ content })), "stop"),
    callsStream: (...calls) =>
      openaiStream(
        calls.map(openaiCall).map((call, index) => ({ tool_calls: [{ index, ...call }] })),
        "tool_calls",
      ),
  },
  gemini: {
    model: GEMINI_MODEL,
    text: (text) => ({ body: geminiAnswer([{ text }], "STOP") }),
    calls: (...calls) => ({ body: geminiAnswer(calls.map(geminiCall), "STOP") }),
    textStream: (...texts) => ({
      chunks: [...texts.map((text) => geminiAnswer([{ text }])), geminiAnswer([{ text: "" }], "STOP")],
    }),
    callsStream: (...calls) => ({
      chunks: [...calls.map(geminiCall).map((part) => geminiAnswer([part])), geminiAnswer([{ text: "" }], "STOP")],
    }),
  },
};
